package versionedassets_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// A page, script or text in another charset is served without `charset=utf-8`, from disk, memory and archive. A Content-Type
// of the operator takes precedence.
func TestLegacyCharset(t *testing.T) {
	t.Parallel()
	legacy := "<meta charset=windows-1251><p>\xcf\xf0\xe8\xe2\xe5\xf2" + strings.Repeat("<p>", 1000)
	root := testsite.WriteTree(t, map[string]string{
		"old.html": legacy, "new.html": "<p>Привет", "old.js": legacy, "set/old.html": legacy, "large.txt": strings.Repeat("\xe9", 2<<20),
	})
	site := testsite.Start(t, fmt.Sprintf(`
		http://127.0.0.1
		header /static/set/* Content-Type "text/html; charset=koi8-r"
		versioned_assets {
			serve /static/ %s
			settle 50ms 100ms
			stamp html js
		}
	`, root))
	for path, want := range map[string]string{
		"old.html": "text/html", "new.html": "text/html; charset=utf-8", "old.js": "text/javascript", "large.txt": "text/plain",
		"set/old.html": "text/html; charset=koi8-r",
	} {
		if response, _ := testsite.Fetch(t, site, "GET", "/static/"+path); response.Header.Get("Content-Type") != want {
			t.Errorf("%s is %q, want %q", path, response.Header.Get("Content-Type"), want)
		}
	}
	testsite.WriteFile(t, root, "upload.txt", legacy)
	response, _ := testsite.Fetch(t, site, "GET", "/static/upload.txt")
	if got := response.Header.Get("Content-Type"); response.StatusCode != 200 || got != "text/plain" {
		t.Errorf("an upload: %d as %q, want text/plain", response.StatusCode, got)
	}
	testsite.WriteFile(t, root, "old.js", "new")
	testsite.Eventually(t, "the archived script without a charset", func() bool {
		current, _ := testsite.Fetch(t, site, "GET", "/static/old.js")
		earlier, body := testsite.Fetch(t, site, "GET", "/static/old.js?v="+testsite.Version(legacy))
		return current.Header.Get("Content-Type") == "text/javascript; charset=utf-8" && body == legacy &&
			earlier.Header.Get("Content-Type") == "text/javascript"
	})
}
