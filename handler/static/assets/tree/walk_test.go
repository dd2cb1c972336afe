package tree_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/assets/tree"
)

func TestLinks(t *testing.T) {
	t.Parallel()
	s := tree.NewStillTree(t, map[string]string{"real/a.js": "a", "real/deep/b.js": "b"})
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret.js"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.Link("real/a.js", "relative.js")
	s.Link(s.Path("real/a.js"), "absolute.js")
	s.Link(s.Path("real"), "directory")
	s.Link(filepath.Join(outside, "secret.js"), "outside.js")
	s.Link(outside, "outside")
	s.Link("../"+filepath.Base(outside), "climbs")
	s.Link(s.Root, "real/above")
	s.Link("loop", "loop")
	s.Link("nowhere", "dangling.js")
	c := s.Read()
	var paths []string
	for file := range c.All() {
		paths = append(paths, file.Path+"="+string(file.Content))
	}
	const want = "absolute.js=a directory/a.js=a directory/deep/b.js=b real/a.js=a real/deep/b.js=b relative.js=a"
	if got := strings.Join(paths, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !s.Logged("path:loop") {
		t.Error("no line reports loop")
	}
	if s.Logged("path:real/above") {
		t.Error("a link to the root is reported, though it leads to no other file")
	}
	s.Write("new.js", "n")
	s.Read()
	if links := s.Logs.FilterMessageSnippet("links lead out of the root"); links.Len() != 1 || links.All()[0].ContextMap()["links"] != int64(3) {
		t.Errorf("logged %v, want one line for three links", links.All())
	}
	h := handlerOf(t, s.Tree)
	if why := h.Explain(httptest.NewRequest("GET", "/static/outside.js", nil)).Why; !strings.Contains(why, "symlinks follow") {
		t.Errorf("outside.js is explained as %q", why)
	}
}

// With `symlinks follow`, links out of the root are served, as collectstatic --link creates them. Dotfiles are not served.
func TestLinksOutOfTheRoot(t *testing.T) {
	t.Parallel()
	app := t.TempDir()
	write := func(name, content string) {
		path := filepath.Join(app, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(".venv/lib/admin/base.css", "a{}")
	write("shop/js/shop.js", "shop")
	write("shop/film.bin", tree.Text(tree.MaxInMemory+1))
	write(".env", "SECRET")
	write("shop/.git/config", "SECRET")
	s := tree.NewStillTree(t, map[string]string{"own.js": "own"}, func(c *tree.Config) { c.FollowLinks = true })
	s.Link(filepath.Join(app, ".venv/lib/admin/base.css"), "base.css")
	s.Link(filepath.Join(app, "shop"), "shop")
	s.Link(filepath.Join(app, ".env"), "env.txt")
	s.Link(filepath.Join(app, "gone.js"), "gone.js")
	s.Read()
	h := handlerOf(t, s.Tree)
	for path, want := range map[string]int{
		"own.js": 200, "base.css": 200, "shop/js/shop.js": 200, "shop/film.bin": 200, "env.txt": 404, "shop/.git/config": 404, "gone.js": 404,
	} {
		response := ask(t, h, "GET", "/static/"+path)
		if body := bodyOf(t, response); response.StatusCode != want || strings.Contains(body, "SECRET") {
			t.Errorf("%s: %d, want %d", path, response.StatusCode, want)
		}
	}
	write("shop/js/shop.js", "changed")
	if got := tree.Content(s.Read(), "shop/js/shop.js"); got != "changed" {
		t.Errorf("shop.js is %q after a change behind the link", got)
	}
}

// A hidden file is not served through a link, at whichever directory the dot is. Kubernetes keeps the files of a volume in a
// directory ..2026_11_25_…, behind a link ..data, behind links with their names.
func TestLinksToDotfiles(t *testing.T) {
	t.Parallel()
	s := tree.NewStillTree(t, map[string]string{
		".env": "secret", ".git/config": "secret", ".git/hooks/a.sh": "secret", "open.txt": "open",
		"..2026_11_25_22_20_00.1234/app.js": "app", "..2026_11_25_22_20_00.1234/deep/b.js": "b", "..2026_11_25_22_20_00.1234/.env": "secret",
		"..2026_11_25_22_20_00.1234/.git/config": "secret",
	})
	for name, target := range map[string]string{
		"..data": "..2026_11_25_22_20_00.1234", "app.js": "..data/app.js", "deep": "..data/deep",
		"env.txt": ".env", "absolute.txt": s.Path(".env"), "twice.txt": "env.txt", "directory": ".git",
		"config.txt": ".git/config", "absolute-config.txt": s.Path(".git/config"), "hooks": ".git/hooks",
		"volume.txt": "..data/.env", "volume-config.txt": "..data/.git/config", "volume": "..data",
		".git/back.txt": "../open.txt", "back.txt": ".git/back.txt",
	} {
		s.Link(target, name)
	}
	s.Read()
	h := &assets.Handler{Sites: []assets.Site{{Prefix: "/", Tree: s.Tree}}}
	for path, want := range map[string]int{
		"/app.js": 200, "/deep/b.js": 200, "/open.txt": 200, "/back.txt": 200,
		"/env.txt": 404, "/absolute.txt": 404, "/twice.txt": 404, "/directory/config": 404,
		"/config.txt": 404, "/absolute-config.txt": 404, "/hooks/a.sh": 404,
		"/volume.txt": 404, "/volume-config.txt": 404, "/volume/app.js": 404,
	} {
		if got := ask(t, h, http.MethodGet, path).StatusCode; got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	if !s.Logged("path:env.txt") || !s.Logged("path:config.txt") {
		t.Error("no line reports env.txt or config.txt")
	}
}

// A file that a pattern hides is not served through a link.
func TestLinksToWhatPatternsHide(t *testing.T) {
	t.Parallel()
	s := tree.NewStillTree(t, map[string]string{
		"private/a.js": "secret", "private/deep/index.html": "secret", "public/a.js": "a", "public/notes.map": "secret",
	})
	s.Link("private/a.js", "a.js")
	s.Link("../private", "public/directory")
	s.Link("public/notes.map", "notes.txt")
	s.Link("public/a.js", "b.js")
	s.Read()
	h := &assets.Handler{Sites: []assets.Site{{Prefix: "/static/", Tree: s.Tree}}, Hide: tree.Patterns{"/static/private/*", "*.map"}}
	for path, want := range map[string]int{
		"a.js": 404, "public/directory/a.js": 404, "public/directory/deep/": 404, "public/directory/deep": 404, "notes.txt": 404,
		"b.js": 200,
	} {
		if got := ask(t, h, http.MethodGet, "/static/"+path).StatusCode; got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
		e := h.Explain(httptest.NewRequest(http.MethodGet, "/static/"+path, nil))
		if e.Status != want || strings.HasSuffix(path, "a.js") && e.Why != "a hide pattern matches" {
			t.Errorf("%s: explained as %d, %s", path, e.Status, e.Why)
		}
	}
}

// A hidden manifest is read through a link with a manifest's name, and served under neither name.
func TestLinkToHiddenManifest(t *testing.T) {
	t.Parallel()
	s := tree.NewStillTree(t, map[string]string{
		".build/manifest.json": `{"app.js":{"file":"assets/app-a98456ab.js"}}`, "assets/app-a98456ab.js": "x",
		".vite/license.md": "x",
	})
	s.Link(".build/manifest.json", "manifest.json")
	s.Link("../.build/manifest.json", ".vite/manifest.json")
	if got := s.Evidence("assets/app-a98456ab.js"); got != tree.ByManifest {
		t.Errorf("evidence %q", got)
	}
	if s.Read().Lookup("manifest.json") != nil {
		t.Error("a hidden file is served")
	}
}

// The lookup on disk follows absolute links inside the root.
func TestLinkedFilesFromDisk(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789abcdef", tree.MaxInMemory/16+1)
	s := tree.NewStillTree(t, map[string]string{"real/large.bin": large})
	s.Link(s.Path("real"), "directory")
	s.Read()
	h := &assets.Handler{Sites: []assets.Site{{Prefix: "/", Tree: s.Tree}}}
	w := httptest.NewRecorder()
	if err := h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/directory/large.bin", nil), nextFails{}); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusOK || w.Body.String() != large {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}
}

// A directory replaces a file, and a file a directory.
func TestFileBecomesDirectory(t *testing.T) {
	t.Parallel()
	s := tree.NewStillTree(t, map[string]string{"a": "file", "b/c.js": "c"})
	s.Read()
	s.Remove("a")
	s.Write("a/d.js", "d")
	s.Remove("b")
	s.Write("b", "file")
	if c := s.Read(); tree.Content(c, "a/d.js") != "d" || tree.Content(c, "b") != "file" || tree.Content(c, "a") != "file" {
		t.Errorf("a/d.js %q, b %q, and a %q, which has not settled", tree.Content(c, "a/d.js"), tree.Content(c, "b"), tree.Content(c, "a"))
	}
	s.Now = s.Now.Add(tree.DefaultVanished)
	if c := s.Read(); c.Lookup("a") != nil || c.Lookup("b/c.js") != nil || !c.IsDirectory("a") || c.IsDirectory("b") {
		t.Error("a removed file is still served")
	}
}

// A root that is a link is followed when a deploy changes the link.
func TestRootIsALink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, release := range []string{"1", "2"} {
		if err := os.MkdirAll(filepath.Join(dir, release, "static"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, release, "static", "a.js"), []byte(release), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	current := filepath.Join(dir, "current")
	point := func(release string) {
		if err := os.Symlink(release, current+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(current+".new", current); err != nil {
			t.Fatal(err)
		}
	}
	point("1")
	served, err := tree.Open(tree.Config{Root: filepath.Join(current, "static"), Settle: 20 * time.Millisecond, Logger: zap.NewNop(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer served.Close()
	for _, release := range []string{"1", "2", "1"} {
		point(release)
		tree.Eventually(t, "release "+release, func() bool { return tree.Content(served.Catalog(context.Background()), "a.js") == release })
	}
}

// A directory has at most maxPaths paths through links, however many packages link to each other.
func TestLinkedPackagesEndAtOnce(t *testing.T) {
	t.Parallel()
	const packages = 24
	s := tree.NewStillTree(t, nil)
	for i := range packages {
		s.Write(fmt.Sprintf("p%02d/index.js", i), "x")
		for j := range packages {
			if i != j {
				s.Link(fmt.Sprintf("../p%02d", j), fmt.Sprintf("p%02d/d%02d", i, j))
			}
		}
	}
	c := s.Read()
	if most := packages * (1 + tree.MaxPaths); c == nil || c.Files() > most || c.Lookup("p23/index.js") == nil {
		t.Fatalf("%d files, want at most %d", c.Files(), most)
	}
	if s.Logs.FilterMessageSnippet("too many linked paths").Len() != 1 {
		t.Errorf("logged %v", s.Logs.All())
	}
}

// Cycles of links give a file many paths. The walk ends.
func TestWalkIsBounded(t *testing.T) {
	t.Parallel()
	s := tree.NewStillTree(t, map[string]string{"a/x.js": "x", "b/x.js": "x", "c/x.js": "x"})
	for _, from := range []string{"a", "b", "c"} {
		for _, to := range []string{"a", "b", "c"} {
			s.Link("../"+to, from+"/"+to)
		}
	}
	c := s.Read()
	if c == nil || c.Files() != 15 { // 3 + 3·2 + 3·2·1
		t.Errorf("%d files", c.Files())
	}
}
