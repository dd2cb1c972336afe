package testsite

import (
	"os"
	"os/exec"
	"testing"
)

// Tool returns the path of a program of a Debian package. Without the program it skips the test, or fails it with USHER_E2E=1.
func Tool(t *testing.T, name, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path
	case os.Getenv("USHER_E2E") != "":
		t.Fatalf("%s is missing; install %s: %v", name, debianPackage, err)
	default:
		t.Skipf("%s is missing (Debian: %s)", name, debianPackage)
	}
	return ""
}
