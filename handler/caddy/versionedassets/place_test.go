package versionedassets_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/internal/testsite"
)

const (
	bypassWarning = "pages bypass versioned_assets and are not stamped"
	blockWarning  = "files of another versioned_assets block are not stamped"
	shadowWarning = "versioned_assets gets no requests; another handler answers"
	hidesWarning  = "serve / hides the handlers after it"
	endWarning    = "pass_thru has no next handler; answering 404"
)

// startPages starts an application whose pages all have this body.
func startPages(t *testing.T, page string) (addr string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if target := r.URL.Query().Get("accel"); target != "" {
			w.Header().Set("X-Accel-Redirect", target)
		}
		_, _ = io.WriteString(w, page)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// At each place in the routes of a site, versioned_assets stamps the pages or logs a WARN with a remedy.
func TestPlaceAmongRoutes(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"a.js": "x", "media/b.js": "y"})
	assets := "versioned_assets {\nserve /static/ " + root + "\nsettle 50ms 400ms\nstamp html\n}\n"
	passing := strings.Replace(assets, "stamp html", "stamp html\npass_thru", 1)
	const outside, before = "put versioned_assets outside of handle blocks, without a matcher",
		"write versioned_assets before the other handler, or exclude the prefix from its matcher"
	for _, c := range []struct {
		name, site string
		path, page string // of a page
		stamped    bool
		warning    string
		remedy     string
		why        string
	}{
		{
			name: "site", site: assets + "reverse_proxy %s", path: "/", page: `<img src="/static/a.js">`, stamped: true, why: "the plain case",
		},
		{
			name: "handle_path", site: "handle_path /shop/* {\n" + assets + "reverse_proxy %s\n}", path: "/shop/",
			page: `<img src="/shop/static/a.js">`, stamped: true, why: "clients write what handle_path removes",
		},
		{
			name: "handle_path, path outside of it", site: "handle_path /shop/* {\n" + assets + "reverse_proxy %s\n}", path: "/shop/",
			page: `<img src="/static/a.js">`, stamped: false, why: "another file has this URL",
		},
		{
			name: "handle_path, relative", site: "handle_path /shop/* {\n" + assets + "reverse_proxy %s\n}", path: "/shop/x/",
			page: `<img src="../static/a.js">`, stamped: true, why: "relative to the URL that the client requested",
		},
		{
			name: "nested handle_path", site: "handle_path /a/* {\nhandle_path /b/* {\n" + assets + "reverse_proxy %s\n}\n}", path: "/a/b/",
			page: `<img src="/a/b/static/a.js">`, stamped: true, why: "both parts are removed",
		},
		{
			name: "strip_prefix for all paths", site: "uri strip_prefix /de\n" + assets + "reverse_proxy %s", path: "/de/x",
			page: `<img src="/static/a.js">`, stamped: true, why: "the prefix is optional",
		},
		{
			name: "strip_prefix for all paths, with the prefix", site: "uri strip_prefix /de\n" + assets + "reverse_proxy %s", path: "/de/x",
			page: `<img src="/de/static/a.js">`, stamped: true, why: "the prefix is optional",
		},
		{
			name: "path matcher", site: strings.Replace(assets, " {", " /static/* {", 1) + "reverse_proxy %s", path: "/", page: `<img src="/static/a.js">`,
			warning: bypassWarning, remedy: outside, why: "pages do not match",
		},
		{
			name: "handle", site: "handle /static/* {\n" + assets + "}\nhandle {\nreverse_proxy %s\n}", path: "/", page: `<img src="/static/a.js">`,
			warning: bypassWarning, remedy: outside, why: "pages have a block of their own",
		},
		{
			name: "handle with its application", site: "handle /app/* {\n" + assets + "reverse_proxy %[1]s\n}\nhandle {\nreverse_proxy %[1]s\n}",
			path: "/app/", page: `<img src="/static/a.js">`, stamped: true, why: "pages of this application pass",
		},
		{
			name: "file matcher", site: "root * " + root + "\n@file file\nhandle @file {\n" + strings.Replace(assets, "/static/", "/", 1) + "}\nreverse_proxy %s",
			path: "/", page: `<img src="/a.js">`, warning: bypassWarning,
			remedy: "put versioned_assets outside of handle blocks, without a matcher, and add pass_thru", why: "nginx's try_files, written with Caddy's means",
		},
		{
			name: "all paths without pass_thru", site: strings.Replace(assets, "/static/", "/", 1) + "reverse_proxy %s",
			path: "/none", page: "Not Found\n", warning: bypassWarning, remedy: "add pass_thru", why: "the application is hidden",
		},
		{
			name: "all paths with pass_thru", site: strings.Replace(assets, "/static/", "/", 1)[:len(assets)-9] + "\npass_thru\n}\nreverse_proxy %s",
			path: "/none", page: `<img src="/a.js">`, stamped: true, why: "the documented way",
		},
		{
			name: "path matcher with pass_thru", site: strings.Replace(passing, " {", " /static/* {", 1) + "reverse_proxy %s", path: "/",
			page: `<img src="/static/a.js">`, warning: bypassWarning, remedy: outside, why: "pages do not match",
		},
		{
			name: "handle with pass_thru", site: "handle /static/* {\n" + passing + "reverse_proxy %[1]s\n}\nhandle {\nreverse_proxy %[1]s\n}",
			path: "/", page: `<img src="/static/a.js">`, warning: bypassWarning, remedy: outside, why: "pages have a block of their own",
		},
		{
			name: "handle_path of the files with pass_thru",
			site: "handle_path /static/* {\n" + strings.Replace(passing, "/static/", "/", 1) + "reverse_proxy %[1]s\n}\nhandle {\nreverse_proxy %[1]s\n}",
			path: "/", page: `<img src="/static/a.js">`, warning: bypassWarning, remedy: outside, why: "pages have a block of their own",
		},
		{
			name: "after the application", site: "route {\nreverse_proxy %s\n" + assets + "}", path: "/", page: `<img src="/static/a.js">`,
			warning: shadowWarning, remedy: before, why: "the application gets all requests",
		},
		{
			name: "after a file server of the prefix", site: "route {\nfile_server /static/*\n" + assets + "reverse_proxy %s\n}", path: "/",
			page: `<img src="/static/a.js">`, stamped: true, warning: shadowWarning, remedy: before, why: "the file server answers",
		},
		{
			name: "after a file server that passes", site: "route {\nfile_server /static/* {\npass_thru\n}\n" + assets + "reverse_proxy %s\n}", path: "/",
			page: `<img src="/static/a.js">`, stamped: true, why: "the file server has other files",
		},
		{
			name: "after a response to one path", site: "route {\nrespond /static/health ok\n" + assets + "reverse_proxy %s\n}", path: "/",
			page: `<img src="/static/a.js">`, stamped: true, why: "other paths come here",
		},
		{
			name: "after forward_auth", site: "forward_auth %[1]s {\nuri /auth\n}\n" + assets + "reverse_proxy %[1]s", path: "/",
			page: `<img src="/static/a.js">`, stamped: true, why: "its proxy passes requests on",
		},
		{
			name: "another block without stamp", site: assets + "versioned_assets {\nserve /media/ " + root + "/media\n}\nreverse_proxy %s",
			path: "/", page: `<img src="/media/b.js">`, warning: blockWarning,
			remedy: "write all serve lines in one block, or add stamp html to the other block", why: "a block knows its own files",
		},
		{
			name: "same prefix in a handle without stamp",
			site: "handle /static/* {\n" + strings.Replace(assets, "stamp html", "", 1) + "}\nhandle {\n" + assets + "reverse_proxy %s\n}",
			path: "/", page: `<img src="/static/a.js">`, stamped: true, why: "this block knows the files too",
		},
		{
			name: "after an intercept with pages", site: "intercept {\n@none status 404\nhandle_response @none {\nroot " + root + "\nfile_server\n}\n}\nhandle {\n" + assets +
				"reverse_proxy %s\n}", path: "/", page: `<img src="/static/a.js">`, stamped: true, warning: bypassWarning,
			remedy: "write intercept after versioned_assets in the same block", why: "its pages go out past the handler",
		},
		{
			name: "before an intercept with pages", site: assets + "intercept {\n@none status 404\nhandle_response @none {\nroot " + root + "\nfile_server\n}\n}\nreverse_proxy %s",
			path: "/", page: `<img src="/static/a.js">`, stamped: true, why: "its pages pass the handler",
		},
		{
			name: "two blocks with stamp", site: assets + "versioned_assets {\nserve /media/ " + root + "/media\nstamp html\n}\nreverse_proxy %s",
			path: "/", page: `<img src="/media/b.js">`, stamped: true, why: "pages pass both",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site := testsite.Start(t, "http://127.0.0.1\n"+fmt.Sprintf(c.site, startPages(t, c.page)))
			_, body := testsite.Fetch(t, site, "GET", c.path)
			if got := strings.Contains(body, "?v="); got != c.stamped || !got && body != c.page {
				t.Errorf("the page is %q, want stamped: %v (%s)", body, c.stamped, c.why)
			}
			if c.warning == "" {
				for _, warning := range []string{bypassWarning, blockWarning, shadowWarning} {
					if lines := site.Logs.With(warning); len(lines) > 0 {
						t.Errorf("%v, want no warning (%s)", lines, c.why)
					}
				}
				return
			}
			testsite.Eventually(t, c.warning, func() bool { return len(site.Logs.With(c.warning)) > 0 })
			if lines := site.Logs.With(c.warning); len(lines) != 1 || lines[0]["remedy"] != c.remedy {
				t.Errorf("%v, want one line with the remedy %q", lines, c.remedy)
			}
		})
	}
}

// `serve /` and pass_thru without the other are logged if a handler after them gets no requests, or if there is none.
func TestHandlersAfterServe(t *testing.T) {
	t.Parallel()
	root, pages := testsite.WriteTree(t, map[string]string{"a.js": "x"}), testsite.WriteTree(t, map[string]string{"index.html": "page"})
	const all, passing, addPassThru = "versioned_assets {\nserve / ROOT\n}\n", "versioned_assets {\nserve / ROOT\npass_thru\n}\n", "add pass_thru"
	fallback := strings.Replace(all, "ROOT", pages+"\nfallback /index.html", 1)
	const gate, toApp = "websocket_gate /ws/* {\nroute chat /ws/ {\nkey a-key-0123456789 name\n}\n}\n", "reverse_proxy APP"
	for _, c := range []struct {
		name, site      string
		path            string
		status          int
		warning, remedy string
		why             string
	}{
		{"application", all + toApp, "/none", 404, hidesWarning, addPassThru, "the application gets no request"},
		{"application with pass_thru", passing + toApp, "/none", 200, "", "", "the documented way"},
		{"application in handle", all + "handle /api/* {\n" + toApp + "\n}", "/api/x", 404, hidesWarning, addPassThru, "handle follows in Caddy's order"},
		{"both in one handle", "handle {\n" + all + toApp + "\n}", "/none", 404, hidesWarning, addPassThru, "the block has the same order"},
		{"application in a handle of its own", "handle /api/* {\n" + toApp + "\n}\nhandle {\n" + all + "}", "/api/x", 200, "", "", "the documented way"},
		{"below handle_path", "handle_path /static/* {\n" + all + "}\n" + toApp, "/none", 200, "", "", "other paths go to the application"},
		{"matcher", "@js path *.js\n" + strings.Replace(all, " {", " @js {", 1) + toApp, "/none", 200, "", "", "other paths go to the application"},
		{"prefix", strings.Replace(all, "serve /", "serve /static/", 1) + toApp, "/none", 200, "", "", "other paths go to the application"},
		{"fallback", fallback + "handle /api/* {\n" + toApp + "\n}", "/api/x", 404, hidesWarning,
			"write the other handlers in handle blocks, and versioned_assets in the last one", "fallback excludes pass_thru"},
		{"sockets", gate + fallback + "handle /ws/* {\n" + toApp + "\n}", "/index.html", 200, "", "", "sockets pass"},
		{"gate and application", gate + all + toApp, "/none", 404, hidesWarning, addPassThru, "the files have no page"},
		{"pass_thru before handlers of other paths", passing + "respond /health ok", "/none", 404, "", "", "no handler matches"},
		{"pass_thru before a handler of the path", passing + "respond /health ok", "/health", 200, "", "", "the handler matches"},
		{"pass_thru at the end", passing, "/none", 404, endWarning, "remove pass_thru, or write a handler after versioned_assets", "Caddy would answer 200"},
		{"pass_thru at the end of a handle", "handle {\n" + passing + "}\nhandle /other {\n" + toApp + "\n}", "/none", 404, endWarning,
			"remove pass_thru, or write a handler after versioned_assets", "the other block is not next"},
		{"pass_thru before another block", passing + "versioned_assets {\nserve /media/ ROOT\n}", "/media/a.js", 200, "", "", "the other block answers"},
		{"pass_thru in handle before a handler of the site", "handle_path /x/* {\n" + passing + "}\n" + toApp, "/x/none", 200, "", "", "the application is next"},
		{"snippet in two blocks", "handle /static/* {\nimport files\n}\nhandle {\nimport files\n" + toApp + "\n}", "/none", 200, endWarning, "remove pass_thru, or write a handler after versioned_assets",
			"the first block has no next handler, the second has one"},
		{"pass_thru in route", "route {\n" + passing + "}\n" + toApp, "/none", 200, "", "", "the application is next"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			caddyfile := "(files) {\n" + passing + "}\nhttp://127.0.0.1 {\n" + c.site + "\n}"
			site := testsite.Start(t, strings.NewReplacer("ROOT", root, "APP", startPages(t, "page")).Replace(caddyfile))
			if response, body := testsite.Fetch(t, site, "GET", c.path); response.StatusCode != c.status || body == "" {
				t.Errorf("%s: %d %q, want %d (%s)", c.path, response.StatusCode, body, c.status, c.why)
			}
			versionedassets.WaitForChecks(site.Server)
			for _, warning := range []string{hidesWarning, endWarning} {
				lines := site.Logs.With(warning)
				if warning == c.warning && (len(lines) != 1 || lines[0]["remedy"] != c.remedy) || warning != c.warning && len(lines) > 0 {
					t.Errorf("%q: %v, want %q with %q (%s)", warning, lines, c.warning, c.remedy, c.why)
				}
			}
		})
	}
}

// In JSON two handlers may look the same. Neither is taken for the last one of its site, so that pass_thru stays in force.
func TestHandlersThatLookTheSame(t *testing.T) {
	t.Parallel()
	const assets = `{"handler":"versioned_assets","serve":[{"prefix":"/","root":"/srv"}],"pass_thru":true}`
	block := func(handlers string) string { return `{"group":"a","handle":[` + handlers + `]}` }
	for _, c := range []struct {
		name, handlers string
		want           bool
	}{
		{"one, at the end", block(assets), false},
		{"one, before a handler", block(assets + `,{"handler":"reverse_proxy"}`), true},
		{"two, the first at the end", block(assets) + "," + block(assets+`,{"handler":"reverse_proxy"}`), true},
	} {
		var routes caddyhttp.RouteList
		if err := json.Unmarshal([]byte(`[{"handle":[{"handler":"subroute","routes":[`+c.handlers+`]}]}]`), &routes); err != nil {
			t.Fatal(err)
		}
		if got := versionedassets.HasNext(routes, &versionedassets.Root{Prefix: "/", Root: "/srv"}); got != c.want {
			t.Errorf("%s: a next handler: %t, want %t", c.name, got, c.want)
		}
	}
}

// A handler in a named route has the place of the route that invokes it.
func TestPlaceInNamedRoute(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"a.js": "x"})
	assets := "versioned_assets {\nserve /static/ " + root + "\nsettle 50ms 400ms\nstamp html\n}\n"
	for _, c := range []struct {
		name, route, site string
		path, page        string
		stamped           bool
		warning           string
		why               string
	}{
		{"with its application", "route {\n" + assets + "reverse_proxy %[1]s\n}", "invoke app", "/", `<img src="/static/a.js">`, true, "", "pages pass in the named route"},
		{"before the application", assets, "route {\ninvoke app\nreverse_proxy %[1]s\n}", "/", `<img src="/static/a.js">`, true, "", "pages pass after it"},
		{"in handle_path", "route {\n" + assets + "reverse_proxy %[1]s\n}", "handle_path /shop/* {\ninvoke app\n}", "/shop/", `<img src="/shop/static/a.js">`, true, "",
			"clients write what handle_path removes"},
		{"behind a matcher", assets, "handle /static/* {\ninvoke app\n}\nhandle {\nreverse_proxy %[1]s\n}", "/", `<img src="/static/a.js">`, false, bypassWarning,
			"pages have a block of their own"},
		{"deferred header", "route {\n" + assets + "reverse_proxy %[1]s\n}", "route {\nheader {\ndefer\nCache-Control max-age=60\n}\ninvoke app\n}", "/", `<img src="/static/a.js">`, true,
			"deferred header change overrides versioned_assets", "a header block around the named route"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := startPages(t, c.page)
			site := testsite.Start(t, fmt.Sprintf("&(app) {\n"+c.route+"\n}\nhttp://127.0.0.1 {\n"+c.site+"\n}", app))
			_, body := testsite.Fetch(t, site, "GET", c.path)
			if got := strings.Contains(body, "?v="); got != c.stamped {
				t.Errorf("the page is %q, want stamped: %v (%s)", body, c.stamped, c.why)
			}
			if c.warning != "" {
				testsite.Eventually(t, c.warning, func() bool { return len(site.Logs.With(c.warning)) == 1 })
			} else if lines := site.Logs.With(bypassWarning); len(lines) > 0 {
				t.Errorf("%v, want no warning (%s)", lines, c.why)
			}
		})
	}
}

// A directory of pages below a path gets no WARN about other pages.
func TestPlaceOfServedPages(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"index.html": `<img src="a.js">`, "a.js": "x"})
	site := testsite.Start(t, fmt.Sprintf(`
		http://127.0.0.1
		handle /docs/* {
			versioned_assets {
				serve /docs/ %s
				stamp html
			}
		}
		reverse_proxy %s
	`, root, startPages(t, "")))
	if _, body := testsite.Fetch(t, site, "GET", "/docs/"); !strings.Contains(body, "?v=") {
		t.Errorf("the page is %q, want it stamped", body)
	}
	if lines := site.Logs.With(bypassWarning); len(lines) > 0 {
		t.Errorf("%v, want no warning", lines)
	}
}

// A page that two blocks stamp is revalidated by the tags of both.
func TestConditionsBehindTwoBlocks(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"a.js": "x", "media/b.js": "y"})
	pages := testsite.WriteTree(t, map[string]string{"index.html": `<img src="/static/a.js"><img src="/media/b.js">`})
	site := testsite.Start(t, fmt.Sprintf(`
		http://127.0.0.1
		versioned_assets {
			serve /static/ %[1]s
			stamp html
		}
		versioned_assets {
			serve /media/ %[1]s/media
			stamp html
		}
		root * %[2]s
		file_server
	`, root, pages))
	first, body := testsite.Fetch(t, site, "GET", "/", navigation...)
	if strings.Count(body, "?v=") != 2 {
		t.Fatalf("the page is %q, want both references stamped", body)
	}
	again, _ := testsite.Fetch(t, site, "GET", "/", append(navigation, "If-None-Match", first.Header.Get("Etag"))...)
	if again.StatusCode != 304 || again.Header.Get("Etag") != first.Header.Get("Etag") {
		t.Errorf("%d with %q, want 304 with %q", again.StatusCode, again.Header.Get("Etag"), first.Header.Get("Etag"))
	}
}

// X-Accel-Redirect works through a stamping handler: the file that handle_response sends keeps its status, ranges and type.
func TestAccelRedirect(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"a.js": "x"})
	private := testsite.WriteTree(t, map[string]string{"private/report.pdf": "%PDF-1.7 report", "private/page.html": `<img src="/static/a.js">`})
	site := testsite.Start(t, fmt.Sprintf(`
		http://127.0.0.1
		versioned_assets {
			serve /static/ %s
			stamp html
		}
		reverse_proxy %s {
			@accel header X-Accel-Redirect *
			handle_response @accel {
				root * %s
				rewrite * {rp.header.X-Accel-Redirect}
				method * GET
				file_server
			}
		}
	`, root, startPages(t, ""), private))
	whole, body := testsite.Fetch(t, site, "GET", "/orders/5?accel=/private/report.pdf", navigation...)
	if whole.StatusCode != 200 || body != "%PDF-1.7 report" || whole.Header.Get("Content-Type") != "application/pdf" {
		t.Errorf("%d %q as %q, want the report", whole.StatusCode, body, whole.Header.Get("Content-Type"))
	}
	part, body := testsite.Fetch(t, site, "GET", "/orders/5?accel=/private/report.pdf", append(navigation, "Range", "bytes=0-3")...)
	if part.StatusCode != 206 || body != "%PDF" {
		t.Errorf("%d %q, want a part of the report", part.StatusCode, body)
	}
	if _, body := testsite.Fetch(t, site, "GET", "/orders/5?accel=/private/page.html"); !strings.Contains(body, "/static/a.js?v=") {
		t.Errorf("the page is %q, want it stamped", body)
	}
}
