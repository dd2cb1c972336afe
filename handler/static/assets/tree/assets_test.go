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

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/assets/variants"
)

// A listed file that changes without its manifest loses the manifest as evidence.
func TestManifestIsNoEvidenceForFilesThatChangedLater(t *testing.T) {
	t.Parallel()
	const name = "assets/main-BZCg4Xy8.js"
	served, root := tree.OpenFiles(t, map[string]string{
		".vite/manifest.json": `{"main.js":{"file":"` + name + `"}}`, name: "old",
	})
	if kind := served.Catalog(context.Background()).Lookup(name).Evidence.Kind; kind != tree.ByManifest {
		t.Fatalf("evidence %q, want manifest", kind)
	}
	if err := os.WriteFile(filepath.Join(root, name), []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	tree.Eventually(t, "the new bytes without evidence", func() bool {
		file := served.Catalog(context.Background()).Lookup(name)
		return string(file.Content) == "new" && file.Evidence.Kind == tree.NoEvidence
	})
}

// While the root is missing, the last generation stays in service. A root that returns is followed again.
func TestRootVanishesAndComesBack(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.ErrorLevel)
	config := tree.QuickConfig(tree.WriteRoot(t, map[string]string{"a.js": "old"}))
	config.Logger = zap.New(core)
	served, root := tree.OpenAt(t, config), config.Root
	served.Catalog(context.Background())
	if err := os.Rename(root, root+"-away"); err != nil {
		t.Fatal(err)
	}
	tree.Eventually(t, "the missing root reported", func() bool { return logs.Len() > 0 })
	if file := served.Catalog(context.Background()).Lookup("a.js"); file == nil || string(file.Content) != "old" {
		t.Fatal("the last generation is not in service")
	}
	if err := os.Rename(root+"-away", root); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "a.js"), []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	tree.Eventually(t, "the new bytes", func() bool {
		return string(served.Catalog(context.Background()).Lookup("a.js").Content) == "new"
	})
}

func TestGeneration(t *testing.T) {
	t.Parallel()
	plain, _ := tree.OpenFiles(t, map[string]string{"a.js": "a"})
	same, _ := tree.OpenFiles(t, map[string]string{"a.js": "a"})
	other, _ := tree.OpenFiles(t, map[string]string{"a.js": "b"})
	django, _ := tree.OpenFiles(t, map[string]string{"staticfiles.json": `{"paths":{},"version":"1.1","hash":"0a1b2c3d4e5f"}`})
	generation := func(served *tree.Tree) string { return served.Catalog(context.Background()).Generation }
	if generation(plain) != generation(same) || generation(plain) == generation(other) || generation(django) != "0a1b2c3d4e5f" {
		t.Errorf("generations %s %s %s %s", generation(plain), generation(same), generation(other), generation(django))
	}
}

func TestOpenTreeRefusesAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if served, err := tree.Open(tree.Config{Root: file, Logger: zap.NewNop(), Now: time.Now}); err == nil {
		served.Close()
		t.Error("a file is accepted as a directory")
	}
}

// A missing directory gives 404 and one ERROR. It is served once it exists.
func TestMissingDirectory(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "static")
	core, logs := observer.New(zap.InfoLevel)
	served := tree.OpenAt(t, tree.Config{Root: root, Settle: 20 * time.Millisecond, Logger: zap.New(core)})
	h := handlerOf(t, served)
	if response := ask(t, h, "GET", "/static/a.js"); response.StatusCode != 404 || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v, want 404", response.StatusCode, response.Header)
	}
	if why := h.Explain(httptest.NewRequest("GET", "/static/a.js", nil)).Why; why != assets.Reasons[assets.NoDirectory] {
		t.Errorf("explained as %q", why)
	}
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "a.js"), []byte("a"), 0o644); err != nil {
		t.Fatal(err)
	}
	tree.Eventually(t, "served", func() bool { return ask(t, h, "GET", "/static/a.js").StatusCode == 200 })
	if errors := logs.FilterLevelExact(zap.ErrorLevel).Len(); errors != 1 {
		t.Errorf("%d errors logged, want one: %v", errors, logs.All())
	}
}

// Renames of directories above the root are detected, although they cause no event.
func TestRenamedAboveTheRoot(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	for _, name := range []string{"app", "app.new"} {
		if err := os.MkdirAll(filepath.Join(base, name, "static"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(base, name, "static", "a.js"), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	served := tree.OpenAt(t, tree.Config{Root: filepath.Join(base, "app", "static"), Settle: 20 * time.Millisecond})
	if got := tree.Content(served.Catalog(context.Background()), "a.js"); got != "app" {
		t.Fatalf("a.js is %q", got)
	}
	for _, rename := range [][2]string{{"app", "app.old"}, {"app.new", "app"}} {
		if err := os.Rename(filepath.Join(base, rename[0]), filepath.Join(base, rename[1])); err != nil {
			t.Fatal(err)
		}
	}
	tree.Eventually(t, "the new directory", func() bool { return tree.Content(served.Current(), "a.js") == "app.new" })
}

func TestHasMoved(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	at := func(name string) string { return filepath.Join(base, name) }
	for _, name := range []string{"one", "two"} {
		if err := os.Mkdir(at(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"root": "middle", "middle": "one"} {
		if err := os.Symlink(target, at(link)); err != nil {
			t.Fatal(err)
		}
	}
	w := tree.NewWatcher(at("root"))
	defer w.Close()
	if w.Watch(); w.HasMoved() {
		t.Error("the root has moved before anything happened")
	}
	if err := errors.Join(os.Remove(at("middle")), os.Symlink("two", at("middle"))); err != nil {
		t.Fatal(err)
	}
	if !w.HasMoved() {
		t.Error("a link in the middle of a chain leads elsewhere, and the root has not moved")
	}
	if w.Watch(); w.HasMoved() {
		t.Error("the root has moved again")
	}
	if err := os.Remove(at("two")); err != nil {
		t.Fatal(err)
	}
	if !w.HasMoved() {
		t.Error("the directory is gone, and the root has not moved")
	}
}

// IsPlain rejects paths that leave the root or have hidden segments.
func FuzzIsPlain(f *testing.F) {
	for _, name := range []string{"a.js", "../x", "a/../b", ".env", ".well-known/x", "a//b", "a\\b", "a\x00b", "dir/"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if !tree.IsPlain(name) || name == "" {
			return
		}
		if !filepath.IsLocal(name) {
			t.Errorf("%q leaves the root", name)
		}
		for segment := range strings.SplitSeq(name, "/") {
			if strings.HasPrefix(segment, ".") && segment != ".well-known" {
				t.Errorf("%q shows a hidden segment", name)
			}
		}
	})
}

type nothing struct{ header http.Header }

func (w *nothing) Header() http.Header         { return w.header }
func (w *nothing) WriteHeader(int)             {}
func (w *nothing) Write(p []byte) (int, error) { return len(p), nil }

type nextFails struct{}

func (nextFails) ServeHTTP(http.ResponseWriter, *http.Request) error {
	return errors.New("the request was handed on")
}

func BenchmarkServe(b *testing.B) {
	served, _ := tree.OpenFiles(b, map[string]string{"main.js": tree.Text(13 << 10), "logo.png": tree.Noise(13 << 10)})
	h := handlerOf(b, served)
	file := served.Catalog(context.Background()).Lookup("main.js")
	for file.Variants.Get(variants.Brotli) == nil {
		time.Sleep(time.Millisecond)
	}
	for _, c := range []struct{ name, path, header, value string }{
		{"200", "logo.png", "Accept-Encoding", "gzip, deflate, br, zstd"},
		{"compressed", "main.js", "Accept-Encoding", "gzip, deflate, br, zstd"},
		{"304", "main.js", "If-None-Match", file.ETag()},
		{"404", "gone.js", "Accept", "*/*"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/static/"+c.path+"?v=20260211", nil)
		r.Header.Set(c.header, c.value)
		w := &nothing{make(http.Header)}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				if err := h.ServeHTTP(w, r, nextFails{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
