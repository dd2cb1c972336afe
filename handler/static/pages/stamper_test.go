package pages

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/assets/tree"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const page = `<!DOCTYPE html><script src="/static/main.js"></script>`

// newStamper returns a stamper for a directory with main.js.
func newStamper(t testing.TB) *Stamper {
	t.Helper()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "main.js"), []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	tree, err := tree.Open(tree.Config{Root: root, Logger: zap.NewNop(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tree.Close)
	tree.Catalog(t.Context())
	return New(Config{
		Sites: []assets.Site{{Prefix: "/static/", Tree: tree}}, VersionQuery: []string{"v"},
		OriginalURL: func(r *http.Request) *url.URL { return r.URL },
		Scheme:      func(*http.Request) string { return "https" },
	})
}

// serve returns the response to a request.
func serve(t testing.TB, s *Stamper, handle http.HandlerFunc, method, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	err := s.Serve(w, r, func(w http.ResponseWriter, r *http.Request) error { handle(w, r); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func gzipped(text string) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return out.Bytes()
}

// A response that is not a page passes unchanged, body and header.
func TestNoPagePassesUntouched(t *testing.T) {
	t.Parallel()
	s := newStamper(t)
	for _, c := range []struct {
		name   string
		status int
		header []string
		body   string
		why    string
	}{
		{"empty gzip", 200, []string{"Content-Encoding", "gzip", "Content-Length", "0"}, "", "the body cannot be decoded"},
		{"empty gzip without length", 200, []string{"Content-Encoding", "gzip"}, "", "the body cannot be decoded"},
		{"redirect", 302, []string{"Content-Encoding", "gzip", "Content-Length", "0", "Location", "/"}, "", "it is not a page"},
		{"redirect with a page", 302, []string{"Location", "/"}, page, "browsers do not show it"},
		{"missing, marked gzip", 404, []string{"Content-Encoding", "gzip"}, "", "the body cannot be decoded"},
		{"no gzip", 200, []string{"Content-Encoding", "gzip"}, "plain text", "the application is wrong about it"},
		{"half a gzip header", 200, []string{"Content-Encoding", "gzip"}, "\x1f\x8b\x08", "the body cannot be decoded"},
		{"JSON", 200, []string{"Etag", `"j"`, "Content-Length", "36"}, `{"html":"<img src=/static/main.js>"}`, "it begins with a brace"},
		{"JSON list", 200, []string{"Last-Modified", "Tue, 24 Nov 2026 10:00:00 GMT"}, " \n[\"<img src=/static/main.js>\"]", "it begins with a bracket"},
		{"JSON, gzip", 200, []string{"Content-Encoding", "gzip"}, string(gzipped(`["<img src=/static/main.js>"]`)), "the same"},
		{"part", 206, []string{"Content-Range", "bytes 0-53/54"}, page, "offsets would change"},
		{"PDF", 200, []string{"Content-Type", "application/pdf", "Accept-Ranges", "bytes"}, "%PDF", "it is not a page"},
	} {
		w := serve(t, s, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			for i := 0; i < len(c.header); i += 2 {
				w.Header().Set(c.header[i], c.header[i+1])
			}
			w.WriteHeader(c.status)
			for _, b := range []byte(c.body) {
				_, _ = w.Write([]byte{b})
			}
		}, "GET", "/")
		if w.Code != c.status || w.Body.String() != c.body {
			t.Errorf("%s: %d %q, want %d %q (%s)", c.name, w.Code, w.Body, c.status, c.body, c.why)
		}
		for i := 0; i < len(c.header); i += 2 {
			if got := w.Header().Get(c.header[i]); got != c.header[i+1] {
				t.Errorf("%s: %s is %q, want %q (%s)", c.name, c.header[i], got, c.header[i+1], c.why)
			}
		}
	}
}

// Browsers show a page whose gzip trailer is wrong.
func TestGzipWithABadEnd(t *testing.T) {
	t.Parallel()
	s := newStamper(t)
	whole := gzipped(page)
	wrong := slices.Clone(whole)
	wrong[len(wrong)-5] ^= 1
	for name, body := range map[string][]byte{
		"wrong checksum": wrong, "no trailer": whole[:len(whole)-8], "half a trailer": whole[:len(whole)-3],
		"garbage behind": append(slices.Clone(whole), "garbage"...), "zeros behind": append(slices.Clone(whole), make([]byte, 512)...),
		"two members": slices.Concat(gzipped(page[:20]), gzipped(page[20:])),
	} {
		w := serve(t, s, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(body)
		}, "GET", "/")
		if !strings.Contains(w.Body.String(), "main.js?v=") || w.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s: %q in %q, want the stamped page", name, w.Body, w.Header().Get("Content-Encoding"))
		}
	}
}

// A page whose compressed data are bad reaches the client as the application sent it, however far they can be decoded.
func TestPageWithBadCompressionPassesUntouched(t *testing.T) {
	t.Parallel()
	s := newStamper(t)
	long := page + strings.Repeat("<p>filler", 10_000)
	whole, gzipLong := gzipped(page), gzipped(long)
	var br, zstandard bytes.Buffer
	brWriter := brotli.NewWriter(&br)
	_, _ = io.WriteString(brWriter, long)
	_ = brWriter.Close()
	zstdWriter, err := zstd.NewWriter(&zstandard)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(zstdWriter, long)
	_ = zstdWriter.Close()
	damaged := slices.Clone(gzipLong)
	for i := len(damaged) / 2; i < len(damaged); i++ {
		damaged[i] = 0xff
	}
	for _, c := range []struct {
		name, coding string
		body         []byte
	}{
		{"a byte of the data is missing", "gzip", whole[:len(whole)-9]},
		{"most of the data are missing", "gzip", whole[:20]},
		{"half a long page", "gzip", gzipLong[:len(gzipLong)/2]},
		{"the second half is damaged", "gzip", damaged},
		{"the second member is cut", "gzip", slices.Concat(whole, whole[:20])},
		{"half a long page", "br", br.Bytes()[:br.Len()/2]},
		{"half a long page", "zstd", zstandard.Bytes()[:zstandard.Len()/2]},
	} {
		for _, size := range []int{1, len(c.body)} {
			header := map[string]string{"Content-Type": "text/html", "Content-Encoding": c.coding, "Etag": `"x"`, "Content-Length": strconv.Itoa(len(c.body))}
			w := serve(t, s, func(w http.ResponseWriter, _ *http.Request) {
				for name, value := range header {
					w.Header().Set(name, value)
				}
				for part := range slices.Chunk(c.body, size) {
					if _, err := w.Write(part); err != nil {
						t.Errorf("%s, %s: Write: %v", c.coding, c.name, err)
					}
				}
			}, "GET", "/")
			if !bytes.Equal(w.Body.Bytes(), c.body) {
				t.Errorf("%s, %s, in pieces of %d: %d bytes, want the %d of the application", c.coding, c.name, size, w.Body.Len(), len(c.body))
			}
			for name, want := range header {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s, %s: %s is %q, want %q", c.coding, c.name, name, got, want)
				}
			}
		}
	}
}

// A page that is too long to hold, or that was flushed, is sent as far as it could be decoded. Its response then breaks off.
func TestStampedPageWithBadCompressionBreaksOff(t *testing.T) {
	t.Parallel()
	s := newStamper(t)
	random := make([]byte, 2*maxRaw)
	_, _ = rand.NewChaCha8([32]byte{}).Read(random)
	var flushed bytes.Buffer
	compressor := gzip.NewWriter(&flushed)
	_, _ = io.WriteString(compressor, page)
	_ = compressor.Flush()
	cut := func(body []byte) []byte { return body[:len(body)-10] }
	for name, body := range map[string][]byte{
		"too many compressed bytes": cut(gzipped(page + hex.EncodeToString(random))),
		"too many decoded bytes":    cut(gzipped(page + strings.Repeat(" ", 2*maxDecoded))),
		"flushed":                   flushed.Bytes(),
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			defer func() {
				if err := recover(); err != http.ErrAbortHandler || !strings.Contains(w.Body.String(), "main.js?v=") {
					t.Errorf("recovered %v with %d bytes sent, want stamped bytes and %v", err, w.Body.Len(), http.ErrAbortHandler)
				}
			}()
			_ = s.Serve(w, httptest.NewRequest("GET", "/", nil), func(w http.ResponseWriter, _ *http.Request) error {
				w.Header().Set("Content-Type", "text/html")
				w.Header().Set("Content-Encoding", "gzip")
				for part := range slices.Chunk(body, 32<<10) {
					_, _ = w.Write(part)
				}
				if name == "flushed" {
					return http.NewResponseController(w).Flush()
				}
				return nil
			})
		})
	}
}

// flusher is a compressor that can end a block.
type flusher interface {
	io.WriteCloser
	Flush() error
}

// What the application compresses and flushes reaches the client before the page has ended.
func TestCompressedPageStreams(t *testing.T) {
	t.Parallel()
	s := newStamper(t)
	for coding, compressor := range map[string]func(io.Writer) flusher{
		"gzip": func(w io.Writer) flusher { return gzip.NewWriter(w) },
		"br":   func(w io.Writer) flusher { return brotli.NewWriter(w) },
		"zstd": func(w io.Writer) flusher {
			encoder, err := zstd.NewWriter(w)
			if err != nil {
				t.Fatal(err)
			}
			return encoder
		},
	} {
		w := httptest.NewRecorder()
		err := s.Serve(w, httptest.NewRequest("GET", "/", nil), func(out http.ResponseWriter, _ *http.Request) error {
			out.Header().Set("Content-Type", "text/html")
			out.Header().Set("Content-Encoding", coding)
			compressed := compressor(out)
			for _, part := range []string{page + "<p>first", "<p>second"} {
				_, _ = io.WriteString(compressed, part)
				_ = compressed.Flush()
				if err := http.NewResponseController(out).Flush(); err != nil {
					t.Error(err)
				}
				if _, text, _ := strings.Cut(part, "<p>"); !w.Flushed || !strings.HasSuffix(w.Body.String(), text) {
					t.Errorf("%s: the client has %q (flushed: %v), want it up to %q", coding, w.Body, w.Flushed, text)
				}
				w.Flushed = false
			}
			return compressed.Close()
		})
		if err != nil || !strings.Contains(w.Body.String(), "main.js?v=") {
			t.Errorf("%s: %v, %q, want the stamped page", coding, err, w.Body)
		}
	}
}

// A picture or PDF in a tab keeps its conditional requests. Its type is known from the extension or an earlier response.
func TestConditionsOfWhatIsNoPage(t *testing.T) {
	t.Parallel()
	s := newStamper(t)
	document := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/pdf")
		w.Header().Set("Etag", `"pdf"`)
		http.ServeContent(w, r, "", time.Unix(1e9, 0), strings.NewReader("%PDF-1.7"))
	}
	if got := serve(t, s, document, "GET", "/invoices/5/", "Sec-Fetch-Dest", "document"); got.Code != 200 {
		t.Fatalf("the first request: %d", got.Code)
	}
	for _, c := range []struct {
		path   string
		header []string
		want   int
	}{
		{"/invoice.pdf", []string{"If-None-Match", `"pdf"`}, 304},
		{"/invoice.pdf", []string{"If-Modified-Since", time.Unix(1e9, 0).UTC().Format(http.TimeFormat)}, 304},
		{"/invoice.pdf", []string{"Range", "bytes=0-3"}, 206},
		{"/invoices/5/", []string{"If-None-Match", `"pdf"`}, 304},
		{"/invoices/5/", []string{"Range", "bytes=0-3", "If-Range", `"pdf"`}, 206},
		{"/invoices/6/", []string{"If-None-Match", `"pdf"`}, 200}, // it may be a page from a time before usher
	} {
		w := serve(t, s, document, "GET", c.path, append(c.header, "Sec-Fetch-Dest", "document")...)
		if w.Code != c.want {
			t.Errorf("%s with %s: %d, want %d", c.path, c.header, w.Code, c.want)
		}
	}
}

// A page that a script requests is sent whole if the client's copy is from a time before usher. Other requests keep their conditions.
func TestConditionsOfRequestsByScripts(t *testing.T) {
	t.Parallel()
	date := time.Unix(1e9, 0)
	const turbo, json = "text/vnd.turbo-stream.html, text/html, application/xhtml+xml", "application/json, text/plain, */*"
	handle := func(w http.ResponseWriter, r *http.Request) {
		body := page
		switch {
		case strings.HasPrefix(r.URL.Path, "/file"):
			body = "%PDF-1.7"
			w.Header().Set("Content-Type", "application/pdf")
		case r.Header.Get("Accept") == json:
			body = "{}"
			w.Header().Set("Content-Type", "application/json")
		default:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
		}
		w.Header().Set("Etag", `"e1"`)
		http.ServeContent(w, r, "", date, strings.NewReader(body))
	}
	for _, c := range []struct {
		path    string
		learned bool // navigations have shown what the path is
		header  []string
		whole   bool
		why     string
	}{
		{"/", false, []string{"Accept", turbo, "Sec-Fetch-Dest", "empty", "Sec-Fetch-Mode", "cors"}, true, "Turbo asks for HTML"},
		{"/", false, []string{"Accept", "*/*", "Sec-Fetch-Dest", "empty", "HX-Request", "true"}, true, "htmx asks for HTML"},
		{"/", false, []string{"Accept", "text/html,*/*;q=0.8", "Sec-Fetch-Dest", "empty", "Sec-Fetch-Mode", "navigate"}, true, "a service worker fetches a navigation"},
		{"/", false, []string{"Accept", "*/*", "Sec-Fetch-Dest", "empty"}, false, "nothing says that the response is a page"},
		{"/", true, []string{"Accept", "*/*", "Sec-Fetch-Dest", "empty"}, true, "the path has a stamped page"},
		{"/", true, nil, true, "the same, and a browser without Sec-Fetch-Dest"},
		{"/", true, []string{"Accept", json, "Sec-Fetch-Dest", "empty"}, false, "the path has JSON, too"},
		{"/", true, []string{"Accept", "*/*", "Sec-Fetch-Dest", "video"}, false, "a video is no page"},
		{"/file", true, []string{"Accept", "*/*", "Sec-Fetch-Dest", "empty"}, false, "a file"},
		{"/file", true, []string{"Accept", turbo, "Sec-Fetch-Dest", "empty"}, false, "a navigation has shown that it is a file"},
		{"/file.pdf", false, []string{"Accept", turbo, "Sec-Fetch-Dest", "empty"}, false, "a file by its name"},
	} {
		s := newStamper(t)
		if c.learned {
			serve(t, s, handle, "GET", c.path, "Sec-Fetch-Dest", "document")
			serve(t, s, handle, "GET", c.path, "Accept", json)
		}
		for _, condition := range []struct {
			header []string
			want   int
		}{
			{[]string{"If-None-Match", `"e1"`}, 304},
			{[]string{"If-Modified-Since", date.UTC().Format(http.TimeFormat)}, 304},
			{[]string{"Range", "bytes=0-1"}, 206},
		} {
			want := condition.want
			if c.whole {
				want = 200
			}
			if got := serve(t, s, handle, "GET", c.path, append(condition.header, c.header...)...).Code; got != want {
				t.Errorf("%s with %s and %s: %d, want %d (%s)", c.path, c.header, condition.header, got, want, c.why)
			}
		}
		if got := serve(t, s, handle, "POST", c.path, append(c.header, "If-None-Match", `"e1"`)...); got.Code != 412 {
			t.Errorf("POST %s with %s: %d, want 412, since a write keeps its condition", c.path, c.header, got.Code)
		}
	}
}

// An invalid entity tag would keep its meaning when the stamps change.
func TestInvalidEntityTagOfAPageIsRemoved(t *testing.T) {
	t.Parallel()
	s := newStamper(t)
	for tag, valid := range map[string]bool{`"e1"`: true, `W/"e1"`: true, `""`: true, "e1": false, `e1"`: false, `"e1`: false, `"`: false, `w/"e1"`: false, `"a"b"`: false} {
		w := serve(t, s, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Etag", tag)
			_, _ = io.WriteString(w, page)
		}, "GET", "/")
		if got := w.Header().Get("Etag"); ours.MatchString(got) != valid || (got != "") != valid {
			t.Errorf("the tag %s became %q, want one of usher: %t", tag, got, valid)
		}
	}
}

// The charset of the header counts, and without one that of the page.
func TestCharsetOfMeta(t *testing.T) {
	t.Parallel()
	s := newStamper(t)
	for contentType, stamped := range map[string]bool{"text/html": false, "text/html; Charset=utf-8": true} {
		w := serve(t, s, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = io.WriteString(w, "<meta charset=iso-2022-jp>"+page)
		}, "GET", "/")
		if strings.Contains(w.Body.String(), "?v=") != stamped {
			t.Errorf("%s: %q, want stamped=%t", contentType, w.Body, stamped)
		}
	}
}

// HTML that is never stamped keeps its conditional requests, once its path is known.
func TestConditionsOfHTMLThatIsNeverStamped(t *testing.T) {
	t.Parallel()
	s := newStamper(t)
	date := time.Unix(1e9, 0)
	for _, c := range []struct {
		path, body string
		header     []string
	}{
		{"/xhtml/", page, []string{"Content-Type", "application/xhtml+xml"}},
		{"/utf-16/", page, []string{"Content-Type", "text/html; charset=utf-16"}},
		{"/attachment/", page, []string{"Content-Disposition", "attachment; filename=a.html"}},
		{"/json/", `{"a": 1}`, nil},
		{"/json/gzip/", string(gzipped(`{"a": 1}`)), []string{"Content-Encoding", "gzip"}},
		{"/static/main.html", `{"a": 1}`, nil},
	} {
		handle := func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Etag", `"x"`)
			for i := 0; i < len(c.header); i += 2 {
				w.Header().Set(c.header[i], c.header[i+1])
			}
			http.ServeContent(w, r, "", date, strings.NewReader(c.body))
		}
		get := func(method string, header ...string) int {
			return serve(t, s, handle, method, c.path, append(header, "Sec-Fetch-Dest", "document")...).Code
		}
		get("POST") // its response says nothing about that to GET
		if code := get("GET", "If-None-Match", `"x"`); code != 200 {
			t.Errorf("%s at first: %d, want 200, since it may be a page from a time before usher", c.path, code)
		}
		for _, condition := range []struct {
			header []string
			want   int
		}{
			{[]string{"If-None-Match", `"x"`}, 304},
			{[]string{"If-Modified-Since", date.UTC().Format(http.TimeFormat)}, 304},
			{[]string{"Range", "bytes=0-3"}, 206},
			{[]string{"Range", "bytes=2-3", "If-Range", `"x"`}, 206},
			{[]string{"If-None-Match", `"x"`}, 304},
		} {
			if code := get("GET", condition.header...); code != condition.want {
				t.Errorf("%s with %s: %d, want %d", c.path, condition.header, code, condition.want)
			}
		}
		c.body, c.header = page, nil
		if code := get("GET"); code != 200 {
			t.Errorf("%s as a page: %d", c.path, code)
		}
		for _, header := range [][]string{{"If-None-Match", `"x"`}, {"If-Modified-Since", date.UTC().Format(http.TimeFormat)}, {"Range", "bytes=0-3"}} {
			if code := get("GET", header...); code != 200 {
				t.Errorf("%s as a page, with %s: %d, want 200", c.path, header, code)
			}
		}
	}
}

// A browser that must clear its cache gets a whole response, also of HTML that is never stamped.
func TestXHTMLTellsBrowsersToClearTheirCache(t *testing.T) {
	t.Parallel()
	s := newStamper(t)
	s.ForgetBefore = time.Unix(2e9, 0)
	handle := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/xhtml+xml")
		http.ServeContent(w, r, "", time.Unix(1e9, 0), strings.NewReader(page))
	}
	for range 2 {
		w := serve(t, s, handle, "GET", "/", "Sec-Fetch-Dest", "document", "If-Modified-Since", time.Unix(1e9, 0).UTC().Format(http.TimeFormat))
		if w.Code != 200 || w.Header().Get("Clear-Site-Data") == "" {
			t.Errorf("%d with %v, want 200 with Clear-Site-Data", w.Code, w.Header())
		}
	}
}

// HEAD of a page has the header of GET, and an entity tag with a comma is one tag.
func TestHeadAndEntityTags(t *testing.T) {
	t.Parallel()
	s := newStamper(t)
	compressed := gzipped(page)
	handle := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Etag", `"one, two"`)
		if r.Header.Get("If-None-Match") == `"one, two"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		if r.Method != http.MethodHead {
			_, _ = w.Write(compressed)
		}
	}
	get, head := serve(t, s, handle, "GET", "/").Header(), serve(t, s, handle, "HEAD", "/").Header()
	for _, name := range []string{"Etag", "Content-Encoding", "Content-Length", "Cache-Control", "Server-Timing"} {
		if get.Get(name) != head.Get(name) {
			t.Errorf("%s is %q with GET and %q with HEAD", name, get.Get(name), head.Get(name))
		}
	}
	for _, tags := range []string{get.Get("Etag"), `"x", ` + get.Get("Etag"), `W/"a,b",` + get.Get("Etag")} {
		w := serve(t, s, handle, "GET", "/", "If-None-Match", tags, "Sec-Fetch-Dest", "document")
		if w.Code != 304 || w.Header().Get("Etag") != get.Get("Etag") {
			t.Errorf("If-None-Match %s: %d with %q, want 304 with the tag of the page", tags, w.Code, w.Header().Get("Etag"))
		}
	}
}

func TestEntityTags(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		``: ``, `*`: `*`, `"a"`: `"a"`, `"a,b" , W/"c"`: `"a,b"|W/"c"`, ` , "a",,`: `"a"`, `"open`: `"open`, `a, "b,c"`: `a|"b,c"`,
	} {
		if got := strings.Join(slices.Collect(entityTags(list)), "|"); got != want {
			t.Errorf("entityTags(%s) = %s, want %s", list, got, want)
		}
	}
}

func FuzzEntityTags(f *testing.F) {
	f.Add(`"a,b", W/"c"`)
	f.Fuzz(func(t *testing.T, list string) {
		length := 0
		for tag := range entityTags(list) {
			if length += len(tag); tag == "" || length > len(list) {
				t.Fatalf("entityTags(%q) yields %q", list, tag)
			}
		}
	})
}

// A body that arrives in pieces gives the same page.
func FuzzGunzip(f *testing.F) {
	f.Add(gzipped(page), 3)
	f.Add(append(gzipped("a"), gzipped("b")...), 1)
	f.Fuzz(func(t *testing.T, body []byte, size int) {
		var whole, pieces bytes.Buffer
		wholeErr := gunzip(bytes.NewReader(body), &whole)
		d := startDecoder("gzip", &pieces)
		var err error
		for rest := body; len(rest) > 0 && err == nil; {
			n := min(max(size, 1), len(rest))
			err = d.write(rest[:n])
			rest = rest[n:]
		}
		if finished := d.finish(); (finished == nil) != (wholeErr == nil) || !bytes.Equal(whole.Bytes(), pieces.Bytes()) {
			t.Errorf("in pieces of %d: %q, %v, at once: %q, %v", size, pieces.Bytes(), finished, whole.Bytes(), wholeErr)
		}
	})
}

// The bytes of a response are forwarded as they come if either side asks for that, unstamped, since a stamped page waits for the
// end of a tag. Other values of the field are no request.
func TestIncrementalPageIsForwardedAtOnce(t *testing.T) {
	t.Parallel()
	s := newStamper(t)
	for _, c := range []struct {
		request, response []string
		stamped           bool
		why               string
	}{
		{nil, nil, true, "no condition"},
		{[]string{"?1"}, nil, false, "the client asks"},
		{nil, []string{"?1"}, false, "the application asks"},
		{[]string{"?1;x=1"}, nil, false, "unknown parameters are ignored"},
		{[]string{" ?1 "}, nil, false, "spaces around an item"},
		{[]string{"?0"}, nil, true, "false"},
		{[]string{"1"}, nil, true, "an integer"},
		{[]string{"?1", "?1"}, nil, true, "a list"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		if c.request != nil {
			r.Header["Incremental"] = c.request
		}
		w := httptest.NewRecorder()
		const part = ` <script src="/static/main.js`
		err := s.Serve(w, r, func(out http.ResponseWriter, _ *http.Request) error {
			out.Header().Set("Content-Type", "text/html")
			if c.response != nil {
				out.Header()["Incremental"] = c.response
			}
			_, _ = io.WriteString(out, part)
			if err := http.NewResponseController(out).Flush(); err != nil {
				t.Error(err)
			}
			if got := w.Body.String(); (got == part) == c.stamped || !w.Flushed {
				t.Errorf("%q, %q: the client has %q (%s)", c.request, c.response, got, c.why)
			}
			_, _ = io.WriteString(out, `"></script>`)
			return nil
		})
		if err != nil || strings.Contains(w.Body.String(), "?v=") != c.stamped || w.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%q, %q: %v %v %q, want stamped=%t (%s)", c.request, c.response, err, w.Header(), w.Body, c.stamped, c.why)
		}
	}
}
