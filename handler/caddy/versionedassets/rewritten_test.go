package versionedassets_test

import (
	"crypto/sha512"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// A stylesheet's version covers what it refers to, and the bytes under it are the rewritten ones.
func TestStampedStyles(t *testing.T) {
	t.Parallel()
	site, app, root := stampedSite(t, map[string]string{
		"css/app.css": "@import 'base.css'; a { background: url(../logo.png) }", "css/base.css": "b { color: red }", "logo.png": "logo 1",
	}, "stamp html css")
	app.answers(`<link rel=stylesheet href="/static/css/app.css">`)
	style := func() (string, *http.Response, string) {
		_, page := testsite.Fetch(t, site, "GET", "/")
		_, after, _ := strings.Cut(page, `href="`)
		href, _, _ := strings.Cut(after, `"`)
		response, body := testsite.Fetch(t, site, "GET", href)
		return href, response, body
	}
	before, response, body := style()
	if want := "url(../logo.png?v=" + testsite.Version("logo 1") + ")"; !strings.Contains(body, want) {
		t.Fatalf("the stylesheet is %q, want %q in it", body, want)
	}
	if want := "'base.css?v=" + testsite.Version("b { color: red }") + "'"; !strings.Contains(body, want) {
		t.Errorf("the stylesheet is %q, want %q in it", body, want)
	}
	if !strings.HasSuffix(before, testsite.Version(body)) || response.Header.Get("Cache-Control") != yearLong {
		t.Errorf("%s has %q, want the digest of the served bytes, immutable", before, response.Header.Get("Cache-Control"))
	}
	if response.Header.Get("Last-Modified") != "" {
		t.Error("a stylesheet with rewritten references has Last-Modified, which ignores the files it refers to")
	}
	testsite.WriteFile(t, root, "logo.png", "logo 2")
	testsite.Eventually(t, "the stylesheet under another version", func() bool {
		after, response, body := style()
		return after != before && strings.Contains(body, testsite.Version("logo 2")) && response.Header.Get("Cache-Control") == yearLong
	})
}

// Rewritten bytes are served only under the version that pages contain.
func TestPlainURLServesTheFileOnDisk(t *testing.T) {
	t.Parallel()
	style := "a { background: url(logo.png) }" + strings.Repeat("/* filler */", 100)
	files := map[string]string{"app.css": style, "logo.png": "logo", "main.js": mainScript, "worker.js": "1"}
	site, app, _ := stampedSite(t, files, "stamp html css js")
	app.answers(`<link rel=stylesheet href="/static/app.css"><script src="/static/main.js"></script>`)
	_, page := testsite.Fetch(t, site, "GET", "/")
	for _, name := range []string{"app.css", "main.js"} {
		_, after, _ := strings.Cut(page, name+"?v=")
		version, _, _ := strings.Cut(after, `"`)
		stamped, body := testsite.Fetch(t, site, "GET", "/static/"+name+"?v="+version)
		if !strings.Contains(body, "?v=") || testsite.Version(body) != version || stamped.Header.Get("Cache-Control") != yearLong {
			t.Errorf("%s under its version is %q with %q, want the stamped bytes for a year", name, body, stamped.Header.Get("Cache-Control"))
		}
		for _, c := range []struct{ query, want, why string }{
			{"", revalidate, "no version"},
			{"?v=20260211", revalidate, "nothing proves it"},
			{"?x=" + version, revalidate, "no version either"},
			{"?v=" + testsite.Version(files[name]), yearLong, "the digest of the file itself"},
		} {
			response, body := testsite.Fetch(t, site, "GET", "/static/"+name+c.query)
			if body != files[name] || response.Header.Get("Cache-Control") != c.want {
				t.Errorf("%s%s is %q with %q, want the file with %q (%s)", name, c.query, body, response.Header.Get("Cache-Control"), c.want, c.why)
			}
			if response.Header.Get("Etag") == stamped.Header.Get("Etag") || response.Header.Get("Last-Modified") == "" {
				t.Errorf("%s%s has %v, want its own tag and date", name, c.query, response.Header)
			}
		}
	}
	testsite.Eventually(t, "both forms compressed", func() bool {
		for _, path := range []string{"/static/app.css", "/static/app.css" + page[strings.Index(page, "?v="):strings.Index(page, `">`)]} {
			if response, _ := testsite.Fetch(t, site, "GET", path, "Accept-Encoding", "gzip"); response.Header.Get("Content-Encoding") != "gzip" {
				return false
			}
		}
		return true
	})
}

func TestStampedScripts(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"main.js": mainScript, "worker.js": "importScripts('/static/lib.js')", "lib.js": "1",
		"a.js": "new Worker('/static/b.js')", "b.js": "new Worker('/static/a.js')",
	}
	site, app, _ := stampedSite(t, files, "stamp html js")
	app.answers(`<script src="/static/main.js"></script><script src="/static/a.js"></script>`)
	follow := func(text string) string {
		t.Helper()
		_, after, found := strings.Cut(text, "?v=")
		if !found {
			t.Fatalf("%q has no version", text)
		}
		return after[:16]
	}
	_, page := testsite.Fetch(t, site, "GET", "/")
	for _, step := range []string{"main.js", "worker.js"} {
		response, body := testsite.Fetch(t, site, "GET", "/static/"+step+"?v="+follow(page))
		if response.Header.Get("Cache-Control") != yearLong {
			t.Errorf("%s has %q, want %q", step, response.Header.Get("Cache-Control"), yearLong)
		}
		page = body
	}
	if follow(page) != testsite.Version("1") {
		t.Errorf("worker.js asks for %q, want the version of lib.js", page)
	}
	_, page = testsite.Fetch(t, site, "GET", "/")
	cycle := follow(page[strings.Index(page, "a.js"):])
	response, body := testsite.Fetch(t, site, "GET", "/static/a.js?v="+cycle)
	if response.Header.Get("Cache-Control") != yearLong || follow(body) == "" {
		t.Errorf("a file of a cycle has %q, want %q", response.Header.Get("Cache-Control"), yearLong)
	}

	left, _, _ := stampedSite(t, files, "stamp html")
	testsite.Eventually(t, "the children logged", func() bool {
		for _, line := range left.Logs.With("script requests an asset without a version") {
			if line["script"] == "/static/main.js" && line["asset"] == "/static/worker.js" {
				return true
			}
		}
		return false
	})
	if _, body := testsite.Fetch(t, left, "GET", "/static/main.js"); body != mainScript {
		t.Errorf("main.js is %q, want it as it was", body)
	}
}

func TestIntegrity(t *testing.T) {
	t.Parallel()
	pin := func(text string) string {
		sum := sha512.Sum384([]byte(text))
		return "sha384-" + base64.StdEncoding.EncodeToString(sum[:])
	}
	const style = "a { background: url(logo.png) }"
	site, app, _ := stampedSite(t, map[string]string{"main.js": mainScript, "app.css": style, "logo.png": "logo"}, "stamp html css integrity")
	rewritten := strings.Replace(style, "logo.png", "logo.png?v="+testsite.Version("logo"), 1)
	for _, c := range []struct{ name, page, want, why string }{
		{"added", `<script src="/static/main.js"></script>`, `/static/main.js?v=` + testsite.Version(mainScript) + `" integrity="` + pin(mainScript), "the page had no tag"},
		{"added to a rewritten file", `<link rel="stylesheet" href="/static/app.css">`, `/static/app.css?v=` + testsite.Version(rewritten) + `" integrity="` + pin(rewritten), "the version serves these bytes"},
		{"kept", `<script src="/static/main.js" integrity="` + pin(mainScript) + `"></script>`, `?v=` + testsite.Version(mainScript) + `" integrity="` + pin(mainScript), "it is true"},
		{"kept with a plain URL", `<link rel="stylesheet" href="/static/app.css" integrity="` + pin(style) + `">`, `/static/app.css" integrity="` + pin(style), "the plain URL serves these bytes"},
		{"false", `<script src="/static/main.js" integrity="` + pin("other") + `"></script>`, `integrity="` + pin("other"), "the page's own error"},
	} {
		app.answers(c.page)
		if _, body := testsite.Fetch(t, site, "GET", "/"); !strings.Contains(body, c.want+`"`) {
			t.Errorf("%s: %q, want %s (%s)", c.name, body, c.want, c.why)
		}
	}
}
