package usher

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// liarSite serves a directory and a page that refers to it by a version that somebody must bump.
func liarSite(t *testing.T, root, prefix, words string) *testSite {
	t.Helper()
	return startSite(t, fmt.Sprintf(`
		http://127.0.0.1
		versioned_assets {
			serve %s %s
			settle 50ms 100ms
			keep_directory %s
			explain
			%s
		}
		header Content-Type text/html
		respond `+"`<script src=\"%smain.js?secret=hunter2&v=20260211\"></script>`"+` 200
	`, prefix, root, filepath.Join(filepath.Dir(root), "kept"), words, prefix))
}

const lieInQuery, lieInName = "a version lies: the file was changed, and its version was not",
	"a version lies: the name of the file holds that of other bytes"

func lies(prefix, place string) float64 {
	return testutil.ToFloat64(lyingVersions.WithLabelValues(prefix, place))
}

// The incident: the file changes, and its version does not. It is noticed in the first generation that shows it, once; also
// where the file changes while nobody looks.
func TestIncidentIsNoticed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, words, prefix string }{
		{"seen on the page", "stamp html", "/stamped/"},
		{"seen in requests", "", "/asked/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := filepath.Join(t.TempDir(), "static")
			if err := os.Mkdir(root, 0o755); err != nil {
				t.Fatal(err)
			}
			writeFile(t, root, "main.js", "release 1")
			url := c.prefix + "main.js?secret=hunter2&v=20260211"
			site := liarSite(t, root, c.prefix, c.words)
			visit := func() (body string) {
				fetch(t, site, "GET", "/live/?token=hunter2")
				_, body = fetch(t, site, "GET", url, "Referer", site.URL+"/live/?token=hunter2")
				return body
			}
			told := func() int { return len(site.Logs.With(lieInQuery)) }
			for range 3 {
				visit()
			}
			for release, restart := range []bool{false, true} {
				content := fmt.Sprintf("release %d", release+2)
				if restart {
					site.Unload()
				}
				writeFile(t, root, "main.js", content)
				if restart {
					site = liarSite(t, root, c.prefix, c.words)
				}
				eventually(t, "the lie of "+content, func() bool { return visit() == content && told() > 0 })
				eventually(t, "more visits", func() bool { return visit() == content })
				if got := lies(c.prefix, "query"); got != float64(release+1) || told() != 1 {
					t.Errorf("%s: counted %v, %d lines, want one more, and one line", content, got, told())
				}
				line := site.Logs.With(lieInQuery)[0]
				for key, want := range map[string]any{
					"url": c.prefix + "main.js?v=20260211", "version": "20260211", "page": "/live/", "seen_on_page": c.words != "", "level": "warn",
				} {
					if line[key] != want {
						t.Errorf("%s: %s = %v, want %v", content, key, line[key], want)
					}
				}
				if mend, _ := line["mend"].(string); !strings.Contains(mend, "stamp html") {
					t.Errorf("%s: the mend is %q", content, mend)
				}
				response, _ := fetch(t, site, "GET", url)
				if why := response.Header.Get("Cache-Status"); !strings.Contains(why, "told of other bytes before") {
					t.Errorf("%s: explained as %s", content, why)
				}
				if got := response.Header.Get("Cache-Control"); got != revalidate {
					t.Errorf("%s: Cache-Control is %q", content, got)
				}
			}
			site.Unload()
			kept := readAll(t, filepath.Join(filepath.Dir(root), "kept"))
			if !strings.Contains(kept, "20260211") || strings.Contains(kept, "hunter2") {
				t.Errorf("what is kept lacks the version, or holds a secret: %s", kept)
			}
		})
	}
}

// readAll is what all files below a directory hold.
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

// Half an upload: the name is that of other bytes. It is said once, and no browser keeps it.
func TestLyingNames(t *testing.T) {
	t.Parallel()
	const whole, half = "console.log('the whole chunk')", "console.log('the"
	hashed := "chunk." + md5Name(whole) + ".js"
	for _, restart := range []bool{false, true} {
		prefix := fmt.Sprintf("/names-%t/", restart)
		root := filepath.Join(t.TempDir(), "static")
		if err := os.Mkdir(root, 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, root, hashed, whole)
		site := liarSite(t, root, prefix, "")
		eventually(t, "the whole chunk kept", func() bool {
			fetch(t, site, "GET", prefix+hashed)
			content, found := servedRootsOf(site.Server)[0].tree.Earlier(hashed, "")
			if found {
				content.Close()
			}
			return found
		})
		if restart {
			site.Unload()
		}
		writeFile(t, root, hashed, half)
		if restart {
			site = liarSite(t, root, prefix, "")
		}
		eventually(t, "the half noticed", func() bool {
			response, body := fetch(t, site, "GET", prefix+hashed)
			return body == half && response.Header.Get("Cache-Control") == revalidate && len(site.Logs.With(lieInName)) == 1
		})
		if line := site.Logs.With(lieInName)[0]; line["url"] != prefix+hashed || line["level"] != "warn" {
			t.Errorf("restart %t: said %v", restart, line)
		}
		writeFile(t, root, "other.js", "another generation")
		eventually(t, "another generation", func() bool {
			response, _ := fetch(t, site, "GET", prefix+"other.js")
			return response.StatusCode == 200
		})
		site.Unload()
		site = liarSite(t, root, prefix, "")
		fetch(t, site, "GET", prefix+hashed)
		if got := lies(prefix, "name"); got != 1 || len(site.Logs.With(lieInName)) > 0 {
			t.Errorf("restart %t: counted %v, said again %v", restart, got, site.Logs.With(lieInName))
		}
	}
}

// A version of bytes that are not kept any more gives the present ones, and nobody keeps them under it.
func TestOutdatedVersions(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "static")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, root, "main.js", "first")
	site := liarSite(t, root, "/outdated/", "keep 1s")
	url := "/outdated/main.js?v=" + stampOf("first")
	if response, _ := fetch(t, site, "GET", url); response.Header.Get("Cache-Control") != yearLong {
		t.Fatalf("the first: %q", response.Header.Get("Cache-Control"))
	}
	writeFile(t, root, "main.js", "second")
	generations := 0
	eventually(t, "the first too old", func() bool {
		if published := len(site.Logs.With("published assets")); published > generations {
			generations = published
			writeFile(t, root, "other.js", fmt.Sprint(published)) // each generation sweeps
		}
		response, body := fetch(t, site, "GET", url)
		return body == "second" && response.Header.Get("Cache-Control") == noStore
	})
	response, _ := fetch(t, site, "GET", url)
	if why := response.Header.Get("Cache-Status"); !strings.Contains(why, "not kept any more") || strings.Contains(why, "evidence") {
		t.Errorf("explained as %s", why)
	}
	if response, _ := fetch(t, site, "GET", "/outdated/main.js?v=0123456789abcdef"); response.Header.Get("Cache-Control") != revalidate {
		t.Errorf("what nobody proved: %q", response.Header.Get("Cache-Control"))
	}
	for range 2 {
		site.Unload()
		site = liarSite(t, root, "/outdated/", "keep 1s")
		if response, _ := fetch(t, site, "GET", url); response.Header.Get("Cache-Control") != noStore {
			t.Errorf("after a restart: %q", response.Header.Get("Cache-Control"))
		}
	}
}
