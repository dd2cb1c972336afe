package versionedassets_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/internal/testsite"
)

// A module's identity is its URL. Every reference to a module stays as it is.
func TestModulesKeepTheirURLs(t *testing.T) {
	t.Parallel()
	const page = `<script type="importmap">{"imports":{"b":"/static/b.js"}}</script><link rel=modulepreload href="/static/b.js">` +
		`<script type="module" src="/static/main.js?x"></script><script type=module>import "b"; import "/static/main.js"</script>` +
		`<script>import("/static/b.js")</script>`
	files := map[string]string{"main.js": "import './b.js'", "b.js": "new Worker(new URL('./c.js', import.meta.url), {type: 'module'})", "c.js": "import './b.js'"}
	site, app, _ := stampedSite(t, files, "stamp html css js")
	app.answers(page+incident, "Link", "</static/b.js>; rel=modulepreload")
	response, body := testsite.Fetch(t, site, "GET", "/")
	if !strings.HasPrefix(body, page) {
		t.Errorf("the page is %q, want every module as it was in\n%q", body, page)
	}
	if !strings.Contains(body, "main.js?v="+testsite.Version(files["main.js"])) {
		t.Errorf("the page is %q, want its classic script stamped", body)
	}
	if got := response.Header.Get("Link"); got != "</static/b.js>; rel=modulepreload" {
		t.Errorf("Link is %q, want it as it was", got)
	}
	for path, content := range files {
		response, body := testsite.Fetch(t, site, "GET", "/static/"+path)
		if body != content || response.Header.Get("Cache-Control") != revalidate {
			t.Errorf("%s is %q with %q, want the file, revalidated", path, body, response.Header.Get("Cache-Control"))
		}
	}
	for _, path := range []string{"/static/~0123456789ab/main.js", "/static/~" + versionedassets.TreesOf(site.Server)[0].Current().State() + "/main.js"} {
		if response, _ := testsite.Fetch(t, site, "GET", path); response.StatusCode != 404 || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d with %q, want 404 and no-store: a URL means the same on every server", path, response.StatusCode, response.Header.Get("Cache-Control"))
		}
	}
}

// While assets change, all versions in a page are of one generation.
func TestStampedPageIsOfOneGeneration(t *testing.T) {
	t.Parallel()
	site, app, root := stampedSite(t, map[string]string{"main.js": mainScript}, "stamp html")
	goOn := make(chan struct{})
	app.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, incident)
		_ = http.NewResponseController(w).Flush()
		<-goOn
		_, _ = fmt.Fprint(w, incident)
	}
	done := make(chan string)
	go func() {
		_, page := testsite.Fetch(t, site, "GET", "/slow")
		done <- page
	}()
	tree := versionedassets.TreesOf(site.Server)[0]
	before := tree.Catalog(t.Context()).State()
	testsite.WriteFile(t, root, "main.js", otherScript)
	testsite.Eventually(t, "the next generation", func() bool { return tree.Catalog(t.Context()).State() != before })
	close(goOn)
	page := <-done
	first, second, _ := strings.Cut(strings.TrimPrefix(page, "<!DOCTYPE html>"), "<!DOCTYPE html>")
	if first != second || !strings.Contains(first, "?v=") {
		t.Errorf("the page is %q, want one version of main.js, twice", page)
	}
}
