package tree_test

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets/tree"
)

// A deploy makes the deltas to the versions that clients hold, before a client asks for one.
func TestDeltasArePrepared(t *testing.T) {
	t.Parallel()
	text := tree.Text(4000)
	release := func(n int) string { return string(rune('0'+n)) + text }
	k := newKeptTree(t, t.TempDir(), map[string]string{"held.js": release(1), "unread.js": release(1)}, func(c *tree.Config) {
		c.Deltas, c.Archive = true, archive.New(archive.Config{Directory: t.TempDir(), Now: time.Now})
	})
	k.settle().Lookup("held.js").NoteDictionary()
	for _, name := range []string{"held.js", "unread.js"} {
		k.Write(name, release(2))
	}
	catalog := k.settle()
	held := sha256.Sum256([]byte(release(1)))
	if delta := k.MadeDelta(catalog.Lookup("held.js"), held); delta == nil {
		t.Error("the delta to a version that clients hold is not made")
	}
	k.Write("held.js", release(3))
	k.Write("unread.js", release(3))
	catalog = k.settle()
	if k.MadeDelta(catalog.Lookup("held.js"), held) == nil {
		t.Error("a version that clients hold is forgotten with the second deploy")
	}
	if k.MadeDelta(catalog.Lookup("unread.js"), sha256.Sum256([]byte(release(2)))) != nil {
		t.Error("a delta is made to a version that no client holds")
	}
	tree.Eventually(t, "a delta for a client that asks", func() bool {
		return k.Delta(context.Background(), catalog, catalog.Lookup("unread.js"), sha256.Sum256([]byte(release(2)))) != nil
	})
}

// Most clients that come back hold the version that a deploy replaces, even if an older one was served more often.
func TestReplacedVersionIsPrepared(t *testing.T) {
	t.Parallel()
	text := tree.Text(4000)
	release := func(n int) string { return string(rune('0'+n)) + text }
	k := newKeptTree(t, t.TempDir(), map[string]string{"main.js": release(0)}, func(c *tree.Config) {
		c.Deltas, c.Archive = true, archive.New(archive.Config{Directory: t.TempDir(), Now: time.Now})
	})
	catalog := k.settle()
	for n := range 6 {
		for range 10 - n {
			catalog.Lookup("main.js").NoteDictionary()
		}
		k.Write("main.js", release(n+1))
		catalog = k.settle()
		for _, held := range []int{0, n} {
			if k.MadeDelta(catalog.Lookup("main.js"), sha256.Sum256([]byte(release(held)))) == nil {
				t.Errorf("release %d: the delta from release %d is not made", n+1, held)
			}
		}
	}
}

func TestDeltaScope(t *testing.T) {
	t.Parallel()
	text := tree.Text(4000)
	k := newKeptTree(t, t.TempDir(), map[string]string{
		"app.js": text, "small.js": "small", "image.png": text, "page.html": text, "data.json": text, "module.wasm": text,
	})
	catalog := k.settle()
	for _, c := range []struct {
		path string
		ok   bool
		why  string
	}{
		{"app.js", true, "text"},
		{"data.json", true, "text"},
		{"module.wasm", true, "WebAssembly of two builds is similar"},
		{"small.js", false, "the header would be larger"},
		{"image.png", false, "images are compressed already"},
		{"page.html", false, "pages are always revalidated"},
	} {
		if scope, ok := catalog.Lookup(c.path).DeltaScope(); ok != c.ok || ok && (scope.Before != c.path || !scope.Query) {
			t.Errorf("%s: %+v, %t, want %t: %s", c.path, scope, ok, c.ok, c.why)
		}
	}
}
