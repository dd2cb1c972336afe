package versionedassets_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/handler/operate/report"
	"github.com/scan2food/usher/internal/testsite"
)

// browserCodings is the Accept-Encoding of a browser that holds a dictionary.
const browserCodings = "gzip, deflate, br, zstd, dcb, dcz"

// script is the script of a release. One line differs.
func script(release int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "const release = %d;\n", release)
	for line := range 200 {
		sum := sha256.Sum256([]byte{byte(line)})
		fmt.Fprintf(&text, "export const value%d = '%x';\n", line, sum[:12])
	}
	return text.String()
}

// dictionary is the Available-Dictionary of a client that holds a content.
func dictionary(content string) string {
	sum := sha256.Sum256([]byte(content))
	return ":" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// applyDelta decodes a "dcz" body as RFC 9842, 5 says.
func applyDelta(t *testing.T, body, held string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(held))
	frame, ok := bytes.CutPrefix([]byte(body), append([]byte{0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0}, sum[:]...))
	if !ok {
		t.Fatalf("the body does not begin with the magic number and the digest of the dictionary: %x", body[:min(len(body), 40)])
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderDictRaw(0, []byte(held)), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	content, err := decoder.DecodeAll(frame, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// deploy replaces a file, and waits until the site serves it.
func deploy(t *testing.T, site *testsite.Site, root, name, content string) {
	t.Helper()
	testsite.Eventually(t, "the release kept", func() bool {
		current, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return true
		}
		for _, version := range []string{testsite.Version(string(current)), ""} {
			if kept, found := versionedassets.TreesOf(site.Server)[0].Earlier(name, version); found {
				kept.Close()
				return true
			}
		}
		return false
	})
	testsite.WriteFile(t, root, name, content)
	testsite.Eventually(t, "the deploy", func() bool {
		_, body := testsite.Fetch(t, site, "GET", "/static/"+name)
		return body == content
	})
}

// reportOf is the report of a served directory.
func reportOf(root string) (found report.Assets) {
	for _, reported := range versionedassets.ReportAssets() {
		if reported.Root == root {
			found = reported
		}
	}
	return found
}

// A browser that holds a version downloads the difference to the current version, and nothing else changes for it.
func TestDelta(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"main.js": script(1)})
	site := keptSite(t, root, "deltas\nexplain")
	url := func(release int) string { return "/static/main.js?v=" + testsite.Version(script(release)) }

	response, _ := testsite.Fetch(t, site, "GET", url(1))
	const field = `match="/static/main.js?*", match-dest=("script")`
	if got := response.Header.Get("Use-As-Dictionary"); got != field {
		t.Fatalf("Use-As-Dictionary is %q, want %q", got, field)
	}
	deploy(t, site, root, "main.js", script(2))
	var delta *http.Response
	testsite.Eventually(t, "a delta", func() bool {
		var body string
		delta, body = testsite.Fetch(t, site, "GET", url(2), "Accept-Encoding", browserCodings, "Available-Dictionary", dictionary(script(1)))
		if delta.Header.Get("Content-Encoding") != "dcz" {
			return false
		}
		if got := applyDelta(t, body, script(1)); got != script(2) {
			t.Errorf("the delta makes %d bytes, want the script of the second release", len(got))
		}
		if len(body) > 200 {
			t.Errorf("the delta has %d bytes, want at most 200", len(body))
		}
		return true
	})
	for name, want := range map[string]string{
		"Cache-Control": yearLong, "Vary": "Accept-Encoding, Available-Dictionary", "Content-Type": "text/javascript; charset=utf-8",
		"Use-As-Dictionary": field, "X-Content-Type-Options": "nosniff",
	} {
		if got := delta.Header.Get(name); got != want {
			t.Errorf("%s of the delta is %q, want %q", name, got, want)
		}
	}
	if status := delta.Header.Get("Cache-Status"); !strings.Contains(status, "bytes to version "+testsite.Version(script(1))) {
		t.Errorf("the explanation does not name the delta: %s", status)
	}
	if reported := reportOf(root).Deltas; reported == nil || reported.Held.Files != 1 || fmt.Sprint(reported.Held.Bytes) != delta.Header.Get("Content-Length") ||
		reported.Responses == 0 || reported.SavedBytes < 1000 {
		t.Errorf("the report has the deltas %+v", reported)
	}
	head, _ := testsite.Fetch(t, site, "HEAD", url(2), "Accept-Encoding", browserCodings, "Available-Dictionary", dictionary(script(1)))
	for _, name := range []string{"Etag", "Content-Encoding", "Content-Length"} {
		if head.Header.Get(name) != delta.Header.Get(name) {
			t.Errorf("%s of HEAD is %q, of GET %q", name, head.Header.Get(name), delta.Header.Get(name))
		}
	}
	private, _ := testsite.Fetch(t, site, "GET", url(2), "Accept-Encoding", browserCodings, "Available-Dictionary", dictionary(script(1)), "Authorization", "Basic eA==")
	if private.Header.Get("Content-Encoding") != "dcz" || !strings.HasPrefix(private.Header.Get("Cache-Control"), "private,") {
		t.Errorf("with Authorization: coding %q, Cache-Control %q, want the delta, private", private.Header.Get("Content-Encoding"), private.Header.Get("Cache-Control"))
	}
	again, _ := testsite.Fetch(t, site, "GET", url(2), "Accept-Encoding", browserCodings, "If-None-Match", delta.Header.Get("Etag"))
	if again.StatusCode != http.StatusNotModified || again.Header.Get("Etag") != delta.Header.Get("Etag") {
		t.Errorf("revalidation of the delta is %d with ETag %s, want 304 with %s", again.StatusCode, again.Header.Get("Etag"), delta.Header.Get("Etag"))
	}
	full, _ := testsite.Fetch(t, site, "GET", url(2), "Accept-Encoding", browserCodings)
	if full.Header.Get("Etag") == delta.Header.Get("Etag") {
		t.Error("the delta and the full coding have one ETag")
	}
}

// Every request that cannot have a delta gets the whole file.
func TestNoDelta(t *testing.T) {
	t.Parallel()
	other := strings.Repeat("another script of the same site;\n", 100)
	root := testsite.WriteTree(t, map[string]string{"main.js": script(1), "other.js": other})
	site := keptSite(t, root, "deltas")
	url := func(release int) string { return "/static/main.js?v=" + testsite.Version(script(release)) }
	testsite.Fetch(t, site, "GET", "/static/other.js?v="+testsite.Version(other))
	deploy(t, site, root, "main.js", script(2))
	held := dictionary(script(1))
	testsite.Eventually(t, "the delta made, so that only the request decides", func() bool {
		response, _ := testsite.Fetch(t, site, "GET", url(2), "Accept-Encoding", browserCodings, "Available-Dictionary", held)
		return response.Header.Get("Content-Encoding") == "dcz"
	})
	for _, c := range []struct {
		why, path string
		headers   []string
	}{
		{"no dictionary", url(2), []string{"Accept-Encoding", browserCodings}},
		{"the client does not accept the coding", url(2), []string{"Accept-Encoding", "gzip, br, dcb", "Available-Dictionary", held}},
		{"the client excludes the coding", url(2), []string{"Accept-Encoding", "gzip, dcz;q=0", "Available-Dictionary", held}},
		{"the client accepts every coding, and cannot decode every one", url(2), []string{"Accept-Encoding", "*", "Available-Dictionary", held}},
		{"a range is of the file's own bytes", url(2),
			[]string{"Accept-Encoding", browserCodings, "Available-Dictionary", held, "Range", "bytes=0-9"}},
		{"a dictionary of no version", url(2), []string{"Accept-Encoding", browserCodings, "Available-Dictionary", dictionary("unknown")}},
		{"a version of another file would tell what it holds", url(2),
			[]string{"Accept-Encoding", browserCodings, "Available-Dictionary", dictionary(other)}},
		{"two dictionaries", url(2), []string{"Accept-Encoding", browserCodings, "Available-Dictionary", held + ", " + held}},
		{"the client wants no transformation", url(2),
			[]string{"Accept-Encoding", browserCodings, "Available-Dictionary", held, "Cache-Control", "max-age=0, No-Transform"}},
		{"the client holds the current version", url(2),
			[]string{"Accept-Encoding", browserCodings, "Available-Dictionary", dictionary(script(2))}},
		{"no structured field", url(2), []string{"Accept-Encoding", browserCodings, "Available-Dictionary", held + ":"}},
		{"nothing proves the URL", "/static/main.js", []string{"Accept-Encoding", browserCodings, "Available-Dictionary", held}},
		{"an earlier version", url(1), []string{"Accept-Encoding", browserCodings, "Available-Dictionary", held}},
	} {
		response, body := testsite.Fetch(t, site, "GET", c.path, c.headers...)
		if response.StatusCode >= 300 || response.Header.Get("Content-Encoding") == "dcz" || len(body) == 0 {
			t.Errorf("%s: %d with coding %q and %d bytes, want the whole file", c.why, response.StatusCode,
				response.Header.Get("Content-Encoding"), len(body))
		}
	}
	testsite.Eventually(t, "the delta for a client that excludes identity, as it has a full coding to compare with", func() bool {
		response, body := testsite.Fetch(t, site, "GET", url(2), "Accept-Encoding", "gzip, dcz, identity;q=0", "Available-Dictionary", held)
		coding := response.Header.Get("Content-Encoding")
		if coding != "dcz" && coding != "gzip" {
			t.Errorf("a client that excludes identity gets coding %q", coding)
		}
		return coding == "dcz" && applyDelta(t, body, script(1)) == script(2)
	})
	// A page from before the deploy, in a cache or on another machine, gives browsers a dictionary for the next visit.
	earlier, _ := testsite.Fetch(t, site, "GET", url(1))
	if got := earlier.Header.Get("Use-As-Dictionary"); got != `match="/static/main.js?*", match-dest=("script")` || earlier.Header.Get("Vary") != "Accept-Encoding, Available-Dictionary" {
		t.Errorf("an earlier version has Use-As-Dictionary %q and Vary %q, want those of the current version", got, earlier.Header.Get("Vary"))
	}
}

// The name of a file without its hash says which versions belong together.
func TestDeltaOfHashedNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		why, words string
		name       func(release int) string
		field      string
	}{
		{"the hash is proved", "deltas", func(release int) string { return "chunk." + testsite.MD5Name(script(release)) + ".js" },
			`match="/static/chunk.*.js", match-dest=("script")`},
		{"the operator says that names are versions", "deltas\nimmutable /static/*",
			func(release int) string { return []string{"", "main-22H4KWGN.js", "main-33H4KWGN.js"}[release] },
			`match="/static/main-*.js", match-dest=("script")`},
	} {
		t.Run(c.why, func(t *testing.T) {
			t.Parallel()
			root := testsite.WriteTree(t, map[string]string{c.name(1): script(1)})
			site := keptSite(t, root, c.words)
			testsite.Eventually(t, "the release given out and kept", func() bool {
				response, _ := testsite.Fetch(t, site, "GET", "/static/"+c.name(1))
				kept, found := versionedassets.TreesOf(site.Server)[0].Earlier(c.name(1), "")
				if found {
					kept.Close()
				}
				return found && response.Header.Get("Use-As-Dictionary") == c.field
			})
			if err := os.Remove(filepath.Join(root, c.name(1))); err != nil {
				t.Fatal(err)
			}
			testsite.WriteFile(t, root, c.name(2), script(2))
			testsite.Eventually(t, "a delta", func() bool {
				response, body := testsite.Fetch(t, site, "GET", "/static/"+c.name(2),
					"Accept-Encoding", browserCodings, "Available-Dictionary", dictionary(script(1)))
				return response.Header.Get("Content-Encoding") == "dcz" && applyDelta(t, body, script(1)) == script(2)
			})
			if response, body := testsite.Fetch(t, site, "GET", "/static/"+c.name(1)); body != script(1) {
				t.Errorf("a page from before the deploy gets %d for its script", response.StatusCode)
			}
		})
	}
}

// Without `deltas`, and for types that are not text, nothing of RFC 9842 is in a response.
func TestDeltasAreOptional(t *testing.T) {
	t.Parallel()
	image := script(1)
	root := testsite.WriteTree(t, map[string]string{"main.js": script(1), "image.png": image, "small.js": "small"})
	plain, with := keptSite(t, root, ""), keptSite(t, root, "deltas")
	if reportOf(root).Deltas == nil {
		t.Error("the report of the directory with deltas has none")
	}
	for _, c := range []struct {
		why  string
		site *testsite.Site
		path string
		vary string
	}{
		{"deltas are off", plain, "/static/main.js?v=" + testsite.Version(script(1)), "Accept-Encoding"},
		{"an image is compressed already", with, "/static/image.png?v=" + testsite.Version(image), ""},
		{"the header would be larger than the file", with, "/static/small.js?v=" + testsite.Version("small"), "Accept-Encoding"},
		{"the URL proves nothing", with, "/static/main.js", "Accept-Encoding"},
	} {
		response, _ := testsite.Fetch(t, c.site, "GET", c.path)
		if response.Header.Get("Use-As-Dictionary") != "" || response.Header.Get("Vary") != c.vary {
			t.Errorf("%s: Use-As-Dictionary %q, Vary %q", c.why, response.Header.Get("Use-As-Dictionary"), response.Header.Get("Vary"))
		}
	}
}

// A hundred dictionaries that are no versions of the file cost no delta: the responses are the whole file.
func TestManyUnknownDictionaries(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"main.js": script(1)})
	site := keptSite(t, root, "deltas")
	for n := range 100 {
		response, body := testsite.Fetch(t, site, "GET", "/static/main.js?v="+testsite.Version(script(1)),
			"Accept-Encoding", "dcz", "Available-Dictionary", dictionary(fmt.Sprint(n)))
		if response.StatusCode != 200 || response.Header.Get("Content-Encoding") != "" || body != script(1) {
			t.Fatalf("dictionary %d: %d with coding %q, want the whole file", n, response.StatusCode, response.Header.Get("Content-Encoding"))
		}
	}
	if held := reportOf(root).Deltas.Held.Files; held != 0 {
		t.Errorf("%d deltas were made", held)
	}
}

// A version that vanished from the archive makes no delta, and a later request for it costs no more than another.
func TestVanishedDictionary(t *testing.T) {
	t.Parallel()
	root, kept := testsite.WriteTree(t, map[string]string{"main.js": script(1)}), t.TempDir()
	site := keptSite(t, root, "deltas\nkeep_directory "+kept)
	testsite.Fetch(t, site, "GET", "/static/main.js")
	deploy(t, site, root, "main.js", script(2))
	blobs, err := filepath.Glob(filepath.Join(kept, "*", "blobs", fmt.Sprintf("%x", sha256.Sum256([]byte(script(1))))))
	if err != nil || len(blobs) != 1 {
		t.Fatalf("the archive holds %d copies of the first release, %v", len(blobs), err)
	}
	if err := os.Remove(blobs[0]); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		response, body := testsite.Fetch(t, site, "GET", "/static/main.js?v="+testsite.Version(script(2)),
			"Accept-Encoding", "dcz", "Available-Dictionary", dictionary(script(1)))
		if coding := response.Header.Get("Content-Encoding"); coding != "" || body != script(2) {
			t.Errorf("coding %q and %d bytes, want the whole file", coding, len(body))
		}
	}
}

// A dictionary that is damaged in the archive makes no delta: the response is the whole file.
func TestDamagedDictionary(t *testing.T) {
	t.Parallel()
	root, kept := testsite.WriteTree(t, map[string]string{"main.js": script(1)}), t.TempDir()
	site := keptSite(t, root, "deltas\nkeep_directory "+kept)
	testsite.Fetch(t, site, "GET", "/static/main.js")
	deploy(t, site, root, "main.js", script(2))
	sum := sha256.Sum256([]byte(script(1)))
	blobs, err := filepath.Glob(filepath.Join(kept, "*", "blobs", fmt.Sprintf("%x", sum)))
	if err != nil || len(blobs) != 1 {
		t.Fatalf("the archive holds %d copies of the first release, %v", len(blobs), err)
	}
	if err := os.WriteFile(blobs[0], []byte(strings.Repeat("x", len(script(1)))), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		response, body := testsite.Fetch(t, site, "GET", "/static/main.js?v="+testsite.Version(script(2)),
			"Accept-Encoding", "dcz", "Available-Dictionary", dictionary(script(1)))
		if coding := response.Header.Get("Content-Encoding"); coding != "" || body != script(2) {
			t.Errorf("coding %q and %d bytes, want the whole file", coding, len(body))
		}
	}
}
