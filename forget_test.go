package usher

import (
	"strings"
	"testing"
	"time"
)

// What browsers got before is to be forgotten: each is told once, and all that is stamped has another URL, which is proved
// as the one before.
func TestForgetBefore(t *testing.T) {
	t.Parallel()
	hashed := "chunk." + md5Name("chunk") + ".js"
	files := map[string]string{
		"main.js": mainScript, "app.css": "@import 'base.css'; a { background: url(logo.png) }", "base.css": "@import 'app.css'; /**/", "logo.png": "logo",
		hashed: "chunk",
	}
	page := `<script src="/static/main.js"></script><link rel="stylesheet" href="/static/app.css"><script src="/static/` + hashed + `"></script>`
	site, app, _ := stampedSite(t, files, "stamp html css\nforget_before 2026-02-12T08:00:00Z")
	before, _, _ := stampedSite(t, files, "stamp html css")
	app.answers(page, "Etag", `"page"`, "Cache-Control", "public, max-age=60")
	response, stamped := fetch(t, site, "GET", "/", navigation...)
	if got := response.Header.Get("Clear-Site-Data"); got != `"cache"` || response.Header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("the browser is told %q in %v, want its cache, and nobody else", got, response.Header)
	}
	cookie, _, _ := strings.Cut(response.Header.Get("Set-Cookie"), ";")
	again, _ := fetch(t, site, "GET", "/", append(navigation, "Cookie", "a=b; "+cookie)...)
	if again.Header.Get("Clear-Site-Data") != "" || again.Header.Get("Set-Cookie") != "" || again.Header.Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("the browser is told again: %v", again.Header)
	}
	if other, _ := fetch(t, site, "GET", "/", append(navigation, "Cookie", "usher-forgot=1")...); other.Header.Get("Clear-Site-Data") == "" {
		t.Error("a browser that was told of another time is not told")
	}
	if data, _ := fetch(t, site, "GET", "/", "Sec-Fetch-Dest", "empty"); data.Header.Get("Clear-Site-Data") != "" {
		t.Error("what is no navigation is told")
	}
	epoch := strings.TrimPrefix(cookie, forgottenCookie+"=")
	urls := strings.FieldsFunc(stamped, func(r rune) bool { return r == '"' })
	checked := 0
	for _, url := range urls {
		if !strings.HasPrefix(url, "/static/") {
			continue
		}
		checked++
		if !strings.HasSuffix(url, epoch) {
			t.Errorf("%s is what it was before", url)
		}
		response, body := fetch(t, site, "GET", url)
		if response.StatusCode != 200 || response.Header.Get("Cache-Control") != yearLong {
			t.Errorf("%s: %d with %q, want it for a year", url, response.StatusCode, response.Header.Get("Cache-Control"))
		}
		if strings.Contains(url, "app.css") && strings.Count(body, epoch) != 2 {
			t.Errorf("the stylesheet is %q, want other URLs in it", body)
		}
	}
	if checked != 3 {
		t.Errorf("%d URLs in %q, want 3", checked, stamped)
	}
	now, earlier := servedRootsOf(site.Server)[0].tree.Current().State(), servedRootsOf(before.Server)[0].tree.Catalog(t.Context()).State()
	if now == earlier {
		t.Error("the generation is what it was before")
	}
}

func TestForgetBeforeThatMustNotLoad(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ words, want string }{
		{"stamp html\nforget_before " + time.Now().Add(time.Hour).Format(time.RFC3339), "want a time that has come"},
		{"stamp css\nforget_before 2026-02-12T08:00:00Z", "want stamp html"},
	} {
		_, err := provisionSite(t, "http://localhost\nversioned_assets {\nserve /static/ "+t.TempDir()+"\n"+c.words+"\n}")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.words, err, c.want)
		}
	}
}
