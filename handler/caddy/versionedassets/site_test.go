package versionedassets_test

import (
	"bytes"
	"compress/gzip"
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

const (
	yearLong   = "public, max-age=31536000, immutable"
	revalidate = "no-cache"
	noStore    = "no-store"
)

func TestAssetsCacheTable(t *testing.T) {
	t.Parallel()
	const script, style, worker = "alert(1)", "body{}", "onmessage=1"
	djangoName := "css/styles." + testsite.MD5Name(style) + ".css"
	root := testsite.WriteTree(t, map[string]string{
		"main.js": script, "worker.js": worker, "css/styles.css": style, djangoName: style,
		"css/lie.0123456789ab.css": style, "index." + testsite.MD5Name("<p>") + ".html": "<p>",
		"assets/index-DdCDtH1A.js": "chunk", "assets/main-BZCg4Xy8.js": "listed chunk",
		"photo-20240101.jpg": "jpeg", "deadbeef.js": "x", "vendor/jquery.js": "jq",
		".vite/manifest.json": `{"src/main.js":{"file":"assets/main-BZCg4Xy8.js","isEntry":true}}`,
		"staticfiles.json": `{"paths":{"css/styles.css":"` + djangoName +
			`","css/lie.css":"css/lie.0123456789ab.css"},"version":"1.1","hash":"0a1b2c3d4e5f"}`,
		".env": "SECRET=1", ".well-known/x.txt": "well known", "notes.map": "map", "drafts/index.html": "<p>",
	})
	site := testsite.StartAssets(t, root, "immutable /static/vendor/*\nhide *.map /static/drafts/index.html")
	testsite.Eventually(t, "the files have been quiet", func() bool {
		listed, _ := testsite.Fetch(t, site, "GET", "/static/assets/main-BZCg4Xy8.js")
		vouched, _ := testsite.Fetch(t, site, "GET", "/static/vendor/jquery.js")
		return listed.Header.Get("Cache-Control") == yearLong && vouched.Header.Get("Cache-Control") == yearLong
	})
	for _, c := range []struct {
		name, path string
		status     int
		cache, why string
		headers    []string
	}{
		{"unversioned", "/static/worker.js", 200, revalidate, "the incident's worker", nil},
		{"unproved version", "/static/main.js?v=20260211", 200, revalidate, "the incident's main.js", nil},
		{"own stamp", "/static/main.js?v=" + testsite.Version(script), 200, yearLong, "the stamp is of these bytes", nil},
		{"other's stamp", "/static/main.js?v=" + testsite.Version(worker), 200, revalidate, "the stamp is of other bytes", nil},
		{"md5 in the query", "/static/main.js?a=1&v=" + testsite.MD5Name(script), 200, yearLong, "any digest of the bytes", nil},
		{"other word", "/static/main.js?x=" + testsite.Version(script), 200, revalidate, "x carries no version", nil},
		{"short stamp", "/static/main.js?v=" + testsite.Version(script)[:7], 200, revalidate, "28 bits prove nothing", nil},
		{"Django name", "/static/" + djangoName, 200, yearLong, "md5 in the name", nil},
		{"Django lie", "/static/css/lie.0123456789ab.css", 200, revalidate, "listed, but the bytes are others", nil},
		{"Django source", "/static/css/styles.css", 200, revalidate, "the plain name", nil},
		{"Vite listed", "/static/assets/main-BZCg4Xy8.js", 200, yearLong, "the manifest lists it", nil},
		{"Vite unlisted", "/static/assets/index-DdCDtH1A.js", 200, revalidate, "shape is no evidence", nil},
		{"date", "/static/photo-20240101.jpg", 200, revalidate, "a date is no digest", nil},
		{"deadbeef", "/static/deadbeef.js", 200, revalidate, "a word is no digest", nil},
		{"operator", "/static/vendor/jquery.js", 200, yearLong, "listed as immutable by the operator", nil},
		{"HTML", "/static/index." + testsite.MD5Name("<p>") + ".html", 200, revalidate, "HTML, also with a hash in its name", nil},
		{"manifest", "/static/staticfiles.json", 200, revalidate, "a build manifest", nil},
		{"hidden page", "/static/drafts/index.html", 404, noStore, "listed by the operator", nil},
		{"hidden page by its directory", "/static/drafts/", 404, noStore, "it is the same page", nil},
		{"redirect to a hidden page", "/static/drafts", 404, noStore, "no such directory", nil},
		{"authorized", "/static/main.js?v=" + testsite.Version(script), 200, "private, max-age=31536000, immutable",
			"a shared cache would give it to who is not", []string{"Authorization", "Basic dTpw"}},
		{"authorized, unversioned", "/static/worker.js", 200, revalidate, "no shared cache may keep it anyway",
			[]string{"Authorization", "Basic dTpw"}},
		{"missing", "/static/gone.js", 404, noStore, "an error is not stored", nil},
		{"missing version", "/static/css/styles.000000000000.css", 404, noStore, "an error is not stored", nil},
		{"dotfile", "/static/.env", 404, noStore, "hidden", nil},
		{"dot directory", "/static/.vite/manifest.json", 404, noStore, "hidden", nil},
		{"well-known", "/static/.well-known/x.txt", 200, revalidate, "RFC 8615", nil},
		{"pattern", "/static/notes.map", 404, noStore, "hidden by pattern", nil},
		{"traversal", "/static/../site_test.go", 404, noStore, "out of the root", nil},
		{"encoded traversal", "/static/%2e%2e/site_test.go", 404, noStore, "out of the root", nil},
		{"encoded slash", "/static/css%2fstyles.css", 404, noStore, "servers disagree on it", nil},
		{"backslash", "/static/css%5cstyles.css", 404, noStore, "Windows reads it as a slash", nil},
		{"NUL", "/static/main.js%00.txt", 404, noStore, "C strings end there", nil},
		{"doubled slash", "/static//main.js", 200, revalidate, "one slash, as in nginx", nil},
		{"directory", "/static/css/", 404, noStore, "no listing", nil},
		{"service worker", "/static/main.js?v=" + testsite.Version(script), 200, revalidate, "a service worker script",
			[]string{"Service-Worker", "script"}},
		{"known service worker", "/static/main.js?v=" + testsite.Version(script), 200, revalidate, "it was requested as one", nil},
	} {
		response, _ := testsite.Fetch(t, site, "GET", c.path, c.headers...)
		if response.StatusCode != c.status || response.Header.Get("Cache-Control") != c.cache {
			t.Errorf("%s: GET %s = %d, Cache-Control %q, want %d, %q (%s)", c.name, c.path,
				response.StatusCode, response.Header.Get("Cache-Control"), c.status, c.cache, c.why)
		}
	}
	if _, body := testsite.Fetch(t, site, "GET", "/other"); body != "the application" {
		t.Errorf("outside the prefix: %q", body)
	}
}

func TestAssetsMethodsAndConditions(t *testing.T) {
	t.Parallel()
	const content = "0123456789abcdef"
	root := testsite.WriteTree(t, map[string]string{"a.txt": content, "empty.txt": "", "docs/index.html": "<p>docs"})
	site := testsite.StartAssets(t, root, "")
	whole, body := testsite.Fetch(t, site, "GET", "/static/a.txt")
	etag, modified := whole.Header.Get("ETag"), whole.Header.Get("Last-Modified")
	if body != content || !strings.HasPrefix(etag, `"`) || whole.Header.Get("Content-Type") != "text/plain; charset=utf-8" ||
		whole.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Fatalf("GET = %q, %v", body, whole.Header)
	}
	for _, c := range []struct {
		name, method, path string
		headers            []string
		status             int
		body               string
		want               map[string]string
		why                string
	}{
		{"HEAD", "HEAD", "/static/a.txt", nil, 200, "", map[string]string{"Content-Length": "16", "Etag": etag}, "as GET"},
		{"POST", "POST", "/static/a.txt", nil, 405, "Method Not Allowed\n",
			map[string]string{"Allow": "GET, HEAD, OPTIONS", "Cache-Control": noStore}, "not for assets"},
		{"OPTIONS", "OPTIONS", "/static/a.txt", nil, 204, "", map[string]string{"Allow": "GET, HEAD, OPTIONS"}, "says so"},
		{"same", "GET", "/static/a.txt", []string{"If-None-Match", etag}, 304, "",
			map[string]string{"Etag": etag, "Cache-Control": revalidate, "Vary": "Accept-Encoding"}, "with the 200's headers"},
		{"weak list", "GET", "/static/a.txt", []string{"If-None-Match", `"x", W/` + etag}, 304, "", nil, "weak comparison"},
		{"star", "GET", "/static/a.txt", []string{"If-None-Match", "*"}, 304, "", nil, "any"},
		{"other", "GET", "/static/a.txt", []string{"If-None-Match", `"x"`}, 200, content, nil, "another version"},
		{"date", "GET", "/static/a.txt", []string{"If-Modified-Since", modified}, 200, content, nil, "other bytes may have the same date"},
		{"later date", "GET", "/static/a.txt", []string{"If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"}, 200, content, nil,
			"after a rollback the file is older than the copy"},
		{"failed", "GET", "/static/a.txt", []string{"If-Match", `"x"`}, 412, "Precondition Failed\n",
			map[string]string{"Cache-Control": noStore, "Etag": ""}, "an error is not stored"},
		{"range", "GET", "/static/a.txt", []string{"Range", "bytes=2-4"}, 206, "234",
			map[string]string{"Content-Range": "bytes 2-4/16", "Etag": etag, "Content-Length": "3"}, "a part"},
		{"suffix", "GET", "/static/a.txt", []string{"Range", "bytes=-2"}, 206, "ef", nil, "the end"},
		{"behind", "GET", "/static/a.txt", []string{"Range", "bytes=16-"}, 416, "Requested Range Not Satisfiable\n",
			map[string]string{"Content-Range": "bytes */16", "Cache-Control": noStore}, "no such file"},
		{"empty suffix", "GET", "/static/a.txt", []string{"Range", "bytes=-0"}, 416, "Requested Range Not Satisfiable\n",
			map[string]string{"Content-Range": "bytes */16", "Cache-Control": noStore}, "RFC 9110, 14.1.2"},
		{"empty suffix, with others", "GET", "/static/a.txt", []string{"Range", "bytes= -00 , 2-4"}, 206, "234", nil, "one can be satisfied"},
		{"zero in other places", "GET", "/static/a.txt", []string{"Range", "bytes=-10"}, 206, content[6:], nil, "the last ten"},
		{"empty file", "GET", "/static/empty.txt", []string{"Range", "bytes=-5"}, 200, "", map[string]string{"Content-Range": ""}, "no parts"},
		{"if-range", "GET", "/static/a.txt", []string{"Range", "bytes=2-4", "If-Range", `"x"`}, 200, content, nil, "another version"},
		{"directory", "GET", "/static/docs", nil, 308, "",
			map[string]string{"Location": "/static/docs/", "Cache-Control": revalidate}, "relative references"},
		{"index", "GET", "/static/docs/", nil, 200, "<p>docs", nil, "index.html"},
	} {
		response, body := testsite.Fetch(t, site, c.method, c.path, c.headers...)
		if response.StatusCode != c.status || body != c.body {
			t.Errorf("%s: %d %q, want %d %q (%s)", c.name, response.StatusCode, body, c.status, c.body, c.why)
		}
		for name, want := range c.want {
			if got := response.Header.Get(name); got != want {
				t.Errorf("%s: %s: %q, want %q (%s)", c.name, name, got, want, c.why)
			}
		}
	}
	response, body := testsite.Fetch(t, site, "GET", "/static/a.txt", "Range", "bytes=0-1,4-5")
	if response.StatusCode != 206 || strings.Count(body, "Content-Range: bytes") != 2 {
		t.Errorf("two ranges: %d %q", response.StatusCode, body)
	}
}

// The redirect to a directory names the path as the client sees it.
func TestAssetsRedirectBelowARewrittenPath(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"docs/index.html": "<p>docs", "a:b/index.html": "<p>", "main.js": "x"})
	site := testsite.Start(t, fmt.Sprintf(`
		http://127.0.0.1
		uri /old/* strip_prefix /old
		rewrite /manual /static/docs
		handle_path /files/* {
			versioned_assets {
				serve / %[1]s
			}
		}
		versioned_assets {
			serve /static/ %[1]s
		}
	`, root))
	for asked, want := range map[string]string{
		"/static/docs": "/static/docs/", "/files/docs": "/files/docs/", "/files/docs?a=b": "/files/docs/?a=b", "/files/a:b": "/files/a:b/",
		"/old/static/docs": "/old/static/docs/", "/manual": "/static/docs/", "//files/docs": "/files/docs/",
	} {
		response, _ := testsite.Fetch(t, site, "GET", asked)
		if got := response.Header.Get("Location"); response.StatusCode != http.StatusPermanentRedirect || got != want {
			t.Errorf("%s: %d to %q, want %q", asked, response.StatusCode, got, want)
		}
	}
}

func TestAssetsFollowTheDisk(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"main.js": "old", "gone.js": "gone"})
	site := testsite.StartAssets(t, root, "")
	before, _ := testsite.Fetch(t, site, "GET", "/static/main.js")
	info, err := os.Stat(filepath.Join(root, "main.js"))
	if err != nil {
		t.Fatal(err)
	}
	// Same size and same time: only the content differs.
	testsite.WriteFile(t, root, "main.js", "new")
	if err := os.Chtimes(filepath.Join(root, "main.js"), info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	testsite.WriteFile(t, root, "deep/er/added.js", "added")
	testsite.Eventually(t, "the new bytes", func() bool {
		after, body := testsite.Fetch(t, site, "GET", "/static/main.js", "If-None-Match", before.Header.Get("ETag"))
		return after.StatusCode == 200 && body == "new"
	})
	testsite.Eventually(t, "the added file", func() bool {
		_, body := testsite.Fetch(t, site, "GET", "/static/deep/er/added.js")
		return body == "added"
	})
	if err := os.Remove(filepath.Join(root, "gone.js")); err != nil {
		t.Fatal(err)
	}
	testsite.Eventually(t, "the removed file gone", func() bool {
		response, _ := testsite.Fetch(t, site, "GET", "/static/gone.js")
		return response.StatusCode == 404
	})
}

// A deploy that empties the directory and fills it again interrupts nothing.
func TestAssetsSurviveCollectstatic(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"main.js": "old", "kept.js": "kept"})
	site := testsite.Start(t, fmt.Sprintf(`
		http://127.0.0.1
		versioned_assets {
			serve /static/ %s
			settle 50ms 10m
		}
	`, root))
	testsite.Fetch(t, site, "GET", "/static/main.js")
	for _, name := range []string{"main.js", "kept.js"} {
		if err := os.Remove(filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 { // readings of the empty directory
		if err := versionedassets.TreesOf(site.Server)[0].Rescan(t.Context()); err != nil {
			t.Fatal(err)
		}
		if response, _ := testsite.Fetch(t, site, "GET", "/static/main.js"); response.StatusCode != 200 {
			t.Fatalf("status %d while the directory was empty", response.StatusCode)
		}
	}
	testsite.WriteFile(t, root, "main.js", "new")
	testsite.WriteFile(t, root, "kept.js", "kept")
	testsite.Eventually(t, "the new bytes", func() bool {
		_, body := testsite.Fetch(t, site, "GET", "/static/main.js")
		return body == "new"
	})
}

func TestAssetsLinksStayInside(t *testing.T) {
	t.Parallel()
	outside := testsite.WriteTree(t, map[string]string{"secret.txt": "secret"})
	root := testsite.WriteTree(t, map[string]string{"real.js": "real", "dir/inner.js": "inner"})
	for link, target := range map[string]string{
		"inside.js": "real.js", "inside-dir": "dir", "loop": ".",
		"outside.txt": filepath.Join(outside, "secret.txt"), "outside-dir": outside, "up": "..", "dangling": "nowhere",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	site := testsite.StartAssets(t, root, "")
	for path, want := range map[string]int{
		"/static/real.js": 200, "/static/inside.js": 200, "/static/inside-dir/inner.js": 200,
		"/static/outside.txt": 404, "/static/outside-dir/secret.txt": 404, "/static/up/secret.txt": 404,
		"/static/dangling": 404,
	} {
		if response, _ := testsite.Fetch(t, site, "GET", path); response.StatusCode != want {
			t.Errorf("GET %s = %d, want %d", path, response.StatusCode, want)
		}
	}
}

func TestAssetsVariants(t *testing.T) {
	t.Parallel()
	script := strings.Repeat("function f(){return 'a reasonably long script'}\n", 200)
	site := testsite.StartAssets(t, testsite.WriteTree(t, map[string]string{"main.js": script, "a.png": script}), "")
	plain, _ := testsite.Fetch(t, site, "GET", "/static/main.js")
	for _, coding := range []string{"gzip", "zstd", "br"} {
		testsite.Eventually(t, "compressed", func() bool {
			response, _ := testsite.Fetch(t, site, "GET", "/static/main.js", "Accept-Encoding", coding)
			return response.Header.Get("Content-Encoding") == coding
		})
	}
	response, body := testsite.Fetch(t, site, "GET", "/static/main.js", "Accept-Encoding", "gzip")
	reader, err := gzip.NewReader(bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	if decoded, _ := io.ReadAll(reader); string(decoded) != script {
		t.Error("gzip does not decode to the file")
	}
	tag := response.Header.Get("ETag")
	if tag == plain.Header.Get("ETag") {
		t.Error("two codings, one strong ETag (RFC 9110, 8.8.3.3)")
	}
	again, _ := testsite.Fetch(t, site, "GET", "/static/main.js", "Accept-Encoding", "gzip", "If-None-Match", tag)
	if again.StatusCode != 304 || again.Header.Get("ETag") != tag {
		t.Errorf("304 with the coding's ETag: %d %q, want %q", again.StatusCode, again.Header.Get("ETag"), tag)
	}
	for accept, want := range map[string]string{
		"gzip": "gzip", "gzip;q=0": "", "gzip;q=0.1, br;q=0.5": "br", "identity": "", "zstd": "zstd", "": "",
	} {
		response, _ := testsite.Fetch(t, site, "GET", "/static/main.js", "Accept-Encoding", accept)
		if got := response.Header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: %q, want %q", accept, got, want)
		}
	}
	if response, _ := testsite.Fetch(t, site, "GET", "/static/a.png", "Accept-Encoding", "gzip"); response.Header.Get("Content-Encoding") != "" {
		t.Error("an image was compressed")
	}
}

// With Caddy's encode before versioned_assets, compressed responses pass unchanged and revalidate.
func TestAssetsBehindEncode(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"main.js": strings.Repeat("function f(){return 'a reasonably long script'}\n", 200)})
	site := testsite.StartAssets(t, root, "")
	encoded := testsite.Start(t, fmt.Sprintf("http://127.0.0.1\nencode\nversioned_assets {\n\tserve /static/ %s\n\tsettle 50ms 400ms\n}", root))
	for _, coding := range []string{"gzip", "zstd", "br"} {
		testsite.Eventually(t, coding+" made", func() bool {
			response, _ := testsite.Fetch(t, encoded, "GET", "/static/main.js", "Accept-Encoding", coding)
			alone, _ := testsite.Fetch(t, site, "GET", "/static/main.js", "Accept-Encoding", coding)
			return response.Header.Get("Content-Encoding") == coding && alone.Header.Get("Content-Encoding") == coding &&
				response.Header.Get("ETag") == alone.Header.Get("ETag") // not a tag of encode
		})
		response, _ := testsite.Fetch(t, encoded, "GET", "/static/main.js", "Accept-Encoding", coding)
		tag := response.Header.Get("ETag")
		again, _ := testsite.Fetch(t, encoded, "GET", "/static/main.js", "Accept-Encoding", coding, "If-None-Match", tag)
		if again.StatusCode != 304 || again.Header.Get("ETag") != tag {
			t.Errorf("%s: %d, ETag %s, want 304, %s", coding, again.StatusCode, again.Header.Get("ETag"), tag)
		}
	}
}

func TestAssetsOverTheBudgetComeFromDisk(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789abcdef", 1<<17) // 2 MiB
	root := testsite.WriteTree(t, map[string]string{"large.bin": large, "small.txt": "small"})
	site := testsite.StartAssets(t, root, "memory 1KiB")
	response, body := testsite.Fetch(t, site, "GET", "/static/large.bin")
	if response.StatusCode != 200 || body != large || response.Header.Get("ETag") == "" {
		t.Errorf("large: %d, %d bytes", response.StatusCode, len(body))
	}
	if _, body := testsite.Fetch(t, site, "GET", "/static/large.bin", "Range", "bytes=16-31"); body != "0123456789abcdef" {
		t.Errorf("range from disk: %q", body)
	}
}
