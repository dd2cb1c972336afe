package versionedassets_test

import (
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/internal/testsite"
)

// keptSite serves a directory with an archive.
func keptSite(t *testing.T, root, words string) *testsite.Site {
	t.Helper()
	return testsite.Start(t, fmt.Sprintf(`
		http://127.0.0.1
		versioned_assets {
			serve /static/ %s
			settle 50ms 100ms
			%s
		}
		respond "the application" 200
	`, root, words))
}

// A page that was loaded before a deployment gets the files that belong to it, by version and by hashed name, over a restart.
func TestEarlierVersions(t *testing.T) {
	t.Parallel()
	const first, second, chunk = "console.log('first version, long enough for a range')", "console.log('second')", "console.log('chunk')"
	hashed := "chunk." + testsite.MD5Name(chunk) + ".js"
	root := testsite.WriteTree(t, map[string]string{"main.js": first, hashed: chunk, "page.html": "<p>1"})
	site := keptSite(t, root, "")
	earlier := "/static/main.js?v=" + testsite.Version(first)
	if response, _ := testsite.Fetch(t, site, "GET", earlier); response.Header.Get("Cache-Control") != yearLong {
		t.Fatalf("the current version has %q", response.Header.Get("Cache-Control"))
	}
	archived := func(name, version string) bool {
		content, found := versionedassets.TreesOf(site.Server)[0].Earlier(name, version)
		if found {
			content.Close()
		}
		return found
	}
	testsite.Eventually(t, "the first generation kept", func() bool { return archived("main.js", testsite.Version(first)) && archived(hashed, "") })

	testsite.WriteFile(t, root, "main.js", second)
	if err := os.Remove(filepath.Join(root, hashed)); err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		t.Helper()
		testsite.Eventually(t, "the second generation "+when, func() bool {
			response, body := testsite.Fetch(t, site, "GET", "/static/main.js?v="+testsite.Version(second))
			return body == second && response.Header.Get("Cache-Control") == yearLong
		})
		for path, want := range map[string]string{earlier: first, "/static/" + hashed: chunk} {
			response, body := testsite.Fetch(t, site, "GET", path)
			if body != want || response.StatusCode != 200 || response.Header.Get("Cache-Control") != yearLong {
				t.Errorf("%s, %s: %d %q with %q, want the earlier bytes for a year", when, path, response.StatusCode, body,
					response.Header.Get("Cache-Control"))
			}
			etag := response.Header.Get("Etag")
			if again, _ := testsite.Fetch(t, site, "GET", path, "If-None-Match", etag); again.StatusCode != http.StatusNotModified {
				t.Errorf("%s, %s again: %d, want 304", when, path, again.StatusCode)
			}
		}
		for _, c := range []struct{ accept, coding string }{
			{"gzip, br", ""}, {"gzip, identity;q=0", "gzip"}, {"zstd;q=0.5, gzip;q=0.2, identity;q=0", "zstd"},
		} {
			response, body := testsite.Fetch(t, site, "GET", earlier, "Accept-Encoding", c.accept)
			if got := response.Header.Get("Content-Encoding"); got != c.coding || response.Header.Get("Vary") != "Accept-Encoding" ||
				c.coding == "" && body != first || c.coding == "gzip" && unzip(t, body) != first {
				t.Errorf("%s, for %s: coding %q, Vary %q, body %q", when, c.accept, got, response.Header.Get("Vary"), body)
			}
		}
		if head, body := testsite.Fetch(t, site, "HEAD", earlier); body != "" || head.ContentLength != int64(len(first)) {
			t.Errorf("%s, HEAD: %d bytes, of %d", when, len(body), head.ContentLength)
		}
		if response, _ := testsite.Fetch(t, site, "GET", earlier, "Range", "bytes=1000-"); response.StatusCode != 416 || response.Header.Get("Cache-Control") != noStore {
			t.Errorf("%s, a range behind the end: %d with %q", when, response.StatusCode, response.Header.Get("Cache-Control"))
		}
		if response, body := testsite.Fetch(t, site, "GET", earlier, "Range", "bytes=8-10", "If-Range", `"other"`); response.StatusCode != 200 || body != first {
			t.Errorf("%s, a range of other bytes: %d %q", when, response.StatusCode, body)
		}
		response, body := testsite.Fetch(t, site, "GET", earlier, "Range", "bytes=8-10")
		if response.StatusCode != http.StatusPartialContent || body != first[8:11] {
			t.Errorf("%s, a range: %d %q, want %q", when, response.StatusCode, body, first[8:11])
		}
		for path, want := range map[string]string{
			"/static/main.js": revalidate, "/static/main.js?v=20260211": revalidate, "/static/main.js?v=0123456789abcdef": revalidate,
		} {
			response, body := testsite.Fetch(t, site, "GET", path)
			if body != second || response.Header.Get("Cache-Control") != want {
				t.Errorf("%s, %s: %q with %q, want the current bytes with %q", when, path, body, response.Header.Get("Cache-Control"), want)
			}
		}
	}
	check("after the deployment")
	site.Unload()
	site = keptSite(t, root, "keep 48h 10MiB")
	check("after a restart")
	site.Unload()
	site = keptSite(t, root, "keep off")
	if response, _ := testsite.Fetch(t, site, "GET", "/static/"+hashed); response.StatusCode != 404 || response.Header.Get("Cache-Control") != noStore {
		t.Errorf("without an archive: %d with %q, want 404 and no-store", response.StatusCode, response.Header.Get("Cache-Control"))
	}
}

// A version may be any digest of the bytes, by any convention.
func TestEarlierVersionsByOtherDigests(t *testing.T) {
	t.Parallel()
	const first, second = "console.log('first')", "console.log('second')"
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(first)))
	for _, c := range []struct {
		name, words, version string
		asked                bool
		want, cache, why     string
	}{
		{"sha256", "", sum, true, first, yearLong, "a client requested it"},
		{"its first digits", "", sum[:12], true, first, yearLong, "a client requested it"},
		{"md5", "", testsite.MD5Name(first), true, first, yearLong, "a client requested it"},
		{"sha256, not kept", "keep off", sum, false, second, noStore, "the digest is in the archive"},
		{"its first digits, not kept", "keep off", sum[:12], false, second, noStore, "the digest is in the archive"},
		{"larger than all that may be kept", "keep 1h 4KiB", sum, false, second, noStore, "the digest is in the archive"},
		{"md5, not kept", "keep off", testsite.MD5Name(first), true, second, noStore, "a client requested it"},
		{"md5, not kept and not asked for", "keep off", testsite.MD5Name(first), false, second, revalidate, "no client requested it"},
	} {
		t.Run(c.name, func(t *testing.T) { // each case has its own site
			root := testsite.WriteTree(t, map[string]string{"main.js": first})
			site := keptSite(t, root, c.words)
			versioned := "/static/main.js?v=" + c.version
			asked := "/static/main.js"
			if c.asked {
				asked = versioned
			}
			if response, _ := testsite.Fetch(t, site, "GET", asked); response.StatusCode != 200 {
				t.Fatalf("%s: %d", c.name, response.StatusCode)
			}
			testsite.WriteFile(t, root, "main.js", second)
			testsite.Eventually(t, "the second", func() bool { _, body := testsite.Fetch(t, site, "GET", "/static/main.js"); return body == second })
			testsite.Eventually(t, c.name+": the answer that is due, since "+c.why, func() bool {
				response, body := testsite.Fetch(t, site, "GET", versioned)
				return body == c.want && response.Header.Get("Cache-Control") == c.cache
			})
		})
	}
}

// A name that is not UTF-8 cannot be archived. All other files are.
func TestNameThatIsNotUTF8DoesNotStopTheArchive(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"main.js": "first", "a\xff.js": "strange"})
	site := keptSite(t, root, "")
	if _, body := testsite.Fetch(t, site, "GET", "/static/a%ff.js"); body != "strange" {
		t.Fatalf("%q", body)
	}
	testsite.WriteFile(t, root, "main.js", "second")
	testsite.Eventually(t, "the second", func() bool { _, body := testsite.Fetch(t, site, "GET", "/static/main.js"); return body == "second" })
	testsite.Eventually(t, "the earlier version", func() bool {
		_, body := testsite.Fetch(t, site, "GET", "/static/main.js?v="+testsite.Version("first"))
		return body == "first"
	})
	if lines := site.Logs.With("cannot archive asset"); len(lines) > 0 {
		t.Errorf("logged: %v", lines)
	}
}

// Expired versions are deleted. Their hashed names get 404 and no-store.
func TestEarlierVersionsEnd(t *testing.T) {
	t.Parallel()
	const chunk = "console.log('chunk')"
	hashed := "chunk." + testsite.MD5Name(chunk) + ".js"
	root := testsite.WriteTree(t, map[string]string{hashed: chunk, "main.js": "1"})
	site := keptSite(t, root, "keep 1s")
	if response, _ := testsite.Fetch(t, site, "GET", "/static/"+hashed); response.StatusCode != 200 {
		t.Fatalf("the file: %d", response.StatusCode)
	}
	if err := os.Remove(filepath.Join(root, hashed)); err != nil {
		t.Fatal(err)
	}
	testsite.Eventually(t, "the hashed name gone", func() bool {
		response, _ := testsite.Fetch(t, site, "GET", "/static/"+hashed)
		return response.StatusCode == 404 && response.Header.Get("Cache-Control") == noStore
	})
}

// An unusable data directory is logged. The site works without an archive.
func TestEarlierVersionsWithoutADirectory(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"main.js": "1"})
	file := filepath.Join(t.TempDir(), "a-file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	site := keptSite(t, root, "keep_directory "+file)
	if response, _ := testsite.Fetch(t, site, "GET", "/static/main.js"); response.StatusCode != 200 {
		t.Errorf("main.js: %d, want it served", response.StatusCode)
	}
	if len(site.Logs.With("cannot open archive; replaced assets are not kept")) != 1 {
		t.Error("no line reports the archive that cannot be opened")
	}
}

func unzip(t *testing.T, body string) string {
	t.Helper()
	reader, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
