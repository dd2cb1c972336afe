package versionedassets_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// sharedSite serves a directory as one of several machines, which share a directory.
func sharedSite(t *testing.T, root, storage string) *testsite.Site {
	t.Helper()
	return testsite.Start(t, fmt.Sprintf(`
		{
			usher {
				shared {
					storage file_system %s
					prefix %s
				}
			}
		}
		http://127.0.0.1
		versioned_assets {
			serve /static/ %s
			settle 50ms 100ms
			keep_directory %s
		}
		respond "the application" 200
	`, storage, strings.ToLower(t.Name()), root, t.TempDir()))
}

// A machine answers the version of another that was published after it was started itself, and the one before.
func TestMachinesShareVersions(t *testing.T) {
	const first, second = "console.log('first')", "console.log('second')"
	storage := t.TempDir()
	rootOfA, rootOfB := testsite.WriteTree(t, map[string]string{"main.js": first}), testsite.WriteTree(t, map[string]string{"main.js": first})
	a, b := sharedSite(t, rootOfA, storage), sharedSite(t, rootOfB, storage)
	url := func(content string) string { return "/static/main.js?v=" + testsite.Version(content) }
	if response, _ := testsite.Fetch(t, b, "GET", url(first)); response.StatusCode != http.StatusOK {
		t.Fatal(response.Status)
	}
	testsite.WriteFile(t, rootOfA, "main.js", second)
	testsite.Eventually(t, "the second release is published", func() bool {
		_, body := testsite.Fetch(t, a, "GET", "/static/main.js")
		return body == second
	})
	for _, site := range []*testsite.Site{a, b} {
		for _, content := range []string{first, second} {
			response, body := testsite.Fetch(t, site, "GET", url(content))
			if body != content || response.Header.Get("Cache-Control") != yearLong {
				t.Errorf("%q with %q, want %q for a year", body, response.Header.Get("Cache-Control"), content)
			}
		}
	}
	if _, body := testsite.Fetch(t, b, "GET", "/static/main.js"); body != first {
		t.Errorf("the plain URL has %q, want the machine's own file", body)
	}
}
