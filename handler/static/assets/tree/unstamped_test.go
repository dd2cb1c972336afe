package tree

import (
	"slices"
	"strings"
	"testing"
)

// Service workers know their files by plain URLs. The lists are those that the tools write.
func TestPrecachedFilesAreUnstamped(t *testing.T) {
	t.Parallel()
	const workbox = `define(["./workbox-ee13fbdc"],function(e){e.precacheAndRoute([{url:"index.html",revision:"c38e2e446643c1b4"},{url:"app.js",revision:"4bd7586c447efd80"}],{})});`
	for _, c := range []struct{ name, file, content, want, why string }{
		{"Angular at the root", "ngsw.json", `{"hashTable":{"/index.html":"0","/app.js":"0"}}`, "app.js index.html", "the base is /"},
		{"Angular, its base in front", "ngsw.json", `{"hashTable":{"/app/index.html":"0"}}`, "index.html", "ngsw-config joins the base and the path"},
		{"Angular below the root", "shop/ngsw.json", `{"hashTable":{"/shop/index.html":"0"}}`, "shop/index.html", "the same, and the directory of the base exists"},
		{"Angular behind handle_path", "shop/ngsw.json", `{"hashTable":{"/outer/shop/app.js":"0"}}`, "shop/app.js", "the first directories of the base are removed on the way"},
		{"Workbox 7", "sw.js", workbox, "app.js index.html", "generateSW, minified"},
		{"Workbox below the root", "shop/sw.js", workbox, "shop/app.js shop/index.html", "the URLs are relative to the script"},
		{"Workbox 7, not minified", "sw.js", "workbox.precacheAndRoute([{\n  \"url\": \"app.js\",\n  \"revision\": \"4bd7\"\n}], {});", "app.js", "mode development"},
		{"Workbox 4", "precache-manifest.0123456789abcdef0123456789abcdef.js",
			`self.__precacheManifest = (self.__precacheManifest || []).concat([{"revision": "a", "url": "/app/app.js"}]);`, "app.js", "Vue CLI 4, Create React App 3"},
		{"a script without a list", "main.js", `fetch({url:"app.js"}); // revision`, "", "no worker precaches"},
		{"a list of other files", "sw.js", `precache([{url:"https://cdn.example/app.js",revision:"1"},{url:"gone.js",revision:"1"}])`, "app.js", "unstamped too often is safe"},
		{"a long URL", "sw.js", `precache([{url:"` + strings.Repeat("/", 1<<20) + `app.js",revision:"1"}])`, "", "the work is bounded"},
	} {
		catalog := &Catalog{files: map[string]*File{}, unstamped: unstamped{prefix: "/app/"}}
		for _, path := range []string{"index.html", "app.js", "shop/index.html", "shop/app.js"} {
			catalog.files[path] = &File{Path: path}
		}
		catalog.files[c.file] = &File{Path: c.file, precached: precachedURLs(c.file, []byte(c.content))}
		catalog.index()
		catalog.listPrecached()
		var got []string
		for _, path := range catalog.paths {
			if catalog.IsUnstamped(path) {
				got = append(got, path)
			}
		}
		if want := strings.Fields(c.want); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q (%s)", c.name, got, want, c.why)
		}
	}
}
