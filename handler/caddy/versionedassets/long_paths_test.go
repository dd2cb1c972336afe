package versionedassets_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/internal/testsite"
)

// A path that no file system can hold is 404, never 500. A file with the longest possible name is served, and its earlier bytes
// are archived.
func TestLongPaths(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("n", 252) + ".js"
	root := testsite.WriteTree(t, map[string]string{longest: "one", "main.js": "main", "a/b.js": "b"})
	site := testsite.StartAssets(t, root, "keep_directory "+t.TempDir())
	for _, c := range []struct {
		name, path string
		want       int
	}{
		{"a name of 255 bytes", longest, http.StatusOK},
		{"a name of 256 bytes", "n" + longest, http.StatusNotFound},
		{"a name of 5,000 bytes", strings.Repeat("n", 5000), http.StatusNotFound},
		{"a name of 300 bytes that holds a version", strings.Repeat("n", 300) + ".0123456789ab.js", http.StatusNotFound},
		{"as a directory", strings.Repeat("n", 300) + "/", http.StatusNotFound},
		{"below a file", "main.js/" + longest, http.StatusNotFound},
		{"2,000 segments", strings.Repeat("a/", 2000) + "b.js", http.StatusNotFound},
		{"30,000 segments", strings.Repeat("a/", 30_000) + "b.js", http.StatusNotFound},
		{"60,000 bytes, encoded", strings.Repeat("%6e", 20_000), http.StatusNotFound},
		{"letters of three bytes", strings.Repeat("%E2%82%AC", 86) + ".js", http.StatusNotFound},
		{"of a generation", "~0123456789ab/" + strings.Repeat("n", 300) + ".js", http.StatusNotFound},
		{"a version of 100,000 bytes", "main.js?v=" + strings.Repeat("f", 100_000), http.StatusOK},
		{"10,000 versions", "main.js?" + strings.Repeat("v=0123456789abcdef&", 10_000), http.StatusOK},
		{"more than is read", strings.Repeat("n", 2<<20), http.StatusRequestHeaderFieldsTooLarge},
	} {
		if response, _ := testsite.Fetch(t, site, "GET", "/static/"+c.path); response.StatusCode != c.want {
			t.Errorf("%s: %s, want %d", c.name, response.Status, c.want)
		}
	}
	testsite.Eventually(t, "the first version kept", func() bool {
		content, found := versionedassets.TreesOf(site.Server)[0].Earlier(longest, testsite.Version("one"))
		if found {
			content.Close()
		}
		return found
	})
	before := "/static/" + longest + "?v=" + testsite.Version("one")
	testsite.WriteFile(t, root, longest, "two")
	testsite.Eventually(t, "the second version", func() bool {
		_, body := testsite.Fetch(t, site, "GET", "/static/"+longest)
		return body == "two"
	})
	if response, body := testsite.Fetch(t, site, "GET", before); body != "one" || response.Header.Get("Cache-Control") != yearLong {
		t.Errorf("the first version of the longest name: %s, %q", response.Status, body)
	}
}
