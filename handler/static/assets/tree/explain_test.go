package tree_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/assets/variants"
)

// explainedSite serves one tree of every kind of evidence.
func explainedSite(t testing.TB) (*assets.Handler, *tree.Catalog) {
	t.Helper()
	config := tree.QuickConfig(tree.WriteRoot(t, map[string]string{
		"main.js": "alert(1)", "worker.js": "w", "index.html": "<p>", "app/index.html": "<p>", "notes.map": "{}",
		"css/a." + tree.MD5Of("a{}")[:12] + ".css": "a{}", "css/lie.0123456789ab.css": "b{}", "vendor/jquery.js": "jq",
		"assets/x-DdCDtH1A.js": "x", "_astro/y.BxqeNUpP.css": "y{}", ".env": "SECRET=1", ".well-known/x.txt": "x",
		"staticfiles.json":    `{"paths":{"css/lie.css":"css/lie.0123456789ab.css"},"version":"1.1","hash":"0a1b2c3d4e5f"}`,
		".vite/manifest.json": `{"x.js":{"file":"assets/x-DdCDtH1A.js","src":"x.js"}}`,
		"mix-manifest.json":   `{"/worker.js":"/worker.js?id=` + tree.MD5Of("w") + `"}`,
		"übung/ä.txt":         "u", `quo"te.txt`: "q",
	}))
	config.Manifests = []string{"staticfiles.json", ".vite/manifest.json", "mix-manifest.json"}
	config.Prefix, config.Immutable = "/static/", tree.Patterns{"/static/vendor/*"}
	served := tree.OpenAt(t, config)
	for _, path := range []string{"vendor/jquery.js", "assets/x-DdCDtH1A.js", "_astro/y.BxqeNUpP.css"} {
		awaitEvidence(t, served, path)
	}
	tree.Eventually(t, "the version that a manifest gives worker.js", func() bool {
		versions := served.Catalog(context.Background()).Lookup("worker.js").PromisedVersions.Load()
		return versions != nil && len(*versions) > 0
	})
	return &assets.Handler{
		Sites: []assets.Site{{Prefix: "/static/", Tree: served}}, VersionQuery: []string{"v", "id"}, Explained: true,
		Hide: tree.Patterns{"*.map"}, Fallback: "/static/index.html",
		Encode: []variants.Coding{variants.Gzip},
	}, served.Catalog(context.Background())
}

// awaitEvidence waits until the evidence of a path is in force.
func awaitEvidence(t testing.TB, served *tree.Tree, path string) {
	t.Helper()
	tree.Eventually(t, "evidence for "+path, func() bool {
		file := served.Catalog(context.Background()).Lookup(path)
		evidence, _ := file.GivenOut()
		return evidence.Kind != tree.NoEvidence
	})
}

func TestExplain(t *testing.T) {
	t.Parallel()
	h, catalog := explainedSite(t)
	for _, c := range []struct {
		name, target string
		status       int
		evidence     tree.EvidenceKind
		why, header  string
	}{
		{"unversioned", "/static/worker.js", 200, tree.NoEvidence, "nothing proves", ""},
		{"unproved", "/static/main.js?v=20260211", 200, tree.NoEvidence, "nothing proves", ""},
		{"stamp", "/static/main.js?v=" + catalog.Lookup("main.js").StampedVersion(), 200, tree.ByDigest, "stamp", ""},
		{"query", "/static/worker.js?id=" + tree.MD5Of("w"), 200, tree.ByManifest, "a manifest gives", ""},
		{"digest", "/static/css/a." + tree.MD5Of("a{}")[:12] + ".css", 200, tree.ByDigest, "md5", ""},
		{"lie", "/static/css/lie.0123456789ab.css", 200, tree.NoEvidence, "version that is of other bytes", ""},
		{"manifest", "/static/assets/x-DdCDtH1A.js", 200, tree.ByManifest, ".vite/manifest.json lists it", ""},
		{"directory", "/static/_astro/y.BxqeNUpP.css", 200, tree.ByDirectory, "Astro", ""},
		{"operator", "/static/vendor/jquery.js", 200, tree.ByOperator, "pattern", ""},
		{"HTML", "/static/index.html", 200, tree.NoEvidence, "a page", ""},
		{"index", "/static/app/", 200, tree.NoEvidence, "a page", ""},
		{"redirect", "/static/app", 308, tree.NoEvidence, "final slash", ""},
		{"build manifest", "/static/staticfiles.json", 200, tree.NoEvidence, "build manifest", ""},
		{"service worker", "/static/css/a." + tree.MD5Of("a{}")[:12] + ".css", 200, tree.ByDigest, "service worker", "Service-Worker: script"},
		{"range", "/static/main.js", 206, tree.NoEvidence, "nothing proves", "Range: bytes=0-1"},
		{"not modified", "/static/main.js", 304, tree.NoEvidence, "nothing proves", "If-None-Match: *"},
		{"precondition", "/static/main.js", 412, tree.NoEvidence, "precondition", `If-Match: "x"`},
		{"hidden", "/static/.env", 404, tree.NoEvidence, "dotfiles", ""},
		{"pattern", "/static/notes.map", 404, tree.NoEvidence, "hide pattern", ""},
		{"slash", "/static/css%2Flie.css", 404, tree.NoEvidence, "plain", ""},
		{"missing", "/static/gone.js", 404, tree.NoEvidence, "no such file", ""},
		{"fallback", "/static/some/page", 200, tree.NoEvidence, "fallback", "Sec-Fetch-Dest: document"},
		{"missing script in a window", "/static/gone.js", 404, tree.NoEvidence, "no such file", "Sec-Fetch-Dest: document"},
		{"other letters", "/static/%C3%BCbung/%C3%A4.txt", 200, tree.NoEvidence, "nothing proves", ""},
		{"quote", "/static/quo%22te.txt", 200, tree.NoEvidence, "nothing proves", ""},
	} {
		r := httptest.NewRequest(http.MethodGet, c.target, nil)
		if name, value, found := strings.Cut(c.header, ": "); found {
			r.Header.Set(name, value)
		}
		explained := h.Explain(r)
		if explained.Status != c.status || explained.Evidence.Kind != c.evidence || !strings.Contains(explained.Why, c.why) {
			t.Errorf("%s: %+v, want %d, evidence %q and %q", c.name, explained, c.status, c.evidence, c.why)
		}
		if explained.Generation != catalog.Generation || explained.Prefix != "/static/" {
			t.Errorf("%s: %+v, want generation %s", c.name, explained, catalog.Generation)
		}
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, r, nextFails{}); err != nil {
			t.Fatal(err)
		}
		if w.Code != explained.Status || w.Header().Get("Cache-Control") != explained.CacheControl {
			t.Errorf("%s: served %d %q, explained %+v", c.name, w.Code, w.Header().Get("Cache-Control"), explained)
		}
		longLived := w.Code < 400 && strings.Contains(explained.CacheControl, "immutable")
		overruled := strings.Contains(explained.Why, "service worker")
		if longLived != (explained.Evidence.Kind != tree.NoEvidence && !overruled) {
			t.Errorf("%s: %q for evidence %+v", c.name, explained.CacheControl, explained.Evidence)
		}
		if field := w.Header().Get("Cache-Status"); !strings.HasPrefix(field, "usher") || strings.Contains(field, "hit") != (c.status < 308) {
			t.Errorf("%s: Cache-Status: %s", c.name, field)
		}
	}
}

func TestCacheStatus(t *testing.T) {
	t.Parallel()
	got := assets.Explanation{
		Path: `ä"\`, Generation: "0a1b", Status: 200, Evidence: tree.Evidence{tree.ByDigest, "x"}, Why: "the name holds the file's md5",
	}.CacheStatus()
	const want = `usher; hit; key="%C3%A4\"\\"; generation="0a1b"; evidence="digest"; detail="the name holds the file's md5"`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := (assets.Explanation{Status: 404, Why: "there is no such file"}).CacheStatus(); got != `usher; detail="there is no such file"` {
		t.Errorf("got %s", got)
	}
}

func TestExplainOtherSites(t *testing.T) {
	t.Parallel()
	h, _ := explainedSite(t)
	if e := h.Explain(httptest.NewRequest(http.MethodGet, "/other", nil)); e.Prefix != "" || e.Status != 0 {
		t.Errorf("%+v", e)
	}
	if e := h.Explain(httptest.NewRequest(http.MethodPost, "/static/main.js", nil)); e.Status != http.StatusMethodNotAllowed {
		t.Errorf("%+v", e)
	}
}

// For every request, the explanation equals the response. Hidden files are not served. Without evidence no response is immutable.
func FuzzExplain(f *testing.F) {
	for _, target := range []string{
		"/static/main.js?v=20260211", "/static/%2e%2e/x", "/static/.env", "/static/a%00", "/static/~0123456789ab/main.js",
		"/static/..%5cx", "/static//main.js", "/static/app", "/static/.well-known/x.txt", "/static/%252e%252e/.env",
	} {
		f.Add(target, "")
	}
	f.Add("/static/x", "document")
	h, _ := explainedSite(f)
	f.Fuzz(func(t *testing.T, target, destination string) {
		parsed, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(parsed.Path, "/static/") {
			return
		}
		r := &http.Request{Method: http.MethodGet, URL: parsed, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
		r.Header.Set("Sec-Fetch-Dest", destination)
		explained, w := h.Explain(r), httptest.NewRecorder()
		if err := h.ServeHTTP(w, r, nextFails{}); err != nil {
			t.Fatal(err)
		}
		cache := w.Header().Get("Cache-Control")
		if w.Code != explained.Status || cache != explained.CacheControl {
			t.Errorf("%q: served %d %q, explained %+v", target, w.Code, cache, explained)
		}
		if strings.Contains(w.Body.String(), "SECRET") {
			t.Errorf("%q shows what is hidden", target)
		}
		if strings.Contains(cache, "immutable") && explained.Evidence.Kind == tree.NoEvidence || w.Code >= 400 && cache != "no-store" {
			t.Errorf("%q: %d %q for %+v", target, w.Code, cache, explained)
		}
	})
}

// Requests for a million unknown names leave no memory in use.
func TestRandomNamesLeaveNothing(t *testing.T) {
	h, _ := explainedSite(t)
	h.Explained = false
	ask := func(from, to int) {
		r := httptest.NewRequest(http.MethodGet, "/static/", nil)
		w := &nothing{make(http.Header)}
		for i := from; i < to; i++ {
			clear(w.header)
			r.URL.Path = fmt.Sprintf("/static/%x/%d.js", i*2654435761, i)
			r.URL.RawQuery = fmt.Sprintf("v=%x", i*40503)
			if err := h.ServeHTTP(w, r, nextFails{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	requests := 1_000_000
	if testing.Short() {
		requests = 100_000
	}
	ask(0, 1000)
	before := tree.LiveBytes()
	ask(1000, requests)
	if grown := tree.LiveBytes() - before; grown > 1<<20 {
		t.Errorf("%d bytes more after %d requests", grown, requests)
	}
}
