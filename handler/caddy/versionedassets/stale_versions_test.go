package versionedassets_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/internal/testsite"
)

// staleSite serves a directory, and a page with a version that is maintained by hand.
func staleSite(t *testing.T, root, prefix, words string) *testsite.Site {
	t.Helper()
	return testsite.Start(t, fmt.Sprintf(`
		http://127.0.0.1
		versioned_assets {
			serve %s %s
			settle 50ms 100ms
			keep_directory %s
			explain
			%s
		}
		@page not path %s*
		header @page Content-Type text/html
		respond `+"`<script src=\"%smain.js?secret=hunter2&v=20260211\"></script>`"+` 200
	`, prefix, root, filepath.Join(filepath.Dir(root), "kept"), words, prefix, prefix))
}

const staleInQuery, staleInName = "stale version: file changed, version did not",
	"file name contains the hash of different content"

func counted(prefix, place string) float64 {
	return testutil.ToFloat64(versionedassets.StaleVersions.WithLabelValues(prefix, place))
}

// The outage: the file changes, and its version does not. It is reported once for each content, also after a reload.
func TestOutageIsReported(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "static")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	testsite.WriteFile(t, root, "main.js", "release 1")
	const prefix = "/outage/"
	const url = prefix + "main.js?secret=hunter2&v=20260211"
	site := staleSite(t, root, prefix, "")
	visit := func() (body string) {
		_, body = testsite.Fetch(t, site, "GET", url, "Referer", site.URL+"/live/?token=hunter2")
		return body
	}
	reported := func() int { return len(site.Logs.With(staleInQuery)) }
	for range 3 {
		visit()
	}
	for release := 2; release <= 3; release++ {
		content := fmt.Sprintf("release %d", release)
		testsite.WriteFile(t, root, "main.js", content)
		testsite.Eventually(t, "the report of "+content, func() bool { return visit() == content && reported() == release-1 })
		testsite.Eventually(t, "more visits", func() bool { return visit() == content })
		if got := counted(prefix, "query"); got != float64(release-1) || reported() != release-1 {
			t.Errorf("%s: counted %v, %d lines, want one for each content", content, got, reported())
		}
		line := site.Logs.With(staleInQuery)[release-2]
		for key, want := range map[string]any{
			"url": prefix + "main.js?v=20260211", "version": "20260211", "page": "/live/", "level": "warn",
		} {
			if line[key] != want {
				t.Errorf("%s: %s = %v, want %v", content, key, line[key], want)
			}
		}
		if fix, _ := line["fix"].(string); !strings.Contains(fix, "stamp html") {
			t.Errorf("%s: the fix is %q", content, fix)
		}
		response, _ := testsite.Fetch(t, site, "GET", url)
		if why := response.Header.Get("Cache-Status"); !strings.Contains(why, "other content before") {
			t.Errorf("%s: explained as %s", content, why)
		}
		if got := response.Header.Get("Cache-Control"); got != revalidate {
			t.Errorf("%s: Cache-Control is %q", content, got)
		}
	}
	site.Unload()
	kept := readAll(t, filepath.Join(filepath.Dir(root), "kept"))
	if strings.Contains(kept, "hunter2") {
		t.Errorf("the archive holds a secret of a query: %s", kept)
	}
}

// readAll returns the content of all files below a directory.
func readAll(t *testing.T, directory string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(directory, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		all.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// Half an upload: the name holds the hash of other content. It is reported once, and never immutable.
func TestFileNameOfOtherContent(t *testing.T) {
	t.Parallel()
	const whole, half = "console.log('the whole chunk')", "console.log('the"
	hashed := "chunk." + testsite.MD5Name(whole) + ".js"
	for _, restart := range []bool{false, true} {
		prefix := fmt.Sprintf("/names-%t/", restart)
		root := filepath.Join(t.TempDir(), "static")
		if err := os.Mkdir(root, 0o755); err != nil {
			t.Fatal(err)
		}
		testsite.WriteFile(t, root, hashed, whole)
		site := staleSite(t, root, prefix, "")
		testsite.Eventually(t, "the whole chunk kept", func() bool {
			testsite.Fetch(t, site, "GET", prefix+hashed)
			content, found := versionedassets.TreesOf(site.Server)[0].Earlier(hashed, "")
			if found {
				content.Close()
			}
			return found
		})
		if restart {
			site.Unload()
		}
		testsite.WriteFile(t, root, hashed, half)
		if restart {
			site = staleSite(t, root, prefix, "")
		}
		testsite.Eventually(t, "the half noticed", func() bool {
			response, body := testsite.Fetch(t, site, "GET", prefix+hashed)
			return body == half && response.Header.Get("Cache-Control") == revalidate && len(site.Logs.With(staleInName)) == 1
		})
		if line := site.Logs.With(staleInName)[0]; line["url"] != prefix+hashed || line["level"] != "warn" {
			t.Errorf("restart %t: reported %v", restart, line)
		}
		testsite.WriteFile(t, root, "other.js", "another generation")
		testsite.Eventually(t, "another generation", func() bool {
			response, _ := testsite.Fetch(t, site, "GET", prefix+"other.js")
			return response.StatusCode == 200
		})
		if got := counted(prefix, "name"); got != 1 || len(site.Logs.With(staleInName)) != 1 {
			t.Errorf("restart %t: counted %v, reported %v, want once", restart, got, site.Logs.With(staleInName))
		}
	}
}

// A version of content that is not archived any more is answered with the current content, and never stored.
func TestOutdatedVersions(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "static")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	testsite.WriteFile(t, root, "main.js", "first")
	site := staleSite(t, root, "/outdated/", "keep 1s")
	url := "/outdated/main.js?v=" + testsite.Version("first")
	if response, _ := testsite.Fetch(t, site, "GET", url); response.Header.Get("Cache-Control") != yearLong {
		t.Fatalf("the first: %q", response.Header.Get("Cache-Control"))
	}
	testsite.WriteFile(t, root, "main.js", "second")
	generations := 0
	testsite.Eventually(t, "the first too old", func() bool {
		if published := len(site.Logs.With("published assets")); published > generations {
			generations = published
			testsite.WriteFile(t, root, "other.js", fmt.Sprint(published)) // each generation sweeps
		}
		response, body := testsite.Fetch(t, site, "GET", url)
		return body == "second" && response.Header.Get("Cache-Control") == noStore
	})
	response, _ := testsite.Fetch(t, site, "GET", url)
	if why := response.Header.Get("Cache-Status"); !strings.Contains(why, "not kept any more") || strings.Contains(why, "evidence") {
		t.Errorf("explained as %s", why)
	}
	if response, _ := testsite.Fetch(t, site, "GET", "/outdated/main.js?v=0123456789abcdef"); response.Header.Get("Cache-Control") != revalidate {
		t.Errorf("the unproved version: %q", response.Header.Get("Cache-Control"))
	}
	for range 2 {
		site.Unload()
		site = staleSite(t, root, "/outdated/", "keep 1s")
		if response, _ := testsite.Fetch(t, site, "GET", url); response.Header.Get("Cache-Control") != noStore {
			t.Errorf("after a restart: %q", response.Header.Get("Cache-Control"))
		}
	}
}
