package tree_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/scan2food/usher/handler/static/assets/tree"
)

// A run of slashes is one slash, in patterns too.
func TestMergedSlashes(t *testing.T) {
	t.Parallel()
	config := tree.QuickConfig(tree.WriteRoot(t, map[string]string{
		"js/app.js": "a", "private/key.txt": "SECRET", "vendor/x.js": "x", "docs/index.html": "<p>",
	}))
	config.Prefix, config.Immutable = "/static/", tree.Patterns{"/static/vendor/*"}
	served := tree.OpenAt(t, config)
	awaitEvidence(t, served, "vendor/x.js")
	h := handlerOf(t, served)
	h.Hide = tree.Patterns{"/static/private/*"}
	for _, c := range []struct {
		path    string
		status  int
		caching string
		why     string
	}{
		{"/static//js/app.js", 200, "no-cache", "a template that writes {{ STATIC_URL }}/js/app.js"},
		{"//static/js///app.js", 200, "no-cache", "anywhere"},
		{"/static//private/key.txt", 404, "no-store", "a pattern hides it"},
		{"/static/private//key.txt", 404, "no-store", "a pattern hides it"},
		{"/static//vendor//x.js", 200, cacheForever, "immutable lists it"},
		{"/static//.env", 404, "no-store", "a dotfile"},
		{"/static//../x", 404, "no-store", "not clean"},
		{"/static//docs", 308, "no-cache", "a directory"},
	} {
		response := ask(t, h, "GET", c.path)
		if response.StatusCode != c.status || response.Header.Get("Cache-Control") != c.caching {
			t.Errorf("%s: %d %q, want %d %q (%s)", c.path, response.StatusCode, response.Header.Get("Cache-Control"), c.status, c.caching, c.why)
		}
		if location := response.Header.Get("Location"); c.status == 308 && location != "/static/docs/" {
			t.Errorf("%s: Location %q names another place", c.path, location)
		}
	}
}

// A Content-Type that an earlier handler sets stays, and decides whether the file is a page.
func TestContentTypeOfEarlierHandlers(t *testing.T) {
	t.Parallel()
	name := "help." + tree.MD5Of("<p>")[:12] + ".tmpl"
	served, _ := tree.OpenFiles(t, map[string]string{name: "<p>", "a.js": "a"})
	h := handlerOf(t, served)
	for _, c := range []struct{ path, set, want, caching string }{
		{"a.js", "application/x-custom", "application/x-custom", "no-cache"},
		{"a.js", "", "text/javascript; charset=utf-8", "no-cache"},
		{name, "", "application/octet-stream", cacheForever},
		{name, "text/html; charset=windows-1252", "text/html; charset=windows-1252", "no-cache"},
	} {
		w := httptest.NewRecorder()
		if c.set != "" {
			w.Header().Set("Content-Type", c.set)
		}
		if err := h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/static/"+c.path, nil), nextFails{}); err != nil {
			t.Fatal(err)
		}
		if got := w.Header(); got.Get("Content-Type") != c.want || got.Get("Cache-Control") != c.caching {
			t.Errorf("%s with %q: %v, want %q and %q", c.path, c.set, got, c.want, c.caching)
		}
	}
}
