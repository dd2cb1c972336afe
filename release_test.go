//go:build unix

package usher

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
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
			if out, err := exec.Command(testsite.Tool(t, "bash", "bash"), "-n", script[1]).CombinedOutput(); err != nil {
				t.Errorf("%s runs %s: %v\n%s", name, script[1], err, out)
			}
		}
	}
}

// A release needs its notes. The script rejects a tag before it builds anything.
func TestReleaseNeedsNotes(t *testing.T) {
	t.Parallel()
	target := filepath.Join(t.TempDir(), "dist")
	out, err := exec.Command(testsite.Tool(t, "bash", "bash"), ".ci/release", "v99.0.0", target).CombinedOutput()
	if err == nil || !strings.Contains(string(out), `no section "## 99.0.0 (<date>)"`) {
		t.Errorf("a release without notes: %v\n%s", err, out)
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("files were written")
	}
}

// A release has an archive for each platform, with the binary of this platform and the license, and the notes of its version alone.
func TestReleaseFiles(t *testing.T) {
	t.Parallel()
	bash := testsite.Tool(t, "bash", "bash")
	if version, err := exec.Command("tar", "--version").Output(); err != nil || !strings.Contains(string(version), "GNU tar") {
		t.Skip("GNU tar is missing")
	}
	root := testsite.WriteTree(t, map[string]string{
		".ci/release":  read(t, ".ci/release"),
		".ci/build":    "#!/bin/sh\necho $GOOS $GOARCH $2 >$1\n",
		"CHANGELOG.md": "# Changes\n\n## 1.2.0 (2027-01-01)\n\nnew\n\n## 1.1.0 (2026-01-01)\n\nold\n",
		"LICENSE":      "license",
	})
	if err := os.Chmod(filepath.Join(root, ".ci/build"), 0o755); err != nil {
		t.Fatal(err)
	}
	dist := filepath.Join(root, "dist")
	if out, err := exec.Command(bash, filepath.Join(root, ".ci/release"), "v1.2.0", dist).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if notes := read(t, filepath.Join(dist, "notes.md")); strings.TrimSpace(notes) != "new" {
		t.Errorf("the notes are %q", notes)
	}
	sums := read(t, filepath.Join(dist, "SHA256SUMS"))
	for platform, binary := range map[string]string{"linux-amd64": "caddy", "linux-arm64": "caddy", "darwin-arm64": "caddy", "windows-amd64": "caddy.exe"} {
		archive := "caddy-usher-1.2.0-" + platform + ".tar.gz"
		out, err := exec.Command("tar", "-xzOf", filepath.Join(dist, archive), "caddy-usher-1.2.0/"+binary, "caddy-usher-1.2.0/LICENSE").Output()
		want := strings.Replace(platform, "-", " ", 1) + " v1.2.0\nlicense"
		if err != nil || string(out) != want || !strings.Contains(sums, archive) {
			t.Errorf("%s: %q, %v, want %q and a checksum", archive, out, err, want)
		}
	}
}
