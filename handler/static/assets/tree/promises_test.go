package tree_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/promises"
)

// Files that are immutable by evidence other than their bytes.
const (
	byManifest  = "assets/x-DdCDtH1A.js"
	byDirectory = "_astro/y.BxqeNUpP.css"
	byOperator  = "vendor/jquery.js"
	byQuery     = "worker.js"
)

// vouchedTree is a tree of these files, whose promises are remembered.
type vouchedTree struct {
	*tree.StillTree
	remembered *promises.Store
	file       string
	operator   tree.Patterns
	handler    *assets.Handler
}

func newVouchedTree(t *testing.T) *vouchedTree {
	t.Helper()
	v := &vouchedTree{file: filepath.Join(t.TempDir(), "promises"), operator: tree.Patterns{"/static/vendor/*"}}
	v.start(t, nil)
	for name, content := range map[string]string{
		byManifest: "A", byDirectory: "A", byOperator: "A", byQuery: "A", ".vite/manifest.json": v.manifest(""),
		"manifest.json": `{"worker.js":"worker.js?0a1b2c3d4e5f"}`,
	} {
		v.Write(name, content)
	}
	return v
}

func (v *vouchedTree) manifest(space string) string {
	return `{"x.js":` + space + `{"file":"` + byManifest + `","src":"x.js"}}`
}

// start creates the tree of another process.
func (v *vouchedTree) start(t *testing.T, before *tree.StillTree) {
	t.Helper()
	now := func() time.Time { return v.Now }
	v.remembered = promises.New(v.file, now)
	v.StillTree = tree.NewStillTree(t, nil, func(c *tree.Config) {
		c.Promises, c.Prefix, c.Immutable = v.remembered, "/static/", v.operator
		c.Manifests = []string{".vite/manifest.json", "manifest.json"}
		if before != nil {
			c.Root = before.Root
		}
	})
	if before != nil {
		v.Root, v.Now = before.Root, before.Now
	}
	v.handler = &assets.Handler{
		Sites: []assets.Site{{Prefix: "/static/", Tree: v.Tree, Promises: v.remembered}}, VersionQuery: []string{"v"},
	}
}

func (v *vouchedTree) restart(t *testing.T) { v.start(t, v.StillTree) }

// readQuiet reads the tree, and again after the second time of settle.
func (v *vouchedTree) readQuiet() {
	v.Read()
	v.Background().Wait()
	v.Now = v.Now.Add(tree.DefaultVanished)
	v.PromiseWaiting(context.Background())
}

func (v *vouchedTree) url(name string) string {
	if name == byQuery {
		return "/static/" + name + "?v=0a1b2c3d4e5f"
	}
	return "/static/" + name
}

func (v *vouchedTree) cacheControl(name string) string {
	v.T.Helper()
	return ask(v.T, v.handler, "GET", v.url(name)).Header.Get("Cache-Control")
}

func (v *vouchedTree) reports() int {
	return v.Logs.FilterMessage("immutable URLs have other content; now no-cache").Len()
}

// Half an upload may be quiet for as long as settle, and pause. It is not given out as immutable.
func TestEvidenceWaitsUntilTheFileIsQuiet(t *testing.T) {
	t.Parallel()
	for _, name := range []string{byManifest, byDirectory, byOperator, byQuery} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVouchedTree(t)
			v.Now = time.Now()
			v.Read()
			if got := v.cacheControl(name); got != "no-cache" {
				t.Errorf("at the first reading: %q, want no-cache", got)
			}
			if why := v.handler.Explain(request(v.url(name))).Why; !strings.Contains(why, tree.WhyNotQuiet) && name != byQuery {
				t.Errorf("explained as %q", why)
			}
			v.readQuiet()
			if got := v.cacheControl(name); got != cacheForever {
				t.Errorf("when quiet: %q, want immutable", got)
			}
		})
	}
}

// The walk that would find the change comes after the time is over.
func TestChangeBeforeTheWalkIsNotQuiet(t *testing.T) {
	t.Parallel()
	v := newVouchedTree(t)
	v.Now = time.Now()
	v.Read()
	v.Write(byManifest, "half")
	v.Now = v.Now.Add(tree.DefaultVanished + time.Second)
	v.PromiseWaiting(context.Background())
	if got := v.cacheControl(byManifest); got != "no-cache" {
		t.Errorf("%q, want no-cache: the file changed", got)
	}
	if got := v.cacheControl(byDirectory); got != cacheForever {
		t.Errorf("%q for a file that did not change, want immutable", got)
	}
}

// A URL that was given out as immutable, and has other content since, is never immutable again.
func TestBrokenPromise(t *testing.T) {
	t.Parallel()
	reformat := func(v *vouchedTree) { v.Write(".vite/manifest.json", v.manifest("\n ")) }
	for _, c := range []struct {
		name, path, why string
		change          func(t *testing.T, v *vouchedTree)
	}{
		{"manifest", byManifest, "the manifest stayed as it was", func(*testing.T, *vouchedTree) {}},
		{"reformatted manifest", byManifest, "the manifest is newer than the file", func(_ *testing.T, v *vouchedTree) { reformat(v) }},
		{"directory", byDirectory, "the directory says nothing of content", func(*testing.T, *vouchedTree) {}},
		{"operator", byOperator, "the operator was wrong", func(*testing.T, *vouchedTree) {}},
		{"restart", byDirectory, "the promise is on disk", func(t *testing.T, v *vouchedTree) { v.restart(t) }},
		{"other words", byManifest, "the URL is the same", func(t *testing.T, v *vouchedTree) {
			v.operator = tree.Patterns{"/static/assets/*"}
			v.restart(t)
		}},
		{"version in the query", byQuery, "the manifest gives other content the same version", func(_ *testing.T, v *vouchedTree) {
			v.Write("manifest.json", `{"worker.js": "worker.js?0a1b2c3d4e5f"}`)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, want := newVouchedTree(t), "no-cache"
			if c.path == byQuery {
				want = "no-store" // a version that was proved of other content
			}
			v.readQuiet()
			if got := v.cacheControl(c.path); got != cacheForever {
				t.Fatalf("%q, want immutable", got)
			}
			v.Write(c.path, "B, which is other content")
			c.change(t, v)
			v.readQuiet()
			reports := v.reports()
			if got := v.cacheControl(c.path); got != want {
				t.Errorf("with other content: %q, want %q (%s)", got, want, c.why)
			}
			if c.path != byQuery && reports != 1 {
				t.Errorf("%d reports, want 1", reports)
			}
			v.restart(t)
			v.readQuiet()
			if got := v.cacheControl(c.path); got != want || v.reports() > 0 {
				t.Errorf("after a restart: %q, %d reports, want %q and none", got, v.reports(), want)
			}
			if c.path == byQuery {
				return // its first content is what browsers hold
			}
			v.Write(c.path, "A")
			reformat(v)
			v.readQuiet()
			if got := v.cacheControl(c.path); got != "no-cache" {
				t.Errorf("with its first content again: %q, want no-cache", got)
			}
			v.Now = v.Now.Add(promises.Lifetime)
			v.restart(t)
			v.readQuiet()
			if got := v.cacheControl(c.path); got != cacheForever {
				t.Errorf("when no browser holds it any more: %q, want immutable", got)
			}
		})
	}
}

// A name that holds the hash of its content is immutable. With other content, an immutable pattern does not count for it.
func TestImmutableIsNoEvidenceForANameOfOtherContent(t *testing.T) {
	t.Parallel()
	v := newVouchedTree(t)
	name := "vendor/lib." + tree.MD5Of("A")[:12] + ".js"
	v.Write(name, "A")
	v.readQuiet()
	if got := v.cacheControl(name); got != cacheForever {
		t.Fatalf("%q, want immutable", got)
	}
	v.Write(name, "half")
	v.readQuiet()
	if got := v.cacheControl(name); got != "no-cache" {
		t.Errorf("with other content: %q, want no-cache", got)
	}
	v.Write(name, "A")
	v.readQuiet()
	if got := v.cacheControl(name); got != cacheForever {
		t.Errorf("with its content again: %q, want immutable: the bytes prove it", got)
	}
}

// Another process gave out the URL with other content, such as another release in a rolling deployment.
func TestPromiseOfAnotherProcess(t *testing.T) {
	t.Parallel()
	v := newVouchedTree(t)
	v.readQuiet()
	other := promises.New(v.file, func() time.Time { return v.Now })
	promise := promises.Promise{Path: byOperator, Digest: [32]byte{1}}
	if err := other.Add(promise); err != nil {
		t.Fatal(err)
	}
	if got := v.cacheControl(byDirectory); got != cacheForever {
		t.Fatalf("%q, want immutable", got)
	}
	v.FollowPromises()
	if got := v.cacheControl(byOperator); got != "no-cache" {
		t.Errorf("%q, want no-cache", got)
	}
	if got := v.cacheControl(byDirectory); got != cacheForever {
		t.Errorf("another URL: %q, want immutable still", got)
	}
	if !v.remembered.HasOther(byOperator, "", promise.Digest) {
		t.Error("the other process does not learn of this content")
	}
}

// An earlier promise is renewed without a quiet time: a deploy may rewrite unchanged files.
func TestRepeatedPromiseNeedsNoPause(t *testing.T) {
	t.Parallel()
	v := newVouchedTree(t)
	v.readQuiet()
	for range 2 {
		v.Now = time.Now()
		v.Write(byManifest, "A")
		v.Write(".vite/manifest.json", v.manifest(""))
		v.Read()
		if got := v.cacheControl(byManifest); got != cacheForever {
			t.Errorf("%q, want immutable", got)
		}
		v.restart(t)
	}
}

// A URL is not immutable if the promise cannot be recorded.
func TestPromiseThatCannotBeRecorded(t *testing.T) {
	t.Parallel()
	v := newVouchedTree(t)
	if err := os.Mkdir(v.file, 0o700); err != nil { // not a file
		t.Fatal(err)
	}
	for range 2 {
		v.readQuiet()
		if got := v.cacheControl(byManifest); got != "no-cache" {
			t.Errorf("%q, want no-cache", got)
		}
	}
	if got := v.Logs.FilterMessage("promises cannot be stored; unproved URLs stay no-cache").Len(); got != 1 {
		t.Errorf("%d reports, want 1", got)
	}
	if err := os.Remove(v.file); err != nil {
		t.Fatal(err)
	}
	v.Now = v.Now.Add(tree.RetryPromises)
	v.PromiseWaiting(context.Background())
	if got := v.cacheControl(byManifest); got != cacheForever {
		t.Errorf("when it can be recorded: %q, want immutable", got)
	}
}

// The archive holds only content that was given out, and gives it out again only if the promise holds.
func TestArchivedNames(t *testing.T) {
	t.Parallel()
	v := newVouchedTree(t)
	kept := archive.New(archive.Config{Directory: t.TempDir(), Now: func() time.Time { return v.Now }})
	v.Configuration().Archive = kept
	v.Now = time.Now()
	v.Read()
	v.Background().Wait()
	if _, found := kept.Find(byManifest, ""); found {
		t.Error("content was archived under its name before it was given out")
	}
	v.readQuiet()
	v.Background().Wait()
	if _, found := kept.Find(byManifest, ""); !found {
		t.Fatal("content that is given out is not archived")
	}
	v.Remove(byManifest)
	v.Now = v.Now.Add(time.Minute)
	for range 2 {
		v.Read()
		v.Background().Wait()
		v.Now = v.Now.Add(time.Minute)
	}
	if got := v.cacheControl(byManifest); got != cacheForever {
		t.Errorf("from the archive: %q, want immutable", got)
	}
	v.Write(byManifest, "B, which is other content")
	v.readQuiet()
	v.Background().Wait()
	v.Remove(byManifest)
	for range 2 {
		v.Now = v.Now.Add(time.Minute)
		v.Read()
		v.Background().Wait()
	}
	if got := v.cacheControl(byManifest); got != "no-cache" {
		t.Errorf("from the archive, after other content: %q, want no-cache", got)
	}
}

// A name without a hash is a version only as long as the operator says so, also when the file is gone.
func TestArchivedNameOfAnOperatorWhoTakesItBack(t *testing.T) {
	t.Parallel()
	v := newVouchedTree(t)
	v.Configuration().Archive = archive.New(archive.Config{Directory: t.TempDir(), Now: func() time.Time { return v.Now }})
	v.Now = time.Now()
	for range 2 {
		v.readQuiet()
		v.Background().Wait()
	}
	v.Remove(byOperator)
	for range 2 {
		v.Now = v.Now.Add(time.Minute)
		v.Read()
		v.Background().Wait()
	}
	if got := v.cacheControl(byOperator); got != cacheForever {
		t.Errorf("%q, want immutable", got)
	}
	v.Configuration().Immutable = nil
	if got := v.cacheControl(byOperator); got != "no-cache" {
		t.Errorf("without the pattern: %q, want no-cache", got)
	}
}

var errDisk = errors.New("the disk is broken")

// unreadable cannot be opened.
type unreadable struct{ promised }

func (unreadable) Open() error { return errDisk }

// A store that cannot be read may hold promises that would be broken.
func TestPromisesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	v := newVouchedTree(t)
	v.Configuration().Promises = unreadable{}
	v.readQuiet()
	if got := v.cacheControl(byManifest); got != "no-cache" {
		t.Errorf("%q, want no-cache", got)
	}
}

func request(url string) *http.Request { return httptest.NewRequest(http.MethodGet, url, nil) }
