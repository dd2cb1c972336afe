package assets

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
)

// A deployment that begins while the directory is read is not published by halves.
func TestDeploymentDuringTheReading(t *testing.T) {
	t.Parallel()
	var deploy func()
	s := newStillTree(t, map[string]string{"a.js": "old a", "b.js": "old b"}, func(c *TreeConfig) {
		c.Rewrite = func([]Rewritable, func(string) (string, bool)) map[string]Rewritten { // a.js and b.js are read by now
			deploy()
			return nil
		}
	})
	deploy = func() {}
	s.read()
	s.write("b.js", "new b")
	deploy = func() { s.write("a.js", "new a") }
	if c := s.read(); content(c, "b.js") != "old b" || !s.changing {
		t.Errorf("published a=%q b=%q, changing %v", content(c, "a.js"), content(c, "b.js"), s.changing)
	}
	deploy = func() {}
	if c := s.read(); content(c, "a.js") != "new a" || content(c, "b.js") != "new b" {
		t.Errorf("published a=%q b=%q", content(c, "a.js"), content(c, "b.js"))
	}
}

// Where nothing is heard of changes, the tree must be found the same twice.
func TestPollingSettles(t *testing.T) {
	t.Parallel()
	s := newStillTree(t, map[string]string{"a.js": "old a", "b.js": "old b"})
	s.read()
	poll := func() *Catalog { s.refresh(context.Background(), false); return s.catalog.Load() }
	s.write("a.js", "new a")
	if c := poll(); content(c, "a.js") != "old a" || !s.changing {
		t.Errorf("a change was published at the first look: %q", content(c, "a.js"))
	}
	s.write("b.js", "new b")
	if c := poll(); content(c, "a.js") != "old a" || content(c, "b.js") != "old b" {
		t.Errorf("a deployment was published by halves: %q %q", content(c, "a.js"), content(c, "b.js"))
	}
	if c := poll(); content(c, "a.js") != "new a" || content(c, "b.js") != "new b" {
		t.Errorf("what is the same twice was not published: %q %q", content(c, "a.js"), content(c, "b.js"))
	}
}

// rsync gives what it transfers a name with a dot until it is whole: a deployment goes on while such a file grows, with events or without.
func TestPollingWaitsForTransfers(t *testing.T) {
	t.Parallel()
	s := newStillTree(t, map[string]string{"a.js": "old a", "lib/b.js": "old b"})
	s.read()
	poll := func() *Catalog { s.refresh(context.Background(), false); return s.catalog.Load() }
	s.write("a.js", "new a")
	for i := range 5 {
		s.write("lib/.b.js.Xy12Ab", strings.Repeat("b", i))
		if c := poll(); content(c, "a.js") != "old a" {
			t.Fatal("a deployment was published by halves")
		}
	}
	if err := os.Rename(s.path("lib/.b.js.Xy12Ab"), s.path("lib/b.js")); err != nil {
		t.Fatal(err)
	}
	poll()
	if c := poll(); content(c, "a.js") != "new a" || content(c, "lib/b.js") != "bbbb" || c.Files() != 2 {
		t.Errorf("what is whole was not published: %q %q, %d files", content(c, "a.js"), content(c, "lib/b.js"), c.Files())
	}
	s.write(".notes", "of nobody's interest")
	s.link("nowhere", ".#lock")
	poll()
	if before, c := s.catalog.Load(), poll(); c != before || c.Files() != 2 || s.changing {
		t.Error("a dotfile is published, or keeps others from it")
	}
}

// `poll` finds changes without events, those too that keep size and date.
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
	tree, err := OpenTree(TreeConfig{
		Root: root, Poll: 20 * time.Millisecond, Settle: 20 * time.Millisecond, Logger: zap.NewNop(), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if got := content(tree.Catalog(context.Background()), "a.js"); got != "old" {
		t.Fatalf("a.js is %q", got)
	}
	write("new")
	eventually(t, "the new bytes", func() bool { return content(tree.Catalog(context.Background()), "a.js") == "new" })
}

// A deployment that writes anew what has not changed takes no memory for it. Other tests would take some at the same time.
func TestWrittenAnewUnchanged(t *testing.T) {
	s := newStillTree(t, nil)
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<14) // 256 KiB
	write := func() {
		for i := range 64 {
			s.remove(fmt.Sprintf("%d.bin", i))
			s.write(fmt.Sprintf("%d.bin", i), fmt.Sprint(i)+string(block))
		}
	}
	write()
	first := s.read()
	write()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	second := s.read()
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
	s := newStillTree(t, map[string]string{"main.js": "x"})
	reports := func() int { return s.logs.FilterField(zap.String("path", "loop.js")).Len() }
	s.link("loop.js", "loop.js")
	for range 3 {
		s.write("main.js", fmt.Sprint(s.now.UnixNano()))
		s.now = s.now.Add(time.Second)
		s.read()
	}
	if reports() != 1 {
		t.Errorf("%d reports, want one", reports())
	}
	s.remove("loop.js")
	s.read()
	s.link("loop.js", "loop.js")
	s.read()
	if reports() != 2 {
		t.Errorf("%d reports, want another", reports())
	}
}

func TestRootThatVanishesIsSaid(t *testing.T) {
	t.Parallel()
	s := newStillTree(t, map[string]string{"main.js": "x"})
	s.read()
	if err := os.Rename(s.root, s.root+"-away"); err != nil {
		t.Fatal(err)
	}
	if c := s.read(); content(c, "main.js") != "x" || !s.logged("the last generation stays in service") {
		t.Errorf("main.js %q, logged %v", content(c, "main.js"), s.logs.All())
	}
	if err := os.Rename(s.root+"-away", s.root); err != nil {
		t.Fatal(err)
	}
	if s.read(); !s.logged("readable again") {
		t.Error("nothing is said of its return")
	}
}

// A tree in which a file is always written is published at the start without that file.
func TestFirstReadingOfABusyTree(t *testing.T) {
	t.Parallel()
	writes := 0
	var s *stillTree
	s = newStillTree(t, map[string]string{"main.js": "x", "log.txt": ""}, func(c *TreeConfig) {
		c.Rewrite = func([]Rewritable, func(string) (string, bool)) map[string]Rewritten {
			writes++
			s.write("log.txt", strings.Repeat("x", writes))
			return nil
		}
	})
	for began := s.now; s.now.Sub(began) < maxUnsettledFirst; s.now = s.now.Add(time.Second) {
		if s.read() != nil {
			t.Fatal("published while the log file was written to")
		}
	}
	if content(s.read(), "main.js") != "x" {
		t.Error("nothing is published at the start")
	}
}

// While a deployment deletes everything, what is served from disk is served from the archive.
func TestVanishedFromDisk(t *testing.T) {
	t.Parallel()
	store := archive.New(archive.Config{Directory: t.TempDir(), Now: time.Now, Report: func(err error) { t.Error(err) }})
	if err := store.Open(); err != nil {
		t.Fatal(err)
	}
	store.Bound(time.Hour, 64<<20)
	large := strings.Repeat("0123456789abcdef", maxInMemory/16+1)
	s := newStillTree(t, map[string]string{"large.bin": large, "main.js": "x"}, func(c *TreeConfig) { c.Archive = store })
	s.read()
	s.background.Wait() // it is in the archive
	h := &Handler{Sites: []Site{{Prefix: "/", Tree: s.Tree}}}
	ask := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/large.bin", nil), nextFails{}); err != nil {
			t.Fatal(err)
		}
		return w
	}
	etag := ask().Header().Get("Etag")
	s.remove("large.bin")
	for _, when := range []string{"before it is noticed", "after"} {
		if w := ask(); w.Code != http.StatusOK || w.Body.String() != large || w.Header().Get("Etag") != etag {
			t.Errorf("%s: %d, %d bytes", when, w.Code, w.Body.Len())
		}
		s.read()
	}
	s.now = s.now.Add(DefaultVanished)
	s.read()
	if w := ask(); w.Code != http.StatusNotFound {
		t.Errorf("given up: %d", w.Code)
	}
	s.write("large.bin", large[1:]+"!")
	s.read()
	s.background.Wait()
	s.write("large.bin", "overwritten in place")
	if w := ask(); w.Code != http.StatusOK || w.Body.String() != large[1:]+"!" {
		t.Errorf("overwritten: %d, %d bytes", w.Code, w.Body.Len())
	}
}
