package versionedassets_test

import (
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/internal/testsite"
)

// The report of a served directory names a file whose URL a rewrite changes.
func TestRewritesAreReported(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"a.js": "a()"})
	site := testsite.Start(t, "http://127.0.0.1\nrewrite * /index.html\nversioned_assets {\nserve /static/ "+root+"\n}\nrespond page")
	versionedassets.WaitForChecks(site.Server)
	var problems map[string]string
	for _, reported := range versionedassets.ReportAssets() {
		if reported.Root == root {
			problems = reported.Problems
		}
	}
	if problems["a.js"] != "a rewrite before versioned_assets changes the URL to /index.html" {
		t.Errorf("%v, want the rewrite", problems)
	}
}

// A rewrite that changes the URLs of files before versioned_assets is logged at start, with a remedy that works.
func TestRewritesBeforeTheAssets(t *testing.T) {
	t.Parallel()
	const (
		message = "rewrite changes asset URLs before versioned_assets"
		route   = "write both in a route block, versioned_assets first, or exclude the prefix from the rewrite"
		mount   = "handle_path removes the prefix: write serve /, or handle instead of handle_path"
	)
	public := testsite.WriteTree(t, map[string]string{"index.html": "page", "static/js/a.js": "a()", "static/b.js": "b()"})
	pages := testsite.WriteTree(t, map[string]string{"index.html": "page"})
	for _, c := range []struct {
		name, site            string
		path, becomes, served string // served is a URL of js/a.js
		remedy                string
		why                   string
	}{
		{"no rewrite", "ASSETS\nfile_server", "", "", "/static/js/a.js", "", "the plain case"},
		{"single-page application", "root PAGES\ntry_files {path} /index.html\nASSETS\nfile_server", "/static/b.js", "/index.html", "", route, "the page answers"},
		{"the assets first", "root PAGES\nroute {\nASSETS\ntry_files {path} /index.html\nfile_server\n}", "", "", "/static/js/a.js", "", "the remedy"},
		{"blocks", "root PAGES\nhandle /static/* {\nASSETS\n}\nhandle {\ntry_files {path} /index.html\nfile_server\n}", "", "", "/static/js/a.js", "",
			"try_files is in another block"},
		{"block after try_files", "root PAGES\ntry_files {path} /index.html\nhandle /static/* {\nASSETS\n}\nfile_server", "/static/b.js", "/index.html", "", route,
			"Caddy's order has try_files first"},
		{"excluded prefix", "root PAGES\n@page {\nnot path /static/*\nnot file\n}\nrewrite @page /index.html\nASSETS\nfile_server", "", "", "/static/js/a.js", "",
			"the remedy with a matcher"},
		{"files below the root", "root PUBLIC\ntry_files {path} /index.html\nASSETS\nfile_server", "/static/removed-by-a-deploy.js", "/index.html", "/static/js/a.js", route,
			"earlier versions are not on disk"},
		{"status", "root PAGES\ntry_files {path} =404\nASSETS\nfile_server", "/static/b.js", "status 404 of the matcher file", "", route, "try_files answers"},
		{"all paths", "rewrite * /index.html\nASSETS\nfile_server", "/static/b.js", "/index.html", "", route, "no matcher"},
		{"not file", "root PAGES\n@none not file\nrewrite @none /index.html\nASSETS\nfile_server", "/static/b.js", "/index.html", "", route, "the same as try_files"},
		{"to another directory", "rewrite /static/* /assets{path}\nASSETS\nfile_server", "/static/b.js", "/assets/static/b.js", "", route, "the prefix changes"},
		{"part of the path", "uri replace /static/ /st/\nASSETS\nfile_server", "/static/b.js", "/st/b.js", "", route, "the prefix changes"},
		{"part of one path", "uri replace /js/ /es/\nASSETS\nfile_server", "/static/js/a.js", "/static/es/a.js", "", route, "one file has it"},
		{"part of no path", "uri replace /old/ /new/\nASSETS\nfile_server", "", "", "/static/js/a.js", "", "no file has it"},
		{"other path", "rewrite /old/* /static{path}\nASSETS\nfile_server", "", "", "/static/js/a.js", "", "old URLs lead to files"},
		{"regular expression", "@post path_regexp ^/blog/(.*)$\nrewrite @post /posts/{re.1}\nASSETS\nfile_server", "", "", "/static/js/a.js", "", "no file has the path"},
		{"navigations", "root PAGES\n@page {\nheader Accept *text/html*\nnot file\n}\nrewrite @page /index.html\nASSETS\nfile_server", "", "", "/static/js/a.js", "",
			"a browser does not ask so for a script"},
		{"query", "rewrite * ?\nASSETS\nfile_server", "", "", "/static/js/a.js", "", "the path stays"},
		{"another block", "handle /api/* {\nrewrite * /index.php\nrespond x\n}\nASSETS\nfile_server", "", "", "/static/js/a.js", "", "no file is there"},
		{"block of some files", "handle /static/js/* {\nrewrite * /index.php\nrespond x\n}\nhandle {\nASSETS\n}", "", "", "/static/b.js", "", "the block has no assets"},
		{"handle_path", "handle_path /shop/* {\nASSETS\nfile_server\n}", "", "", "/shop/static/js/a.js", "", "clients write what is removed"},
		{"handle_path of the files", "handle_path /static/* {\nversioned_assets {\nserve / STATIC\n}\n}\nfile_server", "", "", "/static/js/a.js", "", "documented"},
		{"handle_path of the files, twice", "handle_path /static/* {\nASSETS\n}\nfile_server", "/static/b.js", "/b.js", "", mount, "the prefix is removed twice"},
		{"strip_prefix", "uri strip_prefix /de\nASSETS\nfile_server", "", "", "/de/static/js/a.js", "", "the prefix is optional"},
		{"strip_prefix of the files", "uri strip_prefix /static\nASSETS\nfile_server", "/static/b.js", "/b.js", "", route, "the prefix is removed"},
		{"rewrite in handle_path", "handle_path /shop/* {\nrewrite * /index.html\nASSETS\nfile_server\n}", "/shop/static/b.js", "/index.html", "", route, "no file is reached"},
		{"named route", "rewrite * /index.html\ninvoke app", "/static/b.js", "/index.html", "", route, "the rewrite is in the site"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			assets := "versioned_assets {\nserve /static/ STATIC\n}"
			caddyfile := "http://127.0.0.1 {\n" + c.site + "\n}"
			if strings.Contains(c.site, "invoke") {
				caddyfile = "&(app) {\nASSETS\n}\n" + caddyfile
			}
			caddyfile = strings.NewReplacer("STATIC", public+"/static", "PUBLIC", public, "PAGES", pages).Replace(strings.ReplaceAll(caddyfile, "ASSETS", assets))
			site := testsite.Start(t, caddyfile)
			if _, body := testsite.Fetch(t, site, "GET", "/static/js/a.js"); c.served == "" && strings.HasPrefix(body, "a()") {
				t.Errorf("the file is served, so that no rewrite changes its URL (%s)", c.why)
			}
			if c.served != "" {
				if _, body := testsite.Fetch(t, site, "GET", c.served); body != "a()" && body != "b()" {
					t.Errorf("%s: %q, want the file (%s)", c.served, body, c.why)
				}
			}
			versionedassets.WaitForChecks(site.Server)
			lines := site.Logs.With(message)
			switch {
			case c.remedy == "" && len(lines) > 0, c.remedy != "" && len(lines) != 1:
				t.Errorf("%v, want %q (%s)", lines, c.path, c.why)
			case c.remedy != "" && (lines[0]["path"] != c.path || lines[0]["becomes"] != c.becomes || lines[0]["remedy"] != c.remedy || lines[0]["prefix"] == ""):
				t.Errorf("%v, want %s, %s, %q (%s)", lines[0], c.path, c.becomes, c.remedy, c.why)
			}
		})
	}
}
