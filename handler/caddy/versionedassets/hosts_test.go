package versionedassets_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/internal/testsite"
)

// Pages refer to a host of its own for static files. The references are stamped with the versions of that host.
func TestHostOfItsOwn(t *testing.T) {
	t.Parallel()
	own := testsite.WriteTree(t, map[string]string{"a.js": "own"})
	static := testsite.WriteTree(t, map[string]string{
		"a.js": "static", "site.css": "@font-face { src: url(font.woff2) }", "font.woff2": "font", "main.0123abcd.js": "named", "map/marker.png": "icon",
	})
	const page = `<link rel=preload as=font href="//static.example/font.woff2"><link rel=stylesheet href="//static.example/site.css">` +
		`<script src="https://static.example/a.js?v=old"></script>` +
		`<script type=module src="https://static.example/a.js"></script><img src="https://static.example/map/marker.png">` +
		`<script src="https://other.example/a.js"></script><script src="https://static.example:9999/a.js"></script>` +
		`<script src="https://wild.example.org/a.js"></script><script src="/static/a.js"></script>`
	site := testsite.Start(t, fmt.Sprintf(`
		{
			auto_https off
		}
		http://127.0.0.1 {
			versioned_assets {
				serve /static/ %s
				settle 50ms 400ms
				stamp html
			}
			reverse_proxy %s
		}
		http://static.example, http://*.example.org {
			versioned_assets {
				serve / %s
				settle 50ms 400ms
				version_query ver v
				unstamped /map/*
				stamp css
			}
		}
	`, own, startPages(t, page), static))
	version := testsite.Version("static")
	var body string
	testsite.Eventually(t, "the page is stamped", func() bool {
		_, body = testsite.Fetch(t, site, "GET", "/", navigation...)
		return strings.Contains(body, "https://static.example/a.js?ver=")
	})
	for _, c := range []struct{ reference, why string }{
		{`"https://static.example/a.js?ver=` + version + `"`, "the version of the page is replaced, by the first version_query of the host"},
		{`type=module src="https://static.example/a.js"`, "modules are never stamped"},
		{`"https://static.example/map/marker.png"`, "the other site does not stamp it"},
		{`"https://other.example/a.js"`, "no site has the host"},
		{`"https://static.example:9999/a.js"`, "another port"},
		{`"https://wild.example.org/a.js"`, "the host has no name of its own"},
		{`"/static/a.js?v=` + testsite.Version("own") + `"`, "the files of the site itself"},
		{`as=font href="//static.example/font.woff2?ver=` + testsite.Version("font") + `"`, "the stylesheet of the other host refers to it with a version"},
	} {
		if !strings.Contains(body, c.reference) {
			t.Errorf("the page has no %s (%s): %s", c.reference, c.why, body)
		}
	}
	response, content := testsite.Fetch(t, site, "GET", "/a.js?ver="+version, "Host", "static.example")
	if content != "static" || response.Header.Get("Cache-Control") != yearLong {
		t.Errorf("the stamped URL is %q with %q, want the file, immutable", content, response.Header.Get("Cache-Control"))
	}
}

// A page that refers to another host changes with a deploy of that host.
func TestPageChangesWithDeployOfOtherHost(t *testing.T) {
	t.Parallel()
	own := testsite.WriteTree(t, map[string]string{"page.html": `<script src="//static.example/a.js"></script>`})
	static := testsite.WriteTree(t, map[string]string{"a.js": "first"})
	site := testsite.Start(t, fmt.Sprintf(`
		http://127.0.0.1 {
			versioned_assets {
				serve / %s
				settle 50ms 400ms
				stamp html
			}
		}
		http://static.example {
			versioned_assets {
				serve / %s
				settle 50ms 400ms
			}
		}
	`, own, static))
	stamped := func(content string) (etag string) {
		testsite.Eventually(t, "the page names "+content, func() bool {
			response, body := testsite.Fetch(t, site, "GET", "/page.html", navigation...)
			etag = response.Header.Get("Etag")
			return strings.Contains(body, "a.js?v="+testsite.Version(content))
		})
		return etag
	}
	before := stamped("first")
	if response, _ := testsite.Fetch(t, site, "GET", "/page.html", append(navigation, "If-None-Match", before)...); response.StatusCode != 304 {
		t.Errorf("the same page is %d, want 304", response.StatusCode)
	}
	testsite.WriteFile(t, static, "a.js", "second")
	stamped("second")
	if response, _ := testsite.Fetch(t, site, "GET", "/page.html", append(navigation, "If-None-Match", before)...); response.StatusCode != 200 {
		t.Errorf("the page from before the deploy is %d, want 200", response.StatusCode)
	}
}

// A deploy of a host for static files is a new generation of the pages that refer to the host. A site with pages of its own has
// generations of its own.
func TestDeployOfStaticHostIsANewGeneration(t *testing.T) {
	t.Parallel()
	own := testsite.WriteTree(t, map[string]string{"page.html": `<script src="//static.example/a.js"></script>`})
	static, shop := testsite.WriteTree(t, map[string]string{"a.js": "1"}), testsite.WriteTree(t, map[string]string{"b.js": "1"})
	site := testsite.Start(t, fmt.Sprintf(`
		http://127.0.0.1 {
			versioned_assets {
				serve / %s
				settle 50ms 400ms
				stamp html
			}
		}
		http://static.example {
			versioned_assets {
				serve / %s
				settle 50ms 400ms
			}
		}
		http://shop.example {
			versioned_assets {
				serve / %s
				settle 50ms 400ms
				stamp html
			}
			respond /hello hello
		}
	`, own, static, shop))
	generations := func() (page, endpoint string) {
		response, _ := testsite.Fetch(t, site, "GET", "/page.html", navigation...)
		_, page, _ = strings.Cut(response.Header.Get("Server-Timing"), `usher;desc="`)
		_, endpoint = testsite.Fetch(t, site, "GET", "/.well-known/usher/generation")
		return strings.TrimSuffix(page, `"`), endpoint
	}
	agreed := func() (generation string) {
		testsite.Eventually(t, "page and endpoint agree", func() bool {
			var endpoint string
			generation, endpoint = generations()
			return generation != "" && strings.Contains(endpoint, `"`+generation+`"`)
		})
		return generation
	}
	var first string
	testsite.Eventually(t, "the page is stamped", func() bool {
		_, body := testsite.Fetch(t, site, "GET", "/page.html", navigation...)
		first = agreed()
		return strings.Contains(body, "a.js?v="+testsite.Version("1"))
	})
	testsite.WriteFile(t, shop, "b.js", "2")
	testsite.Eventually(t, "the shop published", func() bool {
		_, body := testsite.Fetch(t, site, "GET", "/b.js", "Host", "shop.example")
		return body == "2"
	})
	if got := agreed(); got != first {
		t.Errorf("after a deploy of a site with pages: %s, want %s", got, first)
	}
	testsite.WriteFile(t, static, "a.js", "2")
	testsite.Eventually(t, "a new generation", func() bool { return agreed() != first })
}

// References to a wildcard host are not stamped, which is logged.
func TestWildcardHostOfFilesIsLogged(t *testing.T) {
	t.Parallel()
	const warning = "files of a wildcard host are not stamped"
	block := func(options string) string {
		return "versioned_assets {\nserve /static/ " + testsite.WriteTree(t, map[string]string{"a.js": "x"}) + "\n" + options + "\n}\n"
	}
	const pages = "respond /hello hello\n"
	for _, c := range []struct {
		name, site, other string
		want              int
	}{
		{"files alone", block("stamp html") + pages, "http://*.example.org {\n" + block("") + "}", 1},
		{"a name beside the wildcard", block("stamp html") + pages, "http://*.example.org, http://static.example.org {\n" + block("") + "}", 0},
		{"a site with pages", block("stamp html") + pages, "http://*.example.org {\n" + block("") + pages + "}", 0},
		{"a name", block("stamp html") + pages, "http://static.example.org {\n" + block("") + "}", 0},
		{"no page is stamped", block("") + pages, "http://*.example.org {\n" + block("") + "}", 0},
	} {
		site := testsite.Start(t, "{\nauto_https off\n}\nhttp://127.0.0.1 {\n"+c.site+"}\n"+c.other)
		testsite.Fetch(t, site, "GET", "/static/a.js")
		testsite.Eventually(t, c.name, func() bool { return len(site.Logs.With("published assets")) == 2 })
		if lines := site.Logs.With(warning); len(lines) != c.want {
			t.Errorf("%s: %v, want %d lines", c.name, lines, c.want)
		}
	}
}

// `stamp html` on a host whose responses are all its own files stamps nothing.
func TestStampOnHostWithoutPages(t *testing.T) {
	t.Parallel()
	const warning = "no pages pass versioned_assets; stamp html is ineffective"
	files := testsite.WriteTree(t, map[string]string{"a.js": "x"})
	pages := testsite.WriteTree(t, map[string]string{"a.js": "x", "index.html": "<p>"})
	for _, c := range []struct {
		site   string
		warned bool
		why    string
	}{
		{"encode\nversioned_assets {\nserve / " + files + "\nstamp html\n}", true, "no handler has pages"},
		{"versioned_assets {\nserve / " + pages + "\nstamp html\n}", false, "the directory has pages"},
		{"versioned_assets {\nserve /static/ " + files + "\nstamp html\n}\nrespond /hello hello", false, "another handler responds"},
		{"handle_path /shop/* {\nversioned_assets {\nserve / " + files + "\nstamp html\n}\n}\nreverse_proxy 127.0.0.1:1", false, "pages bypass it, which another WARN says"},
		{"versioned_assets {\nserve / " + files + "\n}", false, "nothing is to be stamped"},
	} {
		site := testsite.Start(t, "http://127.0.0.1\n"+c.site)
		testsite.Fetch(t, site, "GET", "/a.js")
		if c.warned {
			testsite.Eventually(t, "the warning: "+c.why, func() bool { return len(site.Logs.With(warning)) == 1 })
		} else if lines := site.Logs.With(warning); len(lines) > 0 {
			t.Errorf("%v, want no warning (%s)", lines, c.why)
		}
	}
}

func TestNamesOfHosts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		hosts, listen []string
		want          string
	}{
		{[]string{"Static.example"}, []string{":443", ":80"}, "[static.example]"},
		{[]string{"static.example"}, []string{":8443", "127.0.0.1:8080"}, "[static.example static.example:8080 static.example:8443]"},
		{[]string{"static.example"}, []string{"unix//run/caddy.sock"}, "[static.example]"},
		{[]string{"::1"}, []string{":8080"}, "[[::1] [::1]:8080]"},
		{[]string{"*.example", "{env.HOST}"}, []string{":443"}, "[]"},
	} {
		if got := fmt.Sprint(versionedassets.HostNames(c.hosts, c.listen)); got != c.want {
			t.Errorf("names of %q on %q are %s, want %s", c.hosts, c.listen, got, c.want)
		}
	}
}
