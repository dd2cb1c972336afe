package usher

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

var generationPath = regexp.MustCompile(`/static/~[0-9a-f]{12}/`)

// moduleTree is a graph of modules in which none is named but by paths relative to its importer.
func moduleTree() map[string]string {
	return map[string]string{
		"main.js": "import './lib/a.js'", "lib/a.js": "import '../b.js'; new URL('./c.png', import.meta.url)", "b.js": "export default 1",
		"lib/c.png": "picture", "secret.txt": "hidden", "page.html": "<p>page",
		"plain.js": "import '/static/loose.js'", "loose.js": "export {}",
	}
}

const modulePage = `<link rel=modulepreload href="/static/b.js"><script type="importmap">{"imports":{"b":"/static/b.js"}}</script>` +
	`<script type="module" src="/static/main.js?x"></script><script type=module>import "b"; import "/static/lib/a.js"</script>`

// All of a graph is named under the generation, and what is found there is of that generation for ever.
func TestStampedModules(t *testing.T) {
	t.Parallel()
	site, app, root := stampedSite(t, moduleTree(), "stamp html\nhide /static/secret.txt")
	app.answers(modulePage + `<script type=module src="/static/plain.js"></script><script type=module src="/static/loose.js"></script>`)
	read := func() (generation, page string) {
		_, page = fetch(t, site, "GET", "/")
		return generationPath.FindString(page), page
	}
	first, page := read()
	for _, want := range []string{first + `b.js">`, `"b":"` + first, first + `main.js?x"`, `import "` + first + "lib/a.js", `"/static/plain.js"`, `"/static/loose.js"`} {
		if first == "" || !strings.Contains(page, want) {
			t.Errorf("the page is %q, want %q in it", page, want)
		}
	}
	files := moduleTree()
	check := func(when, generation string) {
		t.Helper()
		for _, path := range []string{"main.js", "lib/a.js", "b.js", "lib/c.png", "loose.js"} {
			response, body := fetch(t, site, "GET", generation+path)
			if body != files[path] || response.StatusCode != 200 || response.Header.Get("Cache-Control") != yearLong {
				t.Errorf("%s, %s: %d %q with %q, want %q for a year", when, path, response.StatusCode, body,
					response.Header.Get("Cache-Control"), files[path])
			}
		}
		for _, path := range []string{"secret.txt", "none.js", "", "lib/", "lib", ".env"} {
			if response, _ := fetch(t, site, "GET", generation+path, navigation...); response.StatusCode != 404 || response.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s, %s: %d with %q, want 404 and no-store", when, path, response.StatusCode, response.Header.Get("Cache-Control"))
			}
		}
	}
	check("the present generation", first)
	for path, want := range map[string]string{
		"page.html": revalidate, "main.js": yearLong,
	} {
		if response, _ := fetch(t, site, "GET", first+path); response.Header.Get("Cache-Control") != want {
			t.Errorf("%s has %q, want %q", path, response.Header.Get("Cache-Control"), want)
		}
	}
	if response, _ := fetch(t, site, "GET", first+"main.js", "Service-Worker", "script"); response.Header.Get("Cache-Control") != revalidate {
		t.Errorf("a service worker has %q, want %q", response.Header.Get("Cache-Control"), revalidate)
	}
	eventually(t, "the first generation kept", func() bool {
		content, found := servedRootsOf(site.Server)[0].tree.EarlierGeneration(first[len("/static/~"):len(first)-1], "lib/a.js")
		if found {
			content.Close()
		}
		return found
	})

	writeFile(t, root, "b.js", "export default 2")
	eventually(t, "another generation", func() bool { next, _ := read(); return next != first })
	second, _ := read()
	check("the earlier generation", first)
	files["b.js"] = "export default 2"
	check("the next generation", second)
	unknown := "/static/~0123456789ab/"
	if response, _ := fetch(t, site, "GET", unknown+"main.js"); response.StatusCode != 404 || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("a generation that is not known: %d with %q, want 404 and no-store", response.StatusCode, response.Header.Get("Cache-Control"))
	}
	if response, _ := fetch(t, site, "GET", "/static/~0123456789ab"); response.StatusCode != 404 {
		t.Errorf("its bare name: %d, want 404", response.StatusCode)
	}
}

// Scripts of one directory that name modules of another, or may import any, leave those as they are.
func TestStampedModulesOfTwoRoots(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, script string
		stamped      bool
		why          string
	}{
		{"apart", "import './y.js'", true, "they know nothing of each other"},
		{"absolute", "import '/static/b.js'", false, "b would run twice"},
		{"relative", "import '../static/b.js'", false, "the same"},
		{"computed", "export {}; import(x)", false, "it may be b"},
		{"name", "import 'b'", true, "the page's import map says what it is"},
	} {
		server := &pagesApplication{}
		server.answers(`<script type=module src="/static/main.js"></script>`)
		other := writeTree(t, map[string]string{"x.js": c.script, "y.js": "export {}"})
		site, app, _ := stampedSite(t, moduleTree(), "stamp html\nserve /other/ "+other)
		app.answer = server.answer
		_, page := fetch(t, site, "GET", "/")
		if got := generationPath.MatchString(page); got != c.stamped {
			t.Errorf("%s: %q, want stamped %v (%s)", c.name, page, c.stamped, c.why)
		}
		told := site.Logs.With("a script imports what cannot be told, and so all modules are revalidated each time")
		if wanted := c.name == "computed"; (len(told) == 1) != wanted || wanted && told[0]["script"] != "/other/x.js" {
			t.Errorf("%s: the log says %v", c.name, told)
		}
	}
}

// A policy that allows scripts by their path would not allow them under the generation.
func TestStampedModulesUnderPolicy(t *testing.T) {
	t.Parallel()
	site, app, _ := stampedSite(t, moduleTree(), "stamp html")
	for _, c := range []struct {
		policy  string
		stamped bool
	}{{"script-src 'self'", true}, {"script-src https://example.com/static/main.js", false}, {"script-src 'sha384-x'", false}} {
		app.answers(modulePage, "Content-Security-Policy", c.policy)
		if _, page := fetch(t, site, "GET", "/"); generationPath.MatchString(page) != c.stamped {
			t.Errorf("under %q: %q, want stamped %v", c.policy, page, c.stamped)
		}
	}
	app.answers("<p>", "Link", "</static/main.js>; rel=modulepreload")
	if response, _ := fetch(t, site, "GET", "/"); !generationPath.MatchString(response.Header.Get("Link")) {
		t.Errorf("Link is %q, want what the page will ask for", response.Header.Get("Link"))
	}
}

// While assets change, a page names modules of one generation.
func TestStampedPageIsOfOneGeneration(t *testing.T) {
	t.Parallel()
	site, app, root := stampedSite(t, moduleTree(), "stamp html")
	goOn := make(chan struct{})
	app.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, modulePage)
		_ = http.NewResponseController(w).Flush()
		<-goOn
		_, _ = fmt.Fprint(w, modulePage)
	}
	done := make(chan string)
	go func() {
		_, page := fetch(t, site, "GET", "/slow")
		done <- page
	}()
	tree := servedRootsOf(site.Server)[0].tree
	before := tree.Catalog(t.Context()).State()
	writeFile(t, root, "b.js", "export default 2")
	eventually(t, "the next generation", func() bool { return tree.Catalog(t.Context()).State() != before })
	close(goOn)
	names := generationPath.FindAllString(<-done, -1)
	for _, name := range names {
		if len(names) != 8 || name != names[0] {
			t.Errorf("the page names %q, want one generation eight times", names)
		}
	}
}
