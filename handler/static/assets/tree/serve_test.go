package tree_test

import (
	"context"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/assets/variants"
)

// handlerOf serves the tree below /static/ once its variants are complete.
func handlerOf(t testing.TB, served *tree.Tree) *assets.Handler {
	t.Helper()
	served.Catalog(context.Background())
	return &assets.Handler{
		Sites: []assets.Site{{Prefix: "/static/", Tree: served}}, VersionQuery: []string{"v"}, Encode: []variants.Coding{variants.Gzip, variants.Brotli, variants.Zstd},
	}
}

func ask(t testing.TB, h *assets.Handler, method, path string, headers ...string) *http.Response {
	t.Helper()
	request := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	if err := h.ServeHTTP(recorder, request, nextFails{}); err != nil {
		t.Fatal(err)
	}
	return recorder.Result()
}

func bodyOf(t testing.TB, response *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func awaitVariant(t *testing.T, served *tree.Tree, path string, coding variants.Coding) *variants.Variant {
	t.Helper()
	var found *variants.Variant
	tree.Eventually(t, path+" in "+coding.String(), func() bool {
		found = served.Catalog(context.Background()).Lookup(path).Variants.Get(coding)
		return found != nil
	})
	if found == nil {
		t.FailNow()
	}
	return found
}

// Serving a file from memory does not allocate, for any request header.
func TestServeDoesNotAllocate(t *testing.T) {
	served, _ := tree.OpenFiles(t, map[string]string{"main.js": tree.Text(20_000), "logo.png": tree.Text(20_000)})
	h := handlerOf(t, served)
	coded := awaitVariant(t, served, "main.js", variants.Brotli)
	etag := served.Catalog(context.Background()).Lookup("main.js").ETag()
	for _, c := range []struct{ name, method, path, header, value string }{
		{"whole", "GET", "/static/main.js", "", ""},
		{"no text", "GET", "/static/logo.png", "Accept-Encoding", "gzip, deflate, br, zstd"},
		{"with a version", "GET", "/static/main.js?v=20260211", "", ""},
		{"with its stamp", "GET", "/static/main.js?v=" + etag[1:17], "", ""},
		{"compressed", "GET", "/static/main.js", "Accept-Encoding", "gzip, deflate, br, zstd"},
		{"weights", "GET", "/static/main.js", "Accept-Encoding", "gzip;q=0.8, br;q=1.0, *;q=0.1"},
		{"not modified", "GET", "/static/main.js", "If-None-Match", `W/` + etag},
		{"modified", "GET", "/static/main.js", "If-None-Match", `"other"`},
		{"head", "HEAD", "/static/main.js", "", ""},
		{"missing", "GET", "/static/gone.js", "", ""},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		if c.header != "" {
			r.Header.Set(c.header, c.value)
		}
		w := &nothing{make(http.Header)}
		allocations := testing.AllocsPerRun(200, func() {
			clear(w.header)
			if err := h.ServeHTTP(w, r, nextFails{}); err != nil {
				t.Fatal(err)
			}
		})
		most := 0.0
		if c.name == "missing" {
			most = 6 // for the lookup on disk
		}
		if allocations > most {
			t.Errorf("%s: %v allocations, want at most %v", c.name, allocations, most)
		}
		if coding := w.header["Content-Encoding"]; (c.name == "compressed" || c.name == "weights") && (len(coding) != 1 || &coding[0] != &coded.Encoding[0]) {
			t.Errorf("%s: Content-Encoding %q, want br", c.name, coding)
		}
	}
}

// deep records the depth of the stack at each write.
type deep struct {
	nothing
	at uintptr
}

func (w *deep) Write(p []byte) (int, error) {
	var here byte
	w.at = uintptr(unsafe.Pointer(&here))
	return len(p), nil
}

// A response from memory needs little stack. Each HTTP/2 request has a new stack, and one more growth costs 5 µs.
func TestServeTakesLittleStack(t *testing.T) {
	const most = 1300 // bytes; 880 without the race detector, whose frames are larger
	served, _ := tree.OpenFiles(t, map[string]string{"main.js": tree.Text(20_000)})
	h := handlerOf(t, served)
	awaitVariant(t, served, "main.js", variants.Brotli)
	for _, codings := range []string{"", "br"} {
		r := httptest.NewRequest(http.MethodGet, "/static/main.js", nil)
		r.Header.Set("Accept-Encoding", codings)
		w := &deep{nothing: nothing{make(http.Header)}}
		least := uintptr(math.MaxInt)
		for range 3 { // the stack moves when it grows
			var here byte
			if err := h.ServeHTTP(w, r, nextFails{}); err != nil {
				t.Fatal(err)
			}
			least = min(least, uintptr(unsafe.Pointer(&here))-w.at)
		}
		if least > most {
			t.Errorf("Accept-Encoding %q: %d bytes of stack, want at most %d", codings, least, most)
		}
	}
}

// Only codings that the client accepts are sent. An acceptable coding without a variant is encoded while sending.
func TestIdentityNotAcceptable(t *testing.T) {
	t.Parallel()
	const small = "a short script"
	served, _ := tree.OpenFiles(t, map[string]string{"small.js": small, "logo.png": small, "film.mp4": tree.Text(tree.MaxInMemory + 1)})
	h := handlerOf(t, served)
	for _, c := range []struct{ name, path, accept, coding, why string }{
		{"nothing else", "small.js", "identity;q=0", "", "no coding is acceptable"},
		{"nothing at all", "small.js", "*;q=0", "", "no coding is acceptable"},
		{"unknown", "small.js", "compress, identity;q=0", "", "an unknown coding"},
		{"large", "film.mp4", "gzip, identity;q=0", "", "too much work for one request"},
		{"gzip", "small.js", "gzip, identity;q=0", "gzip", "encoded while sending, since it saves nothing"},
		{"the most wanted", "small.js", "gzip;q=0.5, zstd;q=0.9, *;q=0", "zstd", "its weight is the highest"},
		{"no text", "logo.png", "br, identity;q=0", "br", "compressed types have no variants, and the client insists"},
	} {
		response := ask(t, h, "GET", "/static/"+c.path, "Accept-Encoding", c.accept)
		if c.coding == "" {
			if response.StatusCode != http.StatusNotAcceptable || response.Header.Get("Cache-Control") != "no-store" ||
				response.Header.Get("Etag") != "" {
				t.Errorf("%s: %d %v, want 406 (%s)", c.name, response.StatusCode, response.Header, c.why)
			}
			continue
		}
		tag := response.Header.Get("Etag")
		if response.StatusCode != 200 || response.Header.Get("Content-Encoding") != c.coding || response.Header.Get("Vary") != "Accept-Encoding" ||
			!strings.HasSuffix(tag, "."+c.coding+`-fast"`) {
			t.Errorf("%s: %d %v, want %s (%s)", c.name, response.StatusCode, response.Header, c.coding, c.why)
		}
		if got := decoded(t, response); got != small {
			t.Errorf("%s: decodes to %q, want %q", c.name, got, small)
		}
		again := ask(t, h, "GET", "/static/"+c.path, "Accept-Encoding", c.accept, "If-None-Match", tag)
		if again.StatusCode != http.StatusNotModified || again.Header.Get("Etag") != tag {
			t.Errorf("%s: requested again: %d %v, want 304", c.name, again.StatusCode, again.Header)
		}
	}
}

func decoded(t *testing.T, response *http.Response) string {
	t.Helper()
	coding, _ := variants.ParseCoding(response.Header.Get("Content-Encoding"))
	if coding == variants.Identity {
		return bodyOf(t, response)
	}
	content, err := decode(coding, strings.NewReader(bodyOf(t, response)))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// Every variant decodes to the file and has its own entity tag, which its 304 repeats.
func TestVariantsAreTheFile(t *testing.T) {
	t.Parallel()
	large := tree.Text(tree.MaxInMemory + 1000)
	served, _ := tree.OpenFiles(t, map[string]string{"main.js": tree.Text(5000), "large.js": large, "noise.js": tree.Noise(5000), "logo.png": tree.Text(5000)})
	h := handlerOf(t, served)
	seen := make(map[string]string)
	for _, path := range []string{"main.js", "large.js"} {
		want := bodyOf(t, ask(t, h, "GET", "/static/"+path))
		for _, coding := range []variants.Coding{variants.Gzip, variants.Zstd, variants.Brotli} {
			awaitVariant(t, served, path, coding)
			response := ask(t, h, "GET", "/static/"+path, "Accept-Encoding", coding.String())
			tag := response.Header.Get("Etag")
			if response.Header.Get("Content-Encoding") != coding.String() || decoded(t, response) != want {
				t.Errorf("%s in %s is not the file: %v", path, coding, response.Header)
			}
			if other, taken := seen[tag]; taken {
				t.Errorf("%s in %s has the entity tag of %s", path, coding, other)
			}
			seen[tag] = path + " in " + coding.String()
			again := ask(t, h, "GET", "/static/"+path, "Accept-Encoding", coding.String(), "If-None-Match", "W/"+tag)
			if again.StatusCode != http.StatusNotModified || again.Header.Get("Etag") != tag || again.Header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s in %s again: %d %v", path, coding, again.StatusCode, again.Header)
			}
			part := ask(t, h, "GET", "/static/"+path, "Accept-Encoding", coding.String(), "Range", "bytes=0-9", "If-Range", tag)
			if part.StatusCode != http.StatusOK || part.Header.Get("Content-Encoding") != "" {
				t.Errorf("%s in %s: a range of another variant was accepted: %d", path, coding, part.StatusCode)
			}
		}
	}
	for _, path := range []string{"noise.js", "logo.png"} {
		if response := ask(t, h, "GET", "/static/"+path, "Accept-Encoding", "gzip, br, zstd"); response.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s was compressed, which does not pay", path)
		}
	}
}

func decode(coding variants.Coding, encoded io.Reader) ([]byte, error) {
	switch coding {
	case variants.Brotli:
		return io.ReadAll(brotli.NewReader(encoded))
	case variants.Zstd:
		decoder, err := zstd.NewReader(encoded)
		if err != nil {
			return nil, err
		}
		defer decoder.Close()
		return io.ReadAll(decoder)
	default:
		decoder, err := gzip.NewReader(encoded)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(decoder)
	}
}

// Contents and variants together stay within the memory.
func TestVariantsStayWithinTheMemory(t *testing.T) {
	t.Parallel()
	files := make(map[string]string)
	for i := range 40 {
		files[strconv.Itoa(i)+".js"] = strconv.Itoa(i) + tree.Text(1000) + tree.Noise(1000)
	}
	root := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const memory = 60_000
	served := tree.OpenAt(t, tree.Config{Root: root, Memory: memory, Encode: []variants.Coding{variants.Gzip, variants.Brotli, variants.Zstd}})
	catalog := served.Catalog(context.Background())
	some := catalog.Lookup("0.js")
	tree.Eventually(t, "a variant", func() bool { return some.Variants.Get(variants.Gzip) != nil })
	served.Close() // and with it the variants
	held := tree.HeldBytes(catalog)
	if held > memory {
		t.Errorf("%d bytes are held, want no more than %d", held, memory)
	}
	for name, content := range files {
		if got := bodyOf(t, ask(t, handlerOf(t, served), "GET", "/static/"+name)); got != content {
			t.Errorf("%s has other content: %d bytes, want %d", name, len(got), len(content))
		}
	}
}

// A response from disk is complete or an error. Bytes of another entity tag are never sent.
func TestOtherBytesOnDisk(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	name := filepath.Join(root, "film.mp4")
	if err := os.WriteFile(name, []byte(tree.Text(2*tree.MaxInMemory)), 0o644); err != nil {
		t.Fatal(err)
	}
	served := tree.OpenAt(t, tree.Config{Root: root, Settle: time.Hour})
	h := handlerOf(t, served)
	if response := ask(t, h, "GET", "/static/film.mp4", "Range", "bytes=48-95"); bodyOf(t, response) != tree.Text(48) || response.StatusCode != 206 {
		t.Errorf("a part from disk: %d", response.StatusCode)
	}
	if err := os.WriteFile(name, []byte(strings.ToUpper(tree.Text(2*tree.MaxInMemory))), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"", "bytes=0-9"} {
		response := ask(t, h, "GET", "/static/film.mp4", "Range", part)
		if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Etag") != "" || response.Header.Get("Retry-After") == "" {
			t.Errorf("Range %q of replaced bytes: %d %v, want 503", part, response.StatusCode, response.Header)
		}
	}
}

// A multipart response has a correct Content-Length.
func TestMultipleRanges(t *testing.T) {
	t.Parallel()
	served, _ := tree.OpenFiles(t, map[string]string{"a.txt": "0123456789abcdef"})
	response := ask(t, handlerOf(t, served), "GET", "/static/a.txt", "Range", "bytes=0-1, 4-5,-1")
	body := bodyOf(t, response)
	if response.StatusCode != 206 || strconv.Itoa(len(body)) != response.Header.Get("Content-Length") ||
		strings.Count(body, "Content-Range: bytes ") != 3 || response.Header.Get("Etag") == "" {
		t.Errorf("%d %v %q", response.StatusCode, response.Header, body)
	}
}

// The fallback is a page, and is sent only to clients that accept pages.
func TestFallbackIsForPagesAlone(t *testing.T) {
	t.Parallel()
	served, _ := tree.OpenFiles(t, map[string]string{"index.html": "<p>", "docs/a.txt": "a"})
	h := handlerOf(t, served)
	h.Fallback = "/static/index.html"
	for _, c := range []struct {
		name, method, path string
		headers            []string
		want               int
	}{
		{"navigation", "GET", "orders/17", []string{"Sec-Fetch-Dest", "document"}, 200},
		{"in a frame", "GET", "orders/17", []string{"Sec-Fetch-Dest", "iframe"}, 200},
		{"head", "HEAD", "orders/17", []string{"Accept", "text/html,application/xhtml+xml"}, 200},
		{"directory without an index", "GET", "docs/", []string{"Sec-Fetch-Dest", "document"}, 200},
		{"script", "GET", "gone.js", []string{"Sec-Fetch-Dest", "script"}, 404},
		{"script in a window", "GET", "gone.JS", []string{"Sec-Fetch-Dest", "document", "Accept", "text/html"}, 404},
		{"style", "GET", "gone.css", []string{"Accept", "text/css,*/*;q=0.1"}, 404},
		{"fetch", "GET", "api/orders", []string{"Sec-Fetch-Dest", "empty", "Accept", "text/html"}, 404},
		{"no header", "GET", "orders/17", nil, 404},
		{"hidden", "GET", ".env", []string{"Sec-Fetch-Dest", "document"}, 404},
		{"post", "POST", "orders/17", []string{"Sec-Fetch-Dest", "document"}, 405},
	} {
		response := ask(t, h, c.method, "/static/"+c.path, c.headers...)
		want := "no-store"
		if c.want == 200 {
			want = "no-cache"
		}
		if response.StatusCode != c.want || response.Header.Get("Cache-Control") != want {
			t.Errorf("%s: %d %v, want %d", c.name, response.StatusCode, response.Header, c.want)
		}
	}
}

// cacheForever is the Cache-Control of an immutable response.
const cacheForever = "public, max-age=31536000, immutable"

// Browsers may run a script of unknown type, as behind nginx. A type that is known counts.
func TestNosniffOnlyForKnownTypes(t *testing.T) {
	t.Parallel()
	served, _ := tree.OpenFiles(t, map[string]string{"js/loader": "x", "loader.dat": "x", "loader.js": "x", "note.txt": "x"})
	h := handlerOf(t, served)
	for name, want := range map[string]string{"js/loader": "", "loader.dat": "", "loader.js": "nosniff", "note.txt": "nosniff"} {
		for _, header := range [][]string{nil, {"Range", "bytes=0-0"}} {
			response := ask(t, h, "GET", "/static/"+name, header...)
			if got := response.Header.Get("X-Content-Type-Options"); got != want {
				t.Errorf("%s %v: %s with X-Content-Type-Options %q, want %q", name, header, response.Header.Get("Content-Type"), got, want)
			}
		}
	}
}
