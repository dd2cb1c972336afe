package versionedassets_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// The application gets its own entity tags in conditions (RFC 9110, 13.1.1). For reads, a page is unchanged if its assets are
// unchanged too. For writes, its assets do not matter.
func TestIfMatchOfPages(t *testing.T) {
	t.Parallel()
	site, app, root := stampedSite(t, map[string]string{"main.js": mainScript, "page.html": incident}, "stamp html")
	app.answer = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Etag", `"one, two"`)
		if lines, asked := r.Header["If-Match"]; asked && !slices.Contains(lines, `"one, two"`) && !slices.Contains(lines, `"other", "one, two"`) {
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		_, _ = w.Write([]byte(incident))
	}
	page, _ := testsite.Fetch(t, site, "GET", "/")
	file, _ := testsite.Fetch(t, site, "GET", "/static/page.html")
	tag, fileTag := page.Header.Get("Etag"), file.Header.Get("Etag")
	type asked struct {
		name, method, path, match string
		want                      int
		why                       string
	}
	check := func(cases ...asked) {
		t.Helper()
		for _, c := range cases {
			if got, _ := testsite.Fetch(t, site, c.method, c.path, "If-Match", c.match); got.StatusCode != c.want {
				t.Errorf("%s: %d, want %d (%s)", c.name, got.StatusCode, c.want, c.why)
			}
		}
	}
	check(
		asked{"unchanged", "GET", "/", tag, 200, "the page is unchanged"},
		asked{"in a list", "HEAD", "/", `"other", ` + tag, 200, "the list holds the page's tag"},
		asked{"of the directory", "GET", "/static/page.html", fileTag, 200, "the page is unchanged"},
		asked{"another", "GET", "/", `"other"`, 412, "the tag is of another page"},
		asked{"weak", "GET", "/", "W/" + tag, 412, "the comparison is strong"},
		asked{"written", "PUT", "/", tag, 200, "the application's page is unchanged"},
	)
	testsite.WriteFile(t, root, "main.js", otherScript)
	testsite.Eventually(t, "another page", func() bool {
		now, _ := testsite.Fetch(t, site, "GET", "/")
		return now.Header.Get("Etag") != tag
	})
	check(
		asked{"with other assets", "GET", "/", tag, 412, "the stamps differ"},
		asked{"with other assets, of the directory", "GET", "/static/page.html", fileTag, 412, "the stamps differ"},
		asked{"with other assets, written", "PUT", "/", tag, 200, "the application's page is unchanged"},
		asked{"with other assets, sent", "POST", "/", tag, 200, "the application's page is unchanged"},
	)
}
