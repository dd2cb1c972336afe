package testsite

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Python returns Debian's interpreter. It skips the test if PyJWT, which examples/django needs, is missing.
func Python(t *testing.T) string {
	t.Helper()
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import jwt").Run(); err != nil {
		if os.Getenv("USHER_E2E") != "" {
			t.Fatalf("%s has no PyJWT; install python3-jwt: %v", python, err)
		}
		t.Skipf("%s has no PyJWT (Debian: python3-jwt)", python)
	}
	return python
}

// RunPython runs a program in examples/django and returns its output.
func RunPython(t *testing.T, python, program string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), python, append([]string{"-c", program}, args...)...)
	command.Dir = filepath.Join(Repository(t), "examples", "django")
	command.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("python: %v\n%s", err, output)
	}
	return string(output)
}
