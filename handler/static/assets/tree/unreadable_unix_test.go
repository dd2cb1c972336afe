//go:build unix

package tree_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/assets/tree"
)

// A file that the process may not read is 403, and explained as such. So is each path below a directory that it may not search.
func TestUnreadableFile(t *testing.T) {
	if !isUnprivileged(t) {
		return
	}
	s := tree.NewStillTree(t, map[string]string{"a.js": "a", "secret.js": "s", "dir/b.js": "b", "later.js": "l", "large.bin": tree.Text(2 * tree.MaxInMemory)})
	chmod := func(name string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(s.Path(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	chmod("secret.js", 0)
	chmod("dir", 0)
	t.Cleanup(func() { chmod("dir", 0o755) })
	s.Read()
	h := handlerOfStill(s)
	check := func(when, name string, want int, why string) {
		t.Helper()
		response := ask(t, h, "GET", "/static/"+name)
		if cache := response.Header.Get("Cache-Control"); response.StatusCode != want || (want != 200) != (cache == "no-store") || response.Header.Get("Retry-After") != "" {
			t.Errorf("%s %s: %d %v, want %d", when, name, response.StatusCode, response.Header, want)
		}
		if e := h.Explain(httptest.NewRequest("GET", "/static/"+name, nil)); why != "" && (e.Status != want || e.Why != why) {
			t.Errorf("%s %s: %+v, want %d, %s", when, name, e, want, why)
		}
	}
	check("at the start", "secret.js", 403, assets.Reasons[assets.Unreadable])
	check("at the start", "dir/b.js", 403, assets.Reasons[assets.Unreachable])
	check("at the start", "dir/none.js", 403, assets.Reasons[assets.Unreachable])
	chmod("later.js", 0)
	chmod("large.bin", 0)
	check("before the next reading", "later.js", 200, "")
	check("before the next reading", "large.bin", 403, "")
	s.Read()
	check("just after", "later.js", 200, "")
	s.Now = s.Now.Add(tree.DefaultVanished)
	s.Read()
	check("later", "later.js", 403, assets.Reasons[assets.Unreadable])
	check("later", "large.bin", 403, assets.Reasons[assets.Unreadable])
	if !s.Logged("permission denied") {
		t.Error("the log does not name the cause")
	}
	for _, name := range []string{"secret.js", "later.js"} {
		chmod(name, 0o644)
	}
	chmod("dir", 0o755)
	s.Read()
	for _, name := range []string{"secret.js", "later.js", "dir/b.js"} {
		check("readable again", name, 200, "")
	}
}

// A file that becomes unreadable stays available under the version that the archive keeps.
func TestUnreadableFileKeepsItsVersions(t *testing.T) {
	if !isUnprivileged(t) {
		return
	}
	kept := archive.New(archive.Config{Directory: t.TempDir(), Now: time.Now})
	s := tree.NewStillTree(t, map[string]string{"a.js": "a"}, func(c *tree.Config) { c.Archive = kept })
	version := s.Read().Lookup("a.js").StampedVersion()
	if err := os.Chmod(s.Path("a.js"), 0); err != nil {
		t.Fatal(err)
	}
	s.Read()
	s.Now = s.Now.Add(tree.DefaultVanished)
	s.Read()
	h := handlerOfStill(s)
	if response := ask(t, h, "GET", "/static/a.js?v="+version); response.StatusCode != 200 || bodyOf(t, response) != "a" {
		t.Errorf("with a version: %d", response.StatusCode)
	}
	if response := ask(t, h, "GET", "/static/a.js"); response.StatusCode != 403 {
		t.Errorf("without: %d", response.StatusCode)
	}
}

// With pass_thru the application answers below a directory that the process may not search, but not for an unreadable file.
func TestUnreadableFileWithPassThru(t *testing.T) {
	if !isUnprivileged(t) {
		return
	}
	s := tree.NewStillTree(t, map[string]string{"secret.js": "s", "dir/b.js": "b"})
	for _, name := range []string{"secret.js", "dir"} {
		if err := os.Chmod(s.Path(name), 0); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(s.Path("dir"), 0o755) })
	s.Read()
	h := handlerOfStill(s)
	h.PassThru = true
	for name, want := range map[string]int{"secret.js": 403, "dir/b.js": 0} { // 0: the next handler
		if e := h.Explain(httptest.NewRequest("GET", "/static/"+name, nil)); e.Status != want {
			t.Errorf("%s: %+v, want %d", name, e, want)
		}
	}
}

// isUnprivileged reports a process that permissions bind. Otherwise it runs the test in one, as the user nobody.
func isUnprivileged(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() != 0 {
		return true
	}
	const nobody = 65534
	self := "/proc/self/exe" // others may not search the directory of the test binary
	if _, err := os.Stat(self); err != nil {
		t.Skip("root may read all files")
	}
	child := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.v")
	child.Dir = "/"
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
	return false
}
