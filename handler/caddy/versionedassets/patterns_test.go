package versionedassets_test

import (
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// A pattern of immutable that matches no file is logged once, at the first reading.
func TestImmutablePatternWithoutAFile(t *testing.T) {
	t.Parallel()
	const message = "immutable pattern matches no file"
	site := testsite.StartAssets(t, testsite.WriteTree(t, map[string]string{"a.woff2": "x", "vendor/b.js": "y"}),
		"immutable *.woff2 /static/vendor/* /vendor/* *.woff3")
	testsite.Eventually(t, "both patterns logged", func() bool { return len(site.Logs.With(message)) == 2 })
	for i, want := range []string{"/vendor/*", "*.woff3"} {
		if got := site.Logs.With(message)[i]["pattern"]; got != want {
			t.Errorf("line %d names %v, want %s", i, got, want)
		}
	}
}

// hide covers what is below a directory, and compressed forms.
func TestHide(t *testing.T) {
	t.Parallel()
	site := testsite.StartAssets(t, testsite.WriteTree(t, map[string]string{
		"keys/k.pem": "x", "keys/old/k.pem": "x", "keys.txt": "x", "a.js.map": "x", "a.js.map.gz": "x", "private/notes.txt": "x", "other/notes.txt": "x",
	}), "hide /static/keys *.map private")
	for path, want := range map[string]int{
		"/static/keys/k.pem": 404, "/static/keys/old/k.pem": 404, "/static/keys.txt": 200, "/static/a.js.map": 404, "/static/a.js.map.gz": 404,
		"/static/private/notes.txt": 404, "/static/other/notes.txt": 200,
	} {
		if response, _ := testsite.Fetch(t, site, "GET", path); response.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, response.StatusCode, want)
		}
	}
}
