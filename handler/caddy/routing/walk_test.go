package routing_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/routing"
	"github.com/scan2food/usher/internal/testsite"
)

// A walk evaluates the rewrites and the file matchers before a handler.
func TestWalkFollowsRewrites(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"index.html": "page", "static/here.js": "x"})
	for _, c := range []struct {
		name, site, path string
		walk             routing.Walk
		by, at           string
		notEvaluated     []string
		why              string
	}{
		{"no rewrite", "", "/static/a.js", routing.Walk{}, "decided", "/static/a.js", nil, "the plain case"},
		{"rewrite", "rewrite * /index.html", "/static/a.js", routing.Walk{}, "file_server", "/index.html", nil, "no matcher"},
		{"try_files", "try_files {path} /index.html", "/static/a.js", routing.Walk{}, "file_server", "/index.html", nil, "the file is elsewhere"},
		{"try_files of a file", "try_files {path} /index.html", "/static/here.js", routing.Walk{}, "decided", "/static/here.js", nil, "the file exists"},
		{"not file", "@none not file\nrewrite @none /index.html", "/static/a.js", routing.Walk{}, "file_server", "/index.html", nil, "the same with a matcher"},
		{"not file, of a file", "@none not file\nrewrite @none /index.html", "/static/here.js", routing.Walk{}, "decided", "/static/here.js", nil, "the file exists"},
		{"uri replace", "uri replace /static/ /st/", "/static/a.js", routing.Walk{}, "file_server", "/st/a.js", nil, "a part of the path"},
		{"placeholder of map", "map {path} {target} {\n/static/a.js /b.js\n}\nrewrite * {target}", "/static/a.js", routing.Walk{}, "file_server", "/b.js", nil, "map sets it"},
		{"status", "try_files {path} =404", "/static/a.js", routing.Walk{}, "status 404 of the matcher file", "/static/a.js", nil, "the matcher answers"},
		{"status elsewhere", "handle /other/* {\ntry_files {path} =404\n}", "/static/a.js", routing.Walk{}, "decided", "/static/a.js", nil, "other paths"},
		{"unknown field", "@phone header User-Agent *Mobile*\nrewrite @phone /m{path}", "/static/a.js", routing.Walk{}, "decided", "/static/a.js",
			[]string{"rewrite behind the matcher header, assumed not to match"}, "the field may be any"},
		{"known field", "@any header Accept */*\nrewrite @any /m{path}", "/static/a.js", routing.Walk{Complete: true}, "file_server", "/m/static/a.js", nil,
			"the request has the field"},
		{"without rewrites", "rewrite * /index.html", "/static/a.js", routing.Walk{KeepPath: true}, "decided", "/static/a.js", nil, "rewrites are left out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site, err := testsite.Provision(t, "http://127.0.0.1\nroot "+root+"\n"+c.site+"\ntemplates\nfile_server")
			if err != nil {
				t.Fatal(err)
			}
			c.walk.Server = site.Server
			c.walk.Decides = func(handler caddyhttp.MiddlewareHandler, r *http.Request) bool {
				return handler.(caddy.Module).CaddyModule().ID.Name() == "templates" && strings.HasPrefix(r.URL.Path, "/static/")
			}
			r := httptest.NewRequest("GET", "http://127.0.0.1"+c.path, nil)
			r.Header.Set("Accept", "*/*")
			end := c.walk.Follow(r)
			if end.Decided {
				end.By = "decided"
			}
			if end.By != c.by || end.Path != c.at || !slices.Equal(end.NotEvaluated, c.notEvaluated) || r.URL.Path != c.path {
				t.Errorf("%+v, want %q at %q with %q (%s)", end, c.by, c.at, c.notEvaluated, c.why)
			}
		})
	}
}
