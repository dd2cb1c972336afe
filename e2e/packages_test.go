package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// installPackages installs packages of npm into a new directory.
func installPackages(t *testing.T, packages ...string) (dir string) {
	t.Helper()
	need(t, "node", "npm")
	dir = t.TempDir()
	npmInstall(t, dir, packages...)
	return dir
}

// runNode runs a script of Node.
func runNode(t *testing.T, dir string, args ...string) {
	t.Helper()
	command := exec.Command("node", args...)
	command.Dir = dir
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("node %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// writeFiles writes files into a directory. Those with the prefix @ are copies of the file that the content names.
func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		if source, is := strings.CutPrefix(content, "@"); is {
			read, err := os.ReadFile(source)
			if err != nil {
				t.Fatal(err)
			}
			content = string(read)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
