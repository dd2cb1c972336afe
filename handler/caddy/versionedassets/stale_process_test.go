//go:build unix

package versionedassets_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// assetProcess prepares a process that serves a directory.
func assetProcess(t *testing.T, root string) *testsite.Process {
	t.Helper()
	p := &testsite.Process{Addr: testsite.FreeAddress(t), Admin: testsite.FreeAddress(t), Stopped: make(chan error, 1)}
	p.Config = func(words string) string {
		return fmt.Sprintf("{\nadmin %s\npersist_config off\nmetrics\n}\nhttp://%s {\nversioned_assets {\nserve /static/ %s\n"+
			"settle 50ms 100ms\n%s\n}\n}", p.Admin, p.Addr, root, words)
	}
	return p
}

// notKept matches lines about files that could not be archived.
var notKept = regexp.MustCompile(`.*"level":"(warn|error)".*"msg":"[^"]*\b(keeping|kept)\b.*`)

func getBody(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	for attempt := 1; attempt < 5 && errors.Is(err, syscall.ECONNRESET); attempt++ {
		response, err = http.Get(url) // a reload of Caddy resets connections in the queue of the previous listener
	}
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// The ledger of versions is in memory. It survives a reload.
func TestStaleVersionOverReload(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "static")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	testsite.WriteFile(t, root, "main.js", "release 1")
	data := t.TempDir()
	p := assetProcess(t, root)
	counted := func(n int) bool {
		return strings.Contains(getBody(t, "http://"+p.Admin+"/metrics"), fmt.Sprintf(`usher_assets_lying_versions_total{place="query",prefix="/static/"} %d`, n))
	}
	visit := func() string { return getBody(t, "http://"+p.Addr+"/static/main.js?v=20260211") }
	p.Run(t, p.Adapted(t, ""), "XDG_DATA_HOME="+data)
	for range 3 {
		if got := visit(); got != "release 1" {
			t.Fatalf("the first release is %q", got)
		}
	}
	if !counted(0) {
		t.Error("the metric is missing before the first stale version")
	}
	p.Reload(t, "explain")
	testsite.WriteFile(t, root, "main.js", "release 2")
	testsite.Eventually(t, "the stale version counted", func() bool { return visit() == "release 2" && counted(1) })
	p.Reload(t, "")
	if !counted(1) {
		t.Error("a reload resets the metric")
	}
	p.Stop(t)
	if got := strings.Count(p.Stderr.String(), staleInQuery); got != 1 {
		t.Errorf("reported %d times, want once:\n%s", got, p.Stderr.String())
	}
}

// In a rolling restart two processes of a site listen on different ports, and share an archive. Both serve the chunks of all
// releases, before and after the restart.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	root, data := filepath.Join(t.TempDir(), "static"), t.TempDir()
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	chunk := func(release int) (name, content string) {
		content = fmt.Sprintf("console.log('release %d')", release)
		return "chunk." + testsite.MD5Name(content) + ".js", content
	}
	deploy := func(release int) {
		if name, _ := chunk(release - 1); release > 1 {
			if err := os.Remove(filepath.Join(root, name)); err != nil {
				t.Fatal(err)
			}
		}
		name, content := chunk(release)
		testsite.WriteFile(t, root, name, content)
	}
	have := func(p *testsite.Process, releases int) bool {
		for release := range releases {
			name, content := chunk(release + 1)
			if getBody(t, "http://"+p.Addr+"/static/"+name) != content {
				return false
			}
		}
		return true
	}
	old, next := assetProcess(t, root), assetProcess(t, root)
	deploy(1)
	old.Run(t, old.Adapted(t, ""), "XDG_DATA_HOME="+data)
	next.Run(t, next.Adapted(t, ""), "XDG_DATA_HOME="+data)
	for _, p := range []*testsite.Process{old, next} {
		testsite.Eventually(t, "the first release", func() bool { return have(p, 1) })
	}
	kept := func(entries int) func() bool {
		return func() bool {
			files, err := filepath.Glob(filepath.Join(data, "caddy", "usher", "archive", "*", "entries", "*"))
			return err == nil && len(files) >= entries
		}
	}
	testsite.Eventually(t, "the first release kept", kept(1))
	deploy(2)
	testsite.Eventually(t, "the second release kept", kept(2))
	for _, p := range []*testsite.Process{old, next} {
		testsite.Eventually(t, "the second release", func() bool { return have(p, 2) })
	}
	old.Stop(t)
	deploy(3)
	testsite.Eventually(t, "the third release", func() bool { return have(next, 3) })
	testsite.Eventually(t, "the third release kept", kept(3))
	old.Run(t, old.Adapted(t, ""), "XDG_DATA_HOME="+data)
	testsite.Eventually(t, "all releases in a process that did not see the third", func() bool { return have(old, 3) })
	if !have(next, 3) {
		t.Error("the other process lost one")
	}
	for _, p := range []*testsite.Process{old, next} {
		p.Stop(t)
		if line := notKept.FindString(p.Stderr.String()); line != "" {
			t.Errorf("logged: %s", line)
		}
	}
}
