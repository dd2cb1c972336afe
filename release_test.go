//go:build unix

package usher

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// A machine without a container engine cannot build the Containerfile. It keeps these rules.
func TestContainerfile(t *testing.T) {
	t.Parallel()
	content := read(t, "Containerfile")
	stages := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(content, -1)
	if len(stages) != 2 {
		t.Fatalf("got %d stages, want one that builds and one that runs", len(stages))
	}
	for _, stage := range stages {
		if image := filepath.Base(stage[1]); !strings.Contains(image, ":") || strings.HasSuffix(image, ":latest") {
			t.Errorf("image %s has no version", image)
		}
	}
	last := content[strings.LastIndex(content, "\nFROM "):]
	if !regexp.MustCompile(`(?m)^USER [1-9]\d*:[1-9]\d*$`).MatchString(last) {
		t.Error("the last stage runs as root: write USER with numbers")
	}
	for _, instruction := range []string{"ENTRYPOINT [", "CMD ["} {
		if !strings.Contains(last, "\n"+instruction) {
			t.Errorf("%s...] is missing: a shell would not pass SIGTERM on", instruction)
		}
	}
	if regexp.MustCompile(`(?m)^ADD |curl|wget|sudo`).MatchString(content) {
		t.Error("the build loads something that no hash verifies")
	}
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.mod"))[1]
	if !strings.Contains(stages[0][1], ":"+goVersion+"-") {
		t.Errorf("image %s is not of Go %s, as in go.mod", stages[0][1], goVersion)
	}
	if !strings.Contains(content, "\nRUN .ci/build ") {
		t.Error("the image is not built by .ci/build, which names the versions of Caddy and xcaddy")
	}
}

// A tag of somebody else's repository can move, a commit cannot.
func TestWorkflowsPinActions(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob(".github/workflows/*.yml")
	if err != nil || len(names) < 2 {
		t.Fatalf("found %d workflows: %v", len(names), err)
	}
	for _, name := range names {
		content := read(t, name)
		if !strings.Contains(content, "\npermissions:\n  contents: read\n") {
			t.Errorf("%s has no read-only token", name)
		}
		for _, use := range regexp.MustCompile(`uses: (\S+)`).FindAllStringSubmatch(content, -1) {
			if !regexp.MustCompile(`@[0-9a-f]{40}$`).MatchString(use[1]) {
				t.Errorf("%s uses %s: write the commit", name, use[1])
			}
		}
		for _, script := range regexp.MustCompile(`run: bash (\S+)`).FindAllStringSubmatch(content, -1) {
			if out, err := exec.Command("bash", "-n", script[1]).CombinedOutput(); err != nil {
				t.Errorf("%s runs %s: %v\n%s", name, script[1], err, out)
			}
		}
	}
}

// A release needs its notes. The script rejects a tag before it builds anything.
func TestReleaseNeedsNotes(t *testing.T) {
	t.Parallel()
	target := filepath.Join(t.TempDir(), "dist")
	out, err := exec.Command("bash", ".ci/release", "v99.0.0", target).CombinedOutput()
	if err == nil || !strings.Contains(string(out), `no section "## 99.0.0 (<date>)"`) {
		t.Errorf("a release without notes: %v\n%s", err, out)
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("files were written")
	}
}
