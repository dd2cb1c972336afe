package tree_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/assets/tree"
)

// application is the next handler.
type application struct{}

func (application) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	_, err := w.Write([]byte("application " + r.Method))
	return err
}

// With `pass_thru`, a path without a file goes to the application, as with nginx's try_files.
func TestPassThru(t *testing.T) {
	t.Parallel()
	served, _ := tree.OpenFiles(t, map[string]string{
		"robots.txt": "robots", "assets/app.js": "app", "index.html": "<p>", "docs/index.html": "<p>docs", "private/a.txt": "SECRET",
		".env": "SECRET",
	})
	served.Catalog(t.Context())
	h := &assets.Handler{
		Sites: []assets.Site{{Prefix: "/", Tree: served}}, VersionQuery: []string{"v"}, PassThru: true, Hide: tree.Patterns{"/private/*"},
	}
	for _, c := range []struct {
		method, path string
		status       int
		body, why    string
	}{
		{"GET", "/robots.txt", 200, "robots", "a file"},
		{"HEAD", "/robots.txt", 200, "", "a file"},
		{"GET", "/assets/app.js?v=1", 200, "app", "a file"},
		{"GET", "/", 200, "<p>", "the index of the root"},
		{"GET", "/docs", 308, "", "a directory with an index"},
		{"GET", "/orders", 200, "application GET", "no file"},
		{"GET", "/assets", 200, "application GET", "a directory without an index"},
		{"GET", "/assets/gone.js", 200, "application GET", "no file"},
		{"POST", "/orders", 200, "application POST", "no file"},
		{"POST", "/robots.txt", 200, "application POST", "a method that files do not have"},
		{"OPTIONS", "/orders", 200, "application OPTIONS", "a method that files do not have"},
		{"GET", "/a%2Fb", 200, "application GET", "no file has such a path"},
		{"GET", "/.env", 200, "application GET", "dotfiles are not served here"},
		{"GET", "/private/a.txt", 404, "Not Found\n", "a pattern hides it"},
		{"GET", "/private/none", 404, "Not Found\n", "a pattern hides it"},
	} {
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil), application{}); err != nil {
			t.Fatal(err)
		}
		if w.Code != c.status || w.Body.String() != c.body {
			t.Errorf("%s %s: %d %q, want %d %q (%s)", c.method, c.path, w.Code, w.Body, c.status, c.body, c.why)
		}
		if passed := h.Explain(httptest.NewRequest(c.method, c.path, nil)).Prefix == ""; passed != strings.HasPrefix(c.body, "application") {
			t.Errorf("%s %s: explained as passed: %v (%s)", c.method, c.path, passed, c.why)
		}
	}
}
