package tree_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/static/assets/tree"
)

// Pages, build manifests and service workers are revalidated, whatever an immutable pattern or a hash in their name says.
func TestAlwaysRevalidated(t *testing.T) {
	t.Parallel()
	hashed := func(before, content, after string) string { return before + tree.MD5Of(content)[:12] + after }
	files := map[string]bool{ // whether the file may be immutable
		"app.js": true, hashed("app.", "x", ".js"): true,
		"page.html": false, "page.xhtml": false, hashed("page.", "x", ".xht"): false,
		"sw.js": false, hashed("sw.", "x", ".js"): false, "deep/service-worker.js": false, "ServiceWorker.js": false,
		"ngsw-worker.js": false, "firebase-messaging-sw.js": false, hashed("firebase-messaging-sw.", "x", ".js"): false,
		"sw-register.js": true, "service-worker.css": true, "worker.js": true, "workbox-" + tree.MD5Of("x")[:8] + ".js": true,
		"rev-manifest.json": false, "entrypoints.json": false, "build-manifest.json": false, "ssr-manifest.json": false,
		"ngsw.json": false, "importmap.json": false, "entrypoint.app.json": false, "mix-manifest.json": false,
		hashed("rev-manifest.", "x", ".json"): true, hashed("manifest-", "x", ".json"): true, "data.json": true,
	}
	contents := make(map[string]string)
	for name := range files {
		contents["imm/"+name] = "x"
	}
	s := tree.NewStillTree(t, contents, func(c *tree.Config) {
		c.Prefix, c.Immutable = "/static/", tree.Patterns{"/static/imm/*"}
	})
	s.Read()
	h := handlerOfStill(s)
	for name, want := range files {
		response := ask(t, h, "GET", "/static/imm/"+name)
		cache := response.Header.Get("Cache-Control")
		if strings.Contains(cache, "immutable") != want || !want && cache != "no-cache" {
			t.Errorf("%s: %q, want immutable: %t", name, cache, want)
		}
	}
}

// A script that a browser requested as a service worker is revalidated for all clients from then on, in the next generations
// too. A client cannot take `immutable` from all scripts in this way.
func TestRequestedServiceWorker(t *testing.T) {
	t.Parallel()
	files := map[string]string{"style.css": "s"}
	for i := range 10 {
		files[fmt.Sprintf("%d.js", i)] = "x"
	}
	s := tree.NewStillTree(t, files, func(c *tree.Config) {
		c.Prefix, c.Immutable = "/static/", tree.Patterns{"/static/*.*"}
	})
	s.Read()
	h := handlerOfStill(s)
	cacheOf := func(name string, headers ...string) string {
		return ask(t, h, "GET", "/static/"+name, headers...).Header.Get("Cache-Control")
	}
	asWorker := []string{"Service-Worker", "script"}
	const forever = "public, max-age=31536000, immutable"
	explained := httptest.NewRequest("GET", "/static/0.js", nil)
	explained.Header.Set("Service-Worker", "script")
	if e := h.Explain(explained); e.CacheControl != "no-cache" || cacheOf("0.js") != forever {
		t.Fatalf("an explanation of a service worker: %+v, and then %q", e, cacheOf("0.js"))
	}
	if got := cacheOf("0.js", asWorker...); got != "no-cache" {
		t.Errorf("as a service worker: %q", got)
	}
	if got := cacheOf("0.js"); got != "no-cache" {
		t.Errorf("for other requests after that: %q", got)
	}
	s.Write("0.js", "y")
	s.Write("new.js", "n")
	s.Read()
	if got := cacheOf("0.js"); got != "no-cache" {
		t.Errorf("in the next generation: %q", got)
	}
	if got := cacheOf("style.css", asWorker...) + cacheOf("style.css"); got != "no-cache"+forever {
		t.Errorf("a stylesheet, which cannot be a worker: %q", got)
	}
	immutable := 0
	for i := 1; i < 10; i++ {
		name := fmt.Sprintf("%d.js", i)
		if got := cacheOf(name, asWorker...); got != "no-cache" {
			t.Errorf("%s as a service worker: %q", name, got)
		}
		if cacheOf(name) == forever {
			immutable++
		}
	}
	if immutable != 10-tree.MaxServiceWorkers {
		t.Errorf("%d scripts stay immutable, want %d", immutable, 10-tree.MaxServiceWorkers)
	}
	if e := h.Explain(httptest.NewRequest("GET", "/static/0.js", nil)); !strings.Contains(e.Why, "service worker") || e.Status != 200 {
		t.Errorf("explained as %+v", e)
	}
}
