package assets

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"

	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/scan2food/usher/handler/archive"
)

// stillTree is a tree that reads when it is told to, by a clock that the test sets.
type stillTree struct {
	*Tree
	t    *testing.T
	root string
	now  time.Time
	logs *observer.ObservedLogs
}

func newStillTree(t *testing.T, files map[string]string, configure ...func(*TreeConfig)) *stillTree {
	t.Helper()
	s := &stillTree{t: t, root: t.TempDir(), now: time.Now().Add(time.Minute)}
	for name, content := range files {
		s.write(name, content)
	}
	core, logs := observer.New(zapcore.DebugLevel)
	s.logs = logs
	config := TreeConfig{Root: s.root, Logger: zap.New(core), Now: func() time.Time { return s.now }}
	for _, set := range configure {
		set(&config)
	}
	tree, err := OpenTree(config)
	if err != nil {
		t.Fatal(err)
	}
	s.Tree = tree
	t.Cleanup(func() {
		tree.cancel()
		tree.background.Wait()
		tree.Close()
	})
	return s
}

func (s *stillTree) path(name string) string { return filepath.Join(s.root, filepath.FromSlash(name)) }

func (s *stillTree) write(name, content string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stillTree) remove(name string) {
	s.t.Helper()
	if err := os.RemoveAll(s.path(name)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stillTree) link(target, name string) {
	s.t.Helper()
	if err := os.Symlink(target, s.path(name)); err != nil {
		s.t.Fatal(err)
	}
}

// read reads as after events that have settled.
func (s *stillTree) read() *Catalog {
	s.t.Helper()
	s.refresh(context.Background(), true)
	return s.catalog.Load()
}

// evidence is that of a path, after a reading.
func (s *stillTree) evidence(name string) EvidenceKind {
	s.t.Helper()
	file := s.read().Lookup(name)
	if file == nil {
		s.t.Fatalf("%s is not there", name)
	}
	return file.Evidence.Kind
}

func (s *stillTree) logged(text string) bool {
	return slices.ContainsFunc(s.logs.All(), func(e observer.LoggedEntry) bool {
		return strings.Contains(fmt.Sprint(e.Message, e.ContextMap()), text)
	})
}

func content(c *Catalog, name string) string {
	if file := c.Lookup(name); file != nil {
		return string(file.Content)
	}
	return "(none)"
}

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

// Two changes within the file system's tick cannot be told apart: what was read so soon is read again.
func TestFreshFilesAreReadAgain(t *testing.T) {
	t.Parallel()
	s := newStillTree(t, map[string]string{"a.js": "a"})
	s.now = time.Now()
	first := s.read()
	if !s.fresh["a.js"] {
		t.Fatal("a file of this moment is not fresh")
	}
	s.now = s.now.Add(time.Minute)
	if second := s.read(); second != first || len(s.fresh) != 0 {
		t.Errorf("another catalog of the same bytes, or still fresh: %v", s.fresh)
	}
	scan := &scanner{fresh: map[string]bool{"a.js": true}}
	if !scan.mustReread(&File{Path: "a.js", Content: []byte("a")}, true) {
		t.Error("a fresh file is not read again")
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	s := newStillTree(t, map[string]string{"real/a.js": "a", "real/deep/b.js": "b"})
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret.js"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.link("real/a.js", "relative.js")
	s.link(s.path("real/a.js"), "absolute.js")
	s.link(s.path("real"), "directory")
	s.link(filepath.Join(outside, "secret.js"), "outside.js")
	s.link(outside, "outside")
	s.link("../"+filepath.Base(outside), "climbs")
	s.link(s.root, "real/above")
	s.link("loop", "loop")
	s.link("nowhere", "dangling.js")
	c := s.read()
	var paths []string
	for file := range c.All() {
		paths = append(paths, file.Path+"="+string(file.Content))
	}
	const want = "absolute.js=a directory/a.js=a directory/deep/b.js=b real/a.js=a real/deep/b.js=b relative.js=a"
	if got := strings.Join(paths, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, path := range []string{"outside.js", "outside", "loop"} {
		if !s.logged("path:"+path+" ") && !s.logged("path:"+path+"]") {
			t.Errorf("nothing is said of %s", path)
		}
	}
}

// What is hidden gets no name by which it is served, wherever on the way to it the dot is. Kubernetes has the files of a volume in
// a directory ..2026_11_25_…, behind a link ..data, behind links with their names.
func TestLinksToDotfiles(t *testing.T) {
	t.Parallel()
	s := newStillTree(t, map[string]string{
		".env": "secret", ".git/config": "secret", ".git/hooks/a.sh": "secret", "open.txt": "open",
		"..2026_11_25_22_20_00.1234/app.js": "app", "..2026_11_25_22_20_00.1234/deep/b.js": "b", "..2026_11_25_22_20_00.1234/.env": "secret",
		"..2026_11_25_22_20_00.1234/.git/config": "secret",
	})
	for name, target := range map[string]string{
		"..data": "..2026_11_25_22_20_00.1234", "app.js": "..data/app.js", "deep": "..data/deep",
		"env.txt": ".env", "absolute.txt": s.path(".env"), "twice.txt": "env.txt", "directory": ".git",
		"config.txt": ".git/config", "absolute-config.txt": s.path(".git/config"), "hooks": ".git/hooks",
		"volume.txt": "..data/.env", "volume-config.txt": "..data/.git/config", "volume": "..data",
		".git/back.txt": "../open.txt", "back.txt": ".git/back.txt",
	} {
		s.link(target, name)
	}
	s.read()
	h := &Handler{Sites: []Site{{Prefix: "/", Tree: s}}}
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
	if !s.logged("path:env.txt") || !s.logged("path:config.txt") {
		t.Error("nothing is said of env.txt, or of config.txt")
	}
}

// What a pattern hides, a link does not show.
func TestLinksToWhatPatternsHide(t *testing.T) {
	t.Parallel()
	s := newStillTree(t, map[string]string{
		"private/a.js": "secret", "private/deep/index.html": "secret", "public/a.js": "a", "public/notes.map": "secret",
	})
	s.link("private/a.js", "a.js")
	s.link("../private", "public/directory")
	s.link("public/notes.map", "notes.txt")
	s.link("public/a.js", "b.js")
	catalog := s.read()
	h := &Handler{Sites: []Site{{Prefix: "/static/", Tree: s}}, Hide: Patterns{"/static/private/*", "*.map"}}
	for path, want := range map[string]int{
		"a.js": 404, "public/directory/a.js": 404, "public/directory/deep/": 404, "public/directory/deep": 404, "notes.txt": 404,
		"~" + catalog.State() + "/a.js": 404, "b.js": 200, "~" + catalog.State() + "/b.js": 200,
	} {
		if got := ask(t, h, http.MethodGet, "/static/"+path).StatusCode; got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
		e := h.Explain(httptest.NewRequest(http.MethodGet, "/static/"+path, nil))
		if e.Status != want || strings.HasSuffix(path, "a.js") && e.Why != whyHidden {
			t.Errorf("%s: explained as %d, %s", path, e.Status, e.Why)
		}
	}
}

// A manifest that is hidden is read where a link is recognised as one, and served under neither name.
func TestLinkToHiddenManifest(t *testing.T) {
	t.Parallel()
	s := newStillTree(t, map[string]string{
		".build/manifest.json": `{"app.js":{"file":"assets/app-a98456ab.js"}}`, "assets/app-a98456ab.js": "x",
	})
	s.link(".build/manifest.json", "manifest.json")
	if got := s.evidence("assets/app-a98456ab.js"); got != ByManifest {
		t.Errorf("evidence %q", got)
	}
	if s.read().Lookup("manifest.json") != nil {
		t.Error("what is hidden is served")
	}
}

// A file behind an absolute link is found on the disk too.
func TestLinkedFilesFromDisk(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789abcdef", maxInMemory/16+1)
	s := newStillTree(t, map[string]string{"real/large.bin": large})
	s.link(s.path("real"), "directory")
	s.read()
	h := &Handler{Sites: []Site{{Prefix: "/", Tree: s}}}
	w := httptest.NewRecorder()
	if err := h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/directory/large.bin", nil), nextFails{}); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusOK || w.Body.String() != large {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}
}

func TestManifestsAreFound(t *testing.T) {
	t.Parallel()
	const name, digest = "app-0123456789abcdef.js", "0123456789abcdef"
	for _, c := range []struct{ name, path, content, asset string }{
		{"Propshaft", "assets/.manifest.json", `{"app.js":"` + name + `"}`, "assets/" + name},
		{"Sprockets", "assets/.sprockets-manifest-2e8e9a7c6b0aafa0c9bdeec90ea30213.json",
			`{"assets":{},"files":{"` + name + `":{"logical_path":"app.js","digest":"` + digest + `"}}}`, "assets/" + name},
		{"Vite 5", ".vite/manifest.json", `{"app.js":{"file":"assets/app-DdCDtH1A.js"}}`, "assets/app-DdCDtH1A.js"},
		{"Vite 4", "manifest.json", `{"app.js":{"file":"assets/app-a98456ab.js"}}`, "assets/app-a98456ab.js"},
		{"webpack", "webpack-stats.json", `{"status":"done","chunks":{},"assets":{"app-0828904584990b611fb8.js":{}}}`, "app-0828904584990b611fb8.js"},
		{"Create React App", "asset-manifest.json", `{"files":{"main.js":"/static/js/main.43ec809e.js"}}`, "static/js/main.43ec809e.js"},
		{"ASP.NET", "App.staticwebassets.endpoints.json",
			`{"Endpoints":[{"Route":"a.5y8w35dinf.js","AssetFile":"a.5y8w35dinf.js","EndpointProperties":[{"Name":"fingerprint","Value":"5y8w35dinf"}]}]}`, "a.5y8w35dinf.js"},
		{"Plain", "manifest.json", `{"dist/x-BZCg4Xy8.js":true}`, "dist/x-BZCg4Xy8.js"},
		{"esbuild", "meta.json", `{"inputs":{},"outputs":{"out/w-XH4UFCAH.js":{"bytes":1,"entryPoint":"w.js"}}}`, "w-XH4UFCAH.js"},
	} {
		s := newStillTree(t, map[string]string{c.path: c.content, c.asset: "x"})
		if got := s.evidence(c.asset); got != ByManifest {
			t.Errorf("%s: evidence %q", c.name, got)
		}
		if hidden := strings.Contains(c.path, "/."); hidden == (s.read().Lookup(c.path) != nil) && c.name != "Vite 5" {
			t.Errorf("%s: %s is served: %v", c.name, c.path, hidden)
		}
		s.write(c.asset, "y") // while the manifest stays the same
		if got := s.evidence(c.asset); got != NoEvidence {
			t.Errorf("%s, changed: evidence %q", c.name, got)
		}
		if !s.logged("not believed") {
			t.Errorf("%s: nothing is said of the change", c.name)
		}
	}
}

// A date that does not tell bytes from others is none: who has other bytes of that date would be told that they are current.
func TestDatesThatTellNothing(t *testing.T) {
	t.Parallel()
	const date = "Mon, 02 Feb 2026 10:00:00 GMT"
	at, _ := http.ParseTime(date)
	s := newStillTree(t, map[string]string{"a.js": "old"})
	for _, c := range []struct {
		name, content string
		date          time.Time
		want          string
	}{
		{"the date that the file has", "old", at, date},
		{"other bytes with the same", "new", at, ""},
		{"other bytes in the same second", "more", at.Add(time.Second / 2), ""},
		{"the same bytes, touched", "more", at.Add(time.Second), "Mon, 02 Feb 2026 10:00:01 GMT"},
		{"rolled back, with their old date", "old", at, date},
		{"of a build that can be reproduced", "build", time.Unix(1, 0), ""},
		{"yet to come", "clock", s.now.Add(time.Hour), ""},
	} {
		s.write("a.js", c.content)
		if err := os.Chtimes(s.path("a.js"), c.date, c.date); err != nil {
			t.Fatal(err)
		}
		file := s.read().Lookup("a.js")
		if string(file.Content) != c.content {
			t.Fatalf("%s: it was not read again", c.name)
		}
		h := handlerOf(t, s.Tree)
		if got := ask(t, h, "GET", "/static/a.js").Header.Get("Last-Modified"); got != c.want {
			t.Errorf("%s: Last-Modified %q, want %q", c.name, got, c.want)
		}
		want := http.StatusNotModified
		if c.want == "" {
			want = http.StatusOK
		}
		same := c.date.UTC().Format(http.TimeFormat)
		if got := ask(t, h, "GET", "/static/a.js", "If-Modified-Since", same).StatusCode; got != want {
			t.Errorf("%s, If-Modified-Since: %d, want %d", c.name, got, want)
		}
		if got := ask(t, h, "GET", "/static/a.js", "Range", "bytes=0-0", "If-Range", same).StatusCode; (got == http.StatusPartialContent) != (c.want != "") {
			t.Errorf("%s, If-Range: %d", c.name, got)
		}
	}
}

// A file that changed under two manifests is vouched for by neither, also once it is touched.
func TestChangedUnderTwoManifests(t *testing.T) {
	t.Parallel()
	const name = "app-0828904584990b611fb8.js"
	s := newStillTree(t, map[string]string{
		"manifest.json": `{"app.js":"/` + name + `"}`, name: "old",
		"webpack-stats.json": `{"status":"done","chunks":{},"assets":{"` + name + `":{}}}`,
	})
	if got := s.evidence(name); got != ByManifest {
		t.Fatalf("evidence %q", got)
	}
	s.write(name, "new")
	if got := s.evidence(name); got != NoEvidence {
		t.Errorf("changed: evidence %q", got)
	}
	if err := os.Chtimes(s.path(name), time.Now(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := s.evidence(name); got != NoEvidence {
		t.Errorf("changed and touched: evidence %q", got)
	}
	s.write("manifest.json", `{"app.js":"/`+name+`","b.js":"b.js"}`)
	if got := s.evidence(name); got != ByManifest {
		t.Errorf("built anew: evidence %q", got)
	}
}

// Frameworks' directories need their marks, and no manifest.
func TestDirectoriesWithoutManifest(t *testing.T) {
	t.Parallel()
	s := newStillTree(t, map[string]string{
		"_app/version.json": "{}", "_app/immutable/chunks/BZCg4Xy8.js": "x", "_nuxt/DzxpLpOu.js": "x",
		"_next/static/4-Qq_NeWkrV3OjWVQ4HWf/_buildManifest.js": "x", "_next/static/4-Qq_NeWkrV3OjWVQ4HWf/_ssgManifest.js": "x",
		"_next/static/chunks/0pftie_fqtvkv.js": "x", "_astro/index.BxqeNUpP.css": "x", "assets/index-DdCDtH1A.js": "x",
	})
	for name, want := range map[string]EvidenceKind{
		"_app/immutable/chunks/BZCg4Xy8.js": ByDirectory, "_app/version.json": NoEvidence, "_nuxt/DzxpLpOu.js": NoEvidence,
		"_next/static/chunks/0pftie_fqtvkv.js": ByDirectory, "_astro/index.BxqeNUpP.css": ByDirectory,
		"assets/index-DdCDtH1A.js": NoEvidence,
	} {
		if got := s.evidence(name); got != want {
			t.Errorf("%s: evidence %q, want %q", name, got, want)
		}
	}
}

func TestNamedManifests(t *testing.T) {
	t.Parallel()
	const vite = `{"app.js":{"file":"assets/app-DdCDtH1A.js"}}`
	outside := filepath.Join(t.TempDir(), "build.json")
	if err := os.WriteFile(outside, []byte(vite), 0o644); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"assets/app-DdCDtH1A.js": "x", "assets/b-a98456ab.js": "x", ".build/vite.json": vite, "build/vite.json": vite,
		"manifest.json": `{"b.js":{"file":"assets/b-a98456ab.js"}}`, "link.json": vite,
	}
	for _, c := range []struct {
		name, manifest string
		app            EvidenceKind
		why            string
	}{
		{"outside", outside, ByManifest, "its paths are those of the root"},
		{"hidden", ".build/vite.json", NoEvidence, "its paths are those of its own directory"},
		{"visible", "link.json", ByManifest, "recognised by its shape"},
		{"elsewhere", "build/vite.json", NoEvidence, "its paths are those of its own directory"},
		{"missing", "gone.json", NoEvidence, "reported, and no evidence"},
	} {
		s := newStillTree(t, files, func(config *TreeConfig) { config.Manifests = []string{c.manifest} })
		if got := s.evidence("assets/app-DdCDtH1A.js"); got != c.app {
			t.Errorf("%s: evidence %q, want %q (%s)", c.name, got, c.app, c.why)
		}
		if got := s.evidence("assets/b-a98456ab.js"); got != NoEvidence {
			t.Errorf("%s: a manifest that was not named is believed: %q", c.name, got)
		}
		if (c.name == "missing") != s.logged("gone.json") {
			t.Errorf("%s: logged %v", c.name, s.logs.All())
		}
	}
	s := newStillTree(t, files, func(config *TreeConfig) { config.Manifests = []string{outside} })
	s.read()
	if err := os.WriteFile(outside, []byte(`{"b.js":{"file":"assets/b-a98456ab.js"}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := s.evidence("assets/app-DdCDtH1A.js"); got != NoEvidence {
		t.Errorf("the manifest outside changed, and the evidence is %q", got)
	}
}

// What a change does not touch is not there twice while answers are given from both generations.
func TestUnchangedFilesAreShared(t *testing.T) {
	t.Parallel()
	s := newStillTree(t, map[string]string{"main.js": "1", "app-DdCDtH1A.js": "app", "large.bin": strings.Repeat("x", maxInMemory+1)})
	first := s.read()
	s.write("main.js", "2")
	second := s.read()
	for _, path := range []string{"app-DdCDtH1A.js", "large.bin"} {
		if first.Lookup(path) != second.Lookup(path) {
			t.Errorf("%s is there twice", path)
		}
	}
	if first.Lookup("main.js") == second.Lookup("main.js") {
		t.Error("main.js is what it was")
	}
	s.write(".vite/manifest.json", `{"app.js":{"file":"app-DdCDtH1A.js"}}`)
	third := s.read()
	if before, now := second.Lookup("app-DdCDtH1A.js"), third.Lookup("app-DdCDtH1A.js"); before.Evidence.Kind != NoEvidence || now.Evidence.Kind != ByManifest {
		t.Errorf("evidence %q, and with a manifest %q", before.Evidence.Kind, now.Evidence.Kind)
	}
}

// A manifest that is hostile is reported, and the files are served. Other tests would take memory at the same time.
func TestHostileManifests(t *testing.T) {
	s := newStillTree(t, map[string]string{
		"a/staticfiles.json": strings.Repeat(`{"a":`, 100_000), "c/staticfiles.json": `{"paths":{"a":"../../etc/a.27e20196a850.css"},"version":"1.1"}`,
		"main.js": "x",
	})
	s.write("b/staticfiles.json", "")
	if err := os.Truncate(s.path("b/staticfiles.json"), 1<<30); err != nil { // holes: it takes no room
		t.Fatal(err)
	}
	before := liveBytes()
	if content(s.read(), "main.js") != "x" {
		t.Error("main.js is not served")
	}
	if grown := liveBytes() - before; grown > 64<<20 {
		t.Errorf("%d bytes more", grown)
	}
	for _, path := range []string{"a", "b", "c"} {
		if !s.logged(path + "/staticfiles.json") {
			t.Errorf("nothing is said of %s", path)
		}
	}
}

// What is large is judged by a new manifest too, though its bytes are not in memory.
func TestLargeFilesAreHeldAgainstManifests(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789abcdef", maxInMemory/16+1)
	s := newStillTree(t, map[string]string{"app.js": large, "mix-manifest.json": `{"/app.js":"/app.js?id=` + md5Of(large) + `"}`})
	file := s.read().Lookup("app.js")
	if file.Content != nil || file.VersionEvidence(md5Of(large)).Kind != ByManifest {
		t.Fatalf("in memory: %v, evidence %+v", file.Content != nil, file.VersionEvidence(md5Of(large)))
	}
	lie := md5Of("other")
	s.write("mix-manifest.json", `{"/app.js":"/app.js?id=`+lie+`"}`)
	if file := s.read().Lookup("app.js"); file.VersionEvidence(lie).Kind != NoEvidence || file.denied.Detail == "" {
		t.Errorf("evidence for other bytes: %+v, %+v", file.VersionEvidence(lie), file.denied)
	}
	s.write("other.js", "x") // the next reading finds the large file as it was
	if file := s.read().Lookup("app.js"); file.VersionEvidence(lie).Kind != NoEvidence || file.denied.Detail == "" {
		t.Errorf("and later: %+v, %+v", file.VersionEvidence(lie), file.denied)
	}
}

func TestHeldInMemory(t *testing.T) {
	t.Parallel()
	entries := []entry{
		{path: "a.png", identity: identity{size: 10}}, {path: "b.png", identity: identity{size: 40}},
		{path: "c.css", identity: identity{size: 60}}, {path: "d.bin", identity: identity{size: maxInMemory + 1}},
		{path: ".vite/manifest.json", hidden: true, identity: identity{size: 1}},
	}
	for _, c := range []struct {
		memory int64
		want   []bool
	}{
		{4 * maxInMemory, []bool{true, true, true, false, false}},
		{100, []bool{true, false, true, false, false}}, // a quarter is for codings
		{40, []bool{false, false, false, false, false}},
		{0, []bool{false, false, false, false, false}},
	} {
		if got := heldInMemory(entries, c.memory); !slices.Equal(got, c.want) {
			t.Errorf("%d bytes: %v, want %v", c.memory, got, c.want)
		}
	}
}

// Django leaves each file beside the versioned one that it makes of it: their bytes are in memory once, if they are the same.
func TestCopiesShareTheirBytes(t *testing.T) {
	t.Parallel()
	style, other := "a{}", "b{}"
	name := func(base, content string) string { return base + "." + md5Of(content)[:12] + ".css" }
	for _, memory := range []int64{DefaultMemory, 1} {
		s := newStillTree(t, map[string]string{
			"a.css": style, name("a", style): style,
			"b.css": style, name("b", other): other, // rewritten, and of the same size
			"c.css": "longer than the other", name("c", style): style,
			name("alone", style): style,
			"empty.css":          "", name("empty", ""): "",
		}, func(c *TreeConfig) { c.Memory = memory })
		c := s.read()
		for path, want := range map[string]string{name("a", style): style, name("b", other): other, name("c", style): style, name("alone", style): style, name("empty", ""): ""} {
			f := c.Lookup(path)
			if f.Digest() != sha256.Sum256([]byte(want)) || f.Evidence.Kind != ByDigest || f.Content != nil && string(f.Content) != want {
				t.Errorf("%s: %q, %x, %v", path, f.Content, f.Digest(), f.Evidence)
			}
			if want != "" && (f.Content != nil) != (memory > 1) || (f.fingerprint != nil) != (f.Content != nil) {
				t.Errorf("%s is in memory: %v", path, f.Content != nil)
			}
		}
		if memory > 1 && &c.Lookup("a.css").Content[0] != &c.Lookup(name("a", style)).Content[0] {
			t.Error("a.css and its copy are in memory twice")
		}
	}
}

// A tree that is larger than the memory is never in memory, not while it is read either.
func TestReadingStaysWithinTheMemory(t *testing.T) {
	s := newStillTree(t, nil, func(c *TreeConfig) { c.Memory = 1 << 20 })
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<14) // 256 KiB
	for i := range 256 {
		s.write(fmt.Sprintf("%d.bin", i), fmt.Sprint(i)+string(block))
	}
	before := liveBytes()
	c := s.read()
	if grown := liveBytes() - before; grown > 4<<20 {
		t.Errorf("%d bytes more for 1 MiB of memory and 64 MiB of files", grown)
	}
	held := int64(0)
	for file := range c.All() {
		held += int64(len(file.Content))
	}
	if c.Files() != 256 || held == 0 || held > 1<<20 {
		t.Errorf("%d files, %d bytes", c.Files(), held)
	}
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

// A file that a directory takes the place of, and the other way round.
func TestFileBecomesDirectory(t *testing.T) {
	t.Parallel()
	s := newStillTree(t, map[string]string{"a": "file", "b/c.js": "c"})
	s.read()
	s.remove("a")
	s.write("a/d.js", "d")
	s.remove("b")
	s.write("b", "file")
	if c := s.read(); content(c, "a/d.js") != "d" || content(c, "b") != "file" || content(c, "a") != "file" {
		t.Errorf("a/d.js %q, b %q, and a %q, which is still given time", content(c, "a/d.js"), content(c, "b"), content(c, "a"))
	}
	s.now = s.now.Add(DefaultVanished)
	if c := s.read(); c.Lookup("a") != nil || c.Lookup("b/c.js") != nil || !c.IsDirectory("a") || c.IsDirectory("b") {
		t.Error("what is gone is still there")
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
	if s.read(); !s.logged("can be read again") {
		t.Error("nothing is said of its return")
	}
}

// A tree in which something is always written is published at the start without that, and later reported.
func TestNeverQuiet(t *testing.T) {
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
	for range firstAttempts {
		if s.read() != nil {
			t.Fatal("published while it was written to")
		}
	}
	if content(s.read(), "main.js") != "x" {
		t.Error("nothing is published at the start")
	}
	s.write("main.js", "y")
	s.read()
	if s.logged("has been written to for") {
		t.Error("reported at once")
	}
	s.now = s.now.Add(unrest)
	if content(s.read(), "main.js") != "x" || !s.logged("has been written to for") {
		t.Errorf("nothing is said of it: %v", s.logs.All())
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	told := make(chan [4]int64, 1)
	s := &scanner{every: time.Millisecond, progress: func(files, of int, bytes, ofBytes int64) {
		select {
		case told <- [4]int64{int64(files), int64(of), bytes, ofBytes}:
		default:
		}
	}}
	s.readFiles.Store(1)
	s.readBytes.Store(10)
	stop := s.tell([]entry{{identity: identity{size: 10}}, {identity: identity{size: 20}}})
	got := <-told
	stop()
	if got != [4]int64{1, 2, 10, 30} {
		t.Errorf("told %v", got)
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
	h := &Handler{Sites: []Site{{Prefix: "/", Tree: s}}}
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

// A root that is a link is followed when a deployment points it elsewhere.
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
	tree, err := OpenTree(TreeConfig{Root: filepath.Join(current, "static"), Settle: 20 * time.Millisecond, Logger: zap.NewNop(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	for _, release := range []string{"1", "2", "1"} {
		point(release)
		eventually(t, "release "+release, func() bool { return content(tree.Catalog(context.Background()), "a.js") == release })
	}
}

// Links in circles lead to one file by many paths; the walk comes to an end.
func TestWalkIsBounded(t *testing.T) {
	t.Parallel()
	s := newStillTree(t, map[string]string{"a/x.js": "x", "b/x.js": "x", "c/x.js": "x"})
	for _, from := range []string{"a", "b", "c"} {
		for _, to := range []string{"a", "b", "c"} {
			s.link("../"+to, from+"/"+to)
		}
	}
	c := s.read()
	if c == nil || c.Files() != 15 { // 3 + 3·2 + 3·2·1
		t.Errorf("%d files", c.Files())
	}
}

// BenchmarkScan reads a tree that is in the page cache: whole, digests and proofs included.
func BenchmarkScan(b *testing.B) {
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<12) // 64 KiB
	const contents = 1024
	plain := func(i int, _ []byte) string { return fmt.Sprintf("app-%d.js", i) }
	versioned := func(i int, content []byte) string { return fmt.Sprintf("app-%d.%s.js", i, md5Of(string(content))[:12]) }
	for _, tool := range []struct {
		name  string
		paths []func(i int, content []byte) string
	}{
		{"plain", []func(int, []byte) string{plain}},
		{"django", []func(int, []byte) string{versioned}},
		{"collectstatic", []func(int, []byte) string{plain, versioned}},
	} {
		root, size := b.TempDir(), int64(0)
		for i := range contents {
			content := append([]byte(fmt.Sprint(i)), block...)
			for _, path := range tool.paths {
				if err := os.WriteFile(filepath.Join(root, path(i, content)), content, 0o644); err != nil {
					b.Fatal(err)
				}
				size += int64(len(content))
			}
		}
		for _, held := range []struct {
			name   string
			memory int64
		}{{"held", 1 << 30}, {"streamed", 1}} {
			b.Run(tool.name+"/"+held.name, func(b *testing.B) {
				b.SetBytes(size)
				for b.Loop() {
					tree, err := OpenTree(TreeConfig{Root: root, Memory: held.memory, Logger: zap.NewNop(), Now: time.Now})
					if err != nil {
						b.Fatal(err)
					}
					catalog, err := tree.read(context.Background(), time.Now(), true)
					if err != nil || catalog.Files() != contents*len(tool.paths) {
						b.Fatal(err)
					}
					tree.Close()
				}
			})
		}
	}
}

// What is kept of a coding takes the room of its bytes, not that of what they were made of.
func TestCodingsTakeNoMoreThanTheirBytes(t *testing.T) {
	t.Parallel()
	encoders := newEncoders()
	defer encoders.close()
	for _, coding := range []Coding{Gzip, Zstd, Brotli} {
		encoded := encoders.encode(coding, bytes.Repeat([]byte("function f(a, b) {}\n"), 4096))
		if cap(encoded) > 2*len(encoded)+64 {
			t.Errorf("%s: %d bytes for %d", coding, cap(encoded), len(encoded))
		}
	}
}
