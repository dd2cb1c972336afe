package e2e

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// unreachable are the codes in npm's output if the registry is not reachable.
var unreachable = []string{"ENOTFOUND", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "EAI_AGAIN", "ENETUNREACH", "EHOSTUNREACH"}

// npmInstall installs packages, or without a name those of package.json, into a directory. It skips the test if the registry is
// not reachable, or too slow.
func npmInstall(t *testing.T, dir string, packages ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", append([]string{
		"install", "--prefix", dir, "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--prefer-offline",
	}, packages...)...)
	install.Dir = dir
	out, err := install.CombinedOutput()
	if err == nil {
		return
	}
	if ctx.Err() != nil {
		t.Skip("skipped: npm install took more than 3 minutes")
	}
	for _, code := range unreachable {
		if strings.Contains(string(out), code) {
			t.Skipf("skipped: the npm registry is not reachable (%s)", code)
		}
	}
	t.Fatalf("npm install: %v\n%s", err, out)
}
