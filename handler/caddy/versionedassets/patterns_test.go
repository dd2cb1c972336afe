package versionedassets_test

import (
	"testing"

	"github.com/scan2food/usher/handler/caddy/versionedassets"
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

// A pattern of immutable that covers a prefix is logged if a file has no version in its name.
func TestImmutablePatternOfAPrefix(t *testing.T) {
	t.Parallel()
	const message = "immutable pattern covers files without a version"
	for _, c := range []struct{ name, pattern, file, want string }{
		{"plain name", "/static/*", "app.js", "/static/app.js"},
		{"plain name below a directory", "/static/*", "js/app.js", "/static/js/app.js"},
		{"hashed name", "/static/*", "app-BSIylbRd.js", ""},
		{"part of the prefix", "/static/vendor/*", "vendor/app.js", ""},
		{"other prefix", "/media/*", "app.js", ""},
	} {
		site := testsite.StartAssets(t, testsite.WriteTree(t, map[string]string{c.file: "x"}), "immutable "+c.pattern)
		versionedassets.WaitForChecks(site.Server)
		got := ""
		for _, line := range site.Logs.With(message) {
			got += line["file"].(string)
		}
		if got != c.want {
			t.Errorf("%s: the warning names %q, want %q", c.name, got, c.want)
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
