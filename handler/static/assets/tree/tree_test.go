package tree_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/assets/tree"
)

// A deploy that begins during a reading is not published partially.
func TestDeploymentDuringTheReading(t *testing.T) {
	t.Parallel()
	var deploy func()
	s := tree.NewStillTree(t, map[string]string{"a.js": "old a", "b.js": "old b"}, func(c *tree.Config) {
		c.Rewrite = func([]tree.Rewritable, func(string) (string, bool)) (map[string]tree.Rewritten, tree.Unversioned) { // a.js and b.js are read by now
			deploy()
			return nil, tree.Unversioned{}
		}
	})
	deploy = func() {}
	s.Read()
	s.Write("b.js", "new b")
	deploy = func() { s.Write("a.js", "new a") }
	if c := s.Read(); tree.Content(c, "b.js") != "old b" || !s.IsChanging() {
		t.Errorf("published a=%q b=%q, changing %v", tree.Content(c, "a.js"), tree.Content(c, "b.js"), s.IsChanging())
	}
	deploy = func() {}
	if c := s.Read(); tree.Content(c, "a.js") != "new a" || tree.Content(c, "b.js") != "new b" {
		t.Errorf("published a=%q b=%q", tree.Content(c, "a.js"), tree.Content(c, "b.js"))
	}
}

// Without events, the tree is published after two equal walks.
func TestPollingSettles(t *testing.T) {
	t.Parallel()
	s := tree.NewStillTree(t, map[string]string{"a.js": "old a", "b.js": "old b"})
	s.Read()
	poll := func() *tree.Catalog { s.Refresh(context.Background(), false); return s.Published() }
	s.Write("a.js", "new a")
	if c := poll(); tree.Content(c, "a.js") != "old a" || !s.IsChanging() {
		t.Errorf("a change was published after one walk: %q", tree.Content(c, "a.js"))
	}
	s.Write("b.js", "new b")
	if c := poll(); tree.Content(c, "a.js") != "old a" || tree.Content(c, "b.js") != "old b" {
		t.Errorf("a deploy was published partially: %q %q", tree.Content(c, "a.js"), tree.Content(c, "b.js"))
	}
	if c := poll(); tree.Content(c, "a.js") != "new a" || tree.Content(c, "b.js") != "new b" {
		t.Errorf("an unchanged tree was not published: %q %q", tree.Content(c, "a.js"), tree.Content(c, "b.js"))
	}
}

// rsync writes to a name with a dot until the file is complete. A deploy continues while such a file grows, with and without events.
func TestPollingWaitsForTransfers(t *testing.T) {
	t.Parallel()
	s := tree.NewStillTree(t, map[string]string{"a.js": "old a", "lib/b.js": "old b"})
	s.Read()
	poll := func() *tree.Catalog { s.Refresh(context.Background(), false); return s.Published() }
	s.Write("a.js", "new a")
	for i := range 5 {
		s.Write("lib/.b.js.Xy12Ab", strings.Repeat("b", i))
		if c := poll(); tree.Content(c, "a.js") != "old a" {
			t.Fatal("a deploy was published partially")
		}
	}
	if err := os.Rename(s.Path("lib/.b.js.Xy12Ab"), s.Path("lib/b.js")); err != nil {
		t.Fatal(err)
	}
	poll()
	if c := poll(); tree.Content(c, "a.js") != "new a" || tree.Content(c, "lib/b.js") != "bbbb" || c.Files() != 2 {
		t.Errorf("the complete deploy was not published: %q %q, %d files", tree.Content(c, "a.js"), tree.Content(c, "lib/b.js"), c.Files())
	}
	s.Write(".notes", "of nobody's interest")
	s.Link("nowhere", ".#lock")
	poll()
	if before, c := s.Published(), poll(); c != before || c.Files() != 2 || s.IsChanging() {
		t.Error("a dotfile is published, or delays other files")
	}
}

// `poll` finds changes without events, also with equal size and date.
func TestPollFindsWhatKeepsSizeAndDate(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	path := filepath.Join(root, "a.js")
	date := time.Now().Add(-time.Hour)
	write := func(content string) {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, date, date); err != nil {
			t.Fatal(err)
		}
	}
	write("old")
	served, err := tree.Open(tree.Config{
		Root: root, Poll: 20 * time.Millisecond, Settle: 20 * time.Millisecond, Logger: zap.NewNop(), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer served.Close()
	if got := tree.Content(served.Catalog(context.Background()), "a.js"); got != "old" {
		t.Fatalf("a.js is %q", got)
	}
	write("new")
	tree.Eventually(t, "the new bytes", func() bool { return tree.Content(served.Catalog(context.Background()), "a.js") == "new" })
}

// A deploy that rewrites unchanged files needs no memory for them. The test is not parallel, since it measures memory.
func TestRewritingUnchangedFilesTakesNoMemory(t *testing.T) {
	s := tree.NewStillTree(t, nil)
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<14) // 256 KiB
	write := func() {
		for i := range 64 {
			s.Remove(fmt.Sprintf("%d.bin", i))
			s.Write(fmt.Sprintf("%d.bin", i), fmt.Sprint(i)+string(block))
		}
	}
	write()
	first := s.Read()
	write()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	second := s.Read()
	runtime.ReadMemStats(&after)
	if taken := after.TotalAlloc - before.TotalAlloc; taken > 4<<20 {
		t.Errorf("%d bytes were taken to read 16 MiB that have not changed", taken)
	}
	if a, b := first.Lookup("7.bin"), second.Lookup("7.bin"); a == b || &a.Content[0] != &b.Content[0] {
		t.Error("the same bytes are in memory twice, or were not read again")
	}
}

// A file that cannot be read is reported once, and again when it could be read in between.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	s := tree.NewStillTree(t, map[string]string{"main.js": "x"})
	reports := func() int { return s.Logs.FilterField(zap.String("path", "loop.js")).Len() }
	s.Link("loop.js", "loop.js")
	for range 3 {
		s.Write("main.js", fmt.Sprint(s.Now.UnixNano()))
		s.Now = s.Now.Add(time.Second)
		s.Read()
	}
	if reports() != 1 {
		t.Errorf("%d reports, want one", reports())
	}
	s.Remove("loop.js")
	s.Read()
	s.Link("loop.js", "loop.js")
	s.Read()
	if reports() != 2 {
		t.Errorf("%d reports, want another", reports())
	}
}

func TestVanishedRootIsLogged(t *testing.T) {
	t.Parallel()
	s := tree.NewStillTree(t, map[string]string{"main.js": "x"})
	s.Read()
	if err := os.Rename(s.Root, s.Root+"-away"); err != nil {
		t.Fatal(err)
	}
	if c := s.Read(); tree.Content(c, "main.js") != "x" || !s.Logged("the last generation stays in service") {
		t.Errorf("main.js %q, logged %v", tree.Content(c, "main.js"), s.Logs.All())
	}
	if err := os.Rename(s.Root+"-away", s.Root); err != nil {
		t.Fatal(err)
	}
	if s.Read(); !s.Logged("readable again") {
		t.Error("no line reports that the file is readable again")
	}
}

// At the start, a tree is published without a file that changes all the time.
func TestFirstReadingOfABusyTree(t *testing.T) {
	t.Parallel()
	writes := 0
	var s *tree.StillTree
	s = tree.NewStillTree(t, map[string]string{"main.js": "x", "log.txt": ""}, func(c *tree.Config) {
		c.Rewrite = func([]tree.Rewritable, func(string) (string, bool)) (map[string]tree.Rewritten, tree.Unversioned) {
			writes++
			s.Write("log.txt", strings.Repeat("x", writes))
			return nil, tree.Unversioned{}
		}
	})
	for began := s.Now; s.Now.Sub(began) < tree.MaxUnsettledFirst; s.Now = s.Now.Add(time.Second) {
		if s.Read() != nil {
			t.Fatal("published while the log file was written to")
		}
	}
	if tree.Content(s.Read(), "main.js") != "x" {
		t.Error("no file is published at the start")
	}
}

// While a deploy deletes the directory, large files are served from the archive.
func TestVanishedFromDisk(t *testing.T) {
	t.Parallel()
	store := archive.New(archive.Config{Directory: t.TempDir(), Now: time.Now, Report: func(err error) { t.Error(err) }})
	if err := store.Open(); err != nil {
		t.Fatal(err)
	}
	store.Bound(time.Hour, 64<<20)
	large := strings.Repeat("0123456789abcdef", tree.MaxInMemory/16+1)
	s := tree.NewStillTree(t, map[string]string{"large.bin": large, "main.js": "x"}, func(c *tree.Config) { c.Archive = store })
	s.Read()
	s.Background().Wait() // it is in the archive
	h := &assets.Handler{Sites: []assets.Site{{Prefix: "/", Tree: s.Tree}}}
	ask := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/large.bin", nil), nextFails{}); err != nil {
			t.Fatal(err)
		}
		return w
	}
	etag := ask().Header().Get("Etag")
	s.Remove("large.bin")
	for _, when := range []string{"before it is noticed", "after"} {
		if w := ask(); w.Code != http.StatusOK || w.Body.String() != large || w.Header().Get("Etag") != etag {
			t.Errorf("%s: %d, %d bytes", when, w.Code, w.Body.Len())
		}
		s.Read()
	}
	s.Now = s.Now.Add(tree.DefaultVanished)
	s.Read()
	if w := ask(); w.Code != http.StatusNotFound {
		t.Errorf("given up: %d", w.Code)
	}
	s.Write("large.bin", large[1:]+"!")
	s.Read()
	s.Background().Wait()
	s.Write("large.bin", "overwritten in place")
	if w := ask(); w.Code != http.StatusOK || w.Body.String() != large[1:]+"!" {
		t.Errorf("overwritten: %d, %d bytes", w.Code, w.Body.Len())
	}
}
