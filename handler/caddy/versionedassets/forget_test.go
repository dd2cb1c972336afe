package versionedassets_test

import (
	"strings"
	"testing"
	"time"

	"github.com/scan2food/usher/internal/testsite"
)

// Each browser gets Clear-Site-Data once. A cookie records it. Versions do not change.
func TestForgetBefore(t *testing.T) {
	t.Parallel()
	site, app, _ := stampedSite(t, map[string]string{"main.js": mainScript}, "stamp html\nforget_before 2026-02-12T08:00:00Z")
	app.answers(incident, "Etag", `"page"`, "Cache-Control", "public, max-age=60")
	first, body := testsite.Fetch(t, site, "GET", "/", navigation...)
	if got := first.Header.Get("Clear-Site-Data"); got != `"cache"` || first.Header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("the first page has Clear-Site-Data %q in %v, want the cache cleared, and no shared cache to keep the response", got, first.Header)
	}
	if !strings.Contains(body, `main.js?v=`+testsite.Version(mainScript)+`"`) {
		t.Errorf("the page is %q, want the digest alone as the version", body)
	}
	cookie, _, _ := strings.Cut(first.Header.Get("Set-Cookie"), ";")
	if again, _ := testsite.Fetch(t, site, "GET", "/", append(navigation, "Cookie", "a=b; "+cookie)...); again.Header.Get("Clear-Site-Data") != "" ||
		again.Header.Get("Set-Cookie") != "" || again.Header.Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("the second page has %v, want the header of the application", again.Header)
	}
	for _, c := range []struct {
		name    string
		headers []string
		want    string
		why     string
	}{
		{"a cookie of another time", append(navigation, "Cookie", "usher-forgot=1"), `"cache"`, "forget_before is later"},
		{"no cookies", navigation, `"cache"`, "the cookie is missing"},
		{"a page that the browser has", append(navigation, "If-None-Match", first.Header.Get("Etag")), `"cache"`, "a 304 would not clear the cache"},
		{"a request of a script", []string{"Sec-Fetch-Dest", "empty"}, "", "it is not a navigation"},
	} {
		if got, _ := testsite.Fetch(t, site, "GET", "/", c.headers...); got.Header.Get("Clear-Site-Data") != c.want {
			t.Errorf("%s: Clear-Site-Data %q, want %q (%s)", c.name, got.Header.Get("Clear-Site-Data"), c.want, c.why)
		}
	}
	app.answers(incident, "Cache-Control", "no-store")
	if got, _ := testsite.Fetch(t, site, "GET", "/", navigation...); got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("Clear-Site-Data") == "" {
		t.Errorf("a page that is never stored has %v, want its own no-store, and Clear-Site-Data", got.Header)
	}
}

func TestForgetBeforeThatMustNotLoad(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ words, want string }{
		{"stamp html\nforget_before " + time.Now().Add(time.Hour).Format(time.RFC3339), "use a time that has passed"},
		{"stamp css\nforget_before 2026-02-12T08:00:00Z", "needs `stamp html`"},
	} {
		_, err := testsite.Provision(t, "http://localhost\nversioned_assets {\nserve /static/ "+t.TempDir()+"\n"+c.words+"\n}")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.words, err, c.want)
		}
	}
}
