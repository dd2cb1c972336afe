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
