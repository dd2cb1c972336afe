package versionedassets_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/internal/testsite"
)

// pagesApplication sends the response that a test sets.
type pagesApplication struct{ answer http.HandlerFunc }

// stampedSite is an application behind versioned_assets.
func stampedSite(t *testing.T, files map[string]string, words string) (*testsite.Site, *pagesApplication, string) {
	t.Helper()
	app := &pagesApplication{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { app.answer(w, r) }))
	t.Cleanup(server.Close)
	root := testsite.WriteTree(t, files)
	return testsite.Start(t, fmt.Sprintf(`
		http://127.0.0.1 http://localhost
		versioned_assets {
			serve /static/ %s
			settle 50ms 400ms
			%s
		}
		reverse_proxy %s
	`, root, words, strings.TrimPrefix(server.URL, "http://"))), app, root
}

// answers sets the page of the application.
func (a *pagesApplication) answers(body string, headers ...string) {
	a.answer = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		etag := w.Header().Get("Etag")
		if etag != "" && r.Header.Get("If-None-Match") == etag || etag == "" && r.Header.Get("If-Modified-Since") != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, body)
	}
}

var navigation = []string{"Sec-Fetch-Dest", "document"}

const (
	mainScript  = "new Worker('/static/worker.js')"
	otherScript = "new Worker('/static/worker.js') // 2"
	incident    = `<!DOCTYPE html><script src="/static/main.js?v=20260211"></script>`
)

// The outage cannot happen: the version in the page is the digest of the bytes, whatever the template says, and a cached copy of
// the page is stale after a deploy.
func TestStampedPage(t *testing.T) {
	t.Parallel()
	site, app, root := stampedSite(t, map[string]string{"main.js": mainScript}, "stamp html")
	app.answers(incident, "Etag", `"page"`, "Last-Modified", "Tue, 24 Nov 2026 10:00:00 GMT")
	response, body := testsite.Fetch(t, site, "GET", "/", navigation...)
	if want := strings.Replace(incident, "20260211", testsite.Version(mainScript), 1); body != want {
		t.Fatalf("the page is %q, want %q", body, want)
	}
	etag := response.Header.Get("Etag")
	if got := response.Header.Get("Cache-Control"); got != revalidate {
		t.Errorf("a page without Cache-Control gets %q, want %q", got, revalidate)
	}
	if etag == `"page"` || response.Header.Get("Last-Modified") != "" {
		t.Errorf("header %v, want a tag of the stamped page, and no date", response.Header)
	}
	script, _ := testsite.Fetch(t, site, "GET", "/static/main.js?v="+testsite.Version(mainScript))
	if got := script.Header.Get("Cache-Control"); got != yearLong {
		t.Errorf("the stamped script has %q, want %q", got, yearLong)
	}
	again, _ := testsite.Fetch(t, site, "GET", "/", append(navigation, "If-None-Match", etag)...)
	if again.StatusCode != 304 || again.Header.Get("Etag") != etag || again.Header.Get("Cache-Control") != revalidate ||
		again.Header.Get("Last-Modified") != "" {
		t.Errorf("the same page: %d with %v, want 304 with the header of the page", again.StatusCode, again.Header)
	}
	if head, _ := testsite.Fetch(t, site, "HEAD", "/"); head.Header.Get("Etag") != etag || head.Header.Get("Last-Modified") != "" {
		t.Errorf("HEAD has %v, want the header of GET", head.Header)
	}

	testsite.WriteFile(t, root, "main.js", otherScript)
	testsite.Eventually(t, "the new version in the page", func() bool {
		_, body := testsite.Fetch(t, site, "GET", "/")
		return strings.Contains(body, testsite.Version(otherScript))
	})
	for _, condition := range [][]string{
		{"If-None-Match", etag}, {"If-None-Match", `"page"`}, {"If-None-Match", `W/"x", ` + etag},
		{"If-Modified-Since", "Tue, 24 Nov 2026 10:00:00 GMT"}, {"Range", "bytes=0-3"},
	} {
		response, body := testsite.Fetch(t, site, "GET", "/", append(condition, navigation...)...)
		if response.StatusCode != 200 || !strings.Contains(body, testsite.Version(otherScript)) {
			t.Errorf("%s after the deploy: %d %q, want the page with the new version", condition, response.StatusCode, body)
		}
	}
}

func TestStampedPageInEveryCoding(t *testing.T) {
	t.Parallel()
	site, app, _ := stampedSite(t, map[string]string{"main.js": mainScript}, "stamp html")
	long := incident + strings.Repeat("<p>filler", 20_000)
	want := strings.Replace(long, "20260211", testsite.Version(mainScript), 1)
	compressed := func(coding string) []byte {
		var out bytes.Buffer
		var w io.WriteCloser
		switch coding {
		case "gzip":
			w = gzip.NewWriter(&out)
		case "br":
			w = brotli.NewWriter(&out)
		case "zstd":
			w, _ = zstd.NewWriter(&out)
		}
		_, _ = io.WriteString(w, long)
		w.Close()
		return out.Bytes()
	}
	for _, coding := range []string{"gzip", "br", "zstd"} {
		body := compressed(coding)
		app.answer = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Encoding", coding)
			_, _ = w.Write(body)
		}
		response, got := testsite.Fetch(t, site, "GET", "/", "Accept-Encoding", coding)
		if got != want || response.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d bytes in %q, want the stamped page as it is", coding, len(got), response.Header.Get("Content-Encoding"))
		}
		body = body[:len(body)/2]
		request, err := http.NewRequest(http.MethodGet, site.URL+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept-Encoding", coding)
		response, err = http.DefaultTransport.RoundTrip(request)
		if err != nil {
			continue // reset before the header
		}
		half, err := io.ReadAll(response.Body)
		if untouched := response.Header.Get("Content-Encoding") == coding && bytes.Equal(half, body); err == nil && !untouched {
			t.Errorf("%s: a truncated body looks complete", coding)
		}
		response.Body.Close()
	}
}

func TestPagesThatPassUnchanged(t *testing.T) {
	t.Parallel()
	site, app, _ := stampedSite(t, map[string]string{"main.js": mainScript}, "stamp html")
	utf16 := "\xff\xfe<\x00/static/main.js"
	for _, c := range []struct {
		name, body string
		headers    []string
		why        string
	}{
		{"no-transform", incident, []string{"Cache-Control", "max-age=1, No-Transform"}, "RFC 9111, 5.2.2.6"},
		{"attachment", incident, []string{"Content-Disposition", "attachment; filename=a.html"}, "it is a file to keep"},
		{"JSON", incident, []string{"Content-Type", "application/json"}, "no page"},
		{"events", "data: " + incident + "\n\n", []string{"Content-Type", "text/event-stream"}, "no page"},
		{"XHTML", incident, []string{"Content-Type", "application/xhtml+xml"}, "other rules"},
		{"UTF-16", incident, []string{"Content-Type", "text/html; charset=UTF-16LE"}, "its bytes are not ASCII"},
		{"byte order mark", utf16 + incident, []string{"Content-Type", "text/html"}, "the same, found in the bytes"},
		{"unknown coding", incident, []string{"Content-Encoding", "x-own"}, "usher cannot decode it"},
		{"other path", `<script src="/other/main.js?v=1"></script>`, nil, "not served here"},
		{"other host", `<script src="https://cdn.example/static/main.js?v=1"></script>`, nil, "not this site"},
		{"no such file", `<script src="/static/none.js?v=1"></script>`, nil, "no reference to stamp"},
	} {
		app.answers(c.body, c.headers...)
		response, body := testsite.Fetch(t, site, "GET", "/")
		if body != c.body {
			t.Errorf("%s: %q, want it as it was (%s)", c.name, body, c.why)
		}
		if c.name == "attachment" && response.ContentLength != int64(len(c.body)) {
			t.Errorf("%s: length %d, want it as it was", c.name, response.ContentLength)
		}
	}
	app.answers(incident, "Content-Security-Policy", "script-src 'sha256-abc'")
	if _, body := testsite.Fetch(t, site, "GET", "/"); !strings.Contains(body, testsite.Version(mainScript)) {
		t.Error("a policy of inline code keeps the page's other references from being stamped")
	}
	app.answers("<p>", "Link", "</static/main.js>; rel=preload; as=script")
	if response, _ := testsite.Fetch(t, site, "GET", "/"); !strings.Contains(response.Header.Get("Link"), testsite.Version(mainScript)) {
		t.Errorf("Link is %q, want the URLs of the stamped page", response.Header.Get("Link"))
	}
}

// Flushed parts of a page arrive before the page ends.
func TestStampedPageStreams(t *testing.T) {
	t.Parallel()
	site, app, _ := stampedSite(t, map[string]string{"main.js": mainScript}, "stamp html")
	goOn := make(chan struct{})
	app.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, incident+"\n<p>first\n")
		_ = http.NewResponseController(w).Flush()
		<-goOn
		_, _ = io.WriteString(w, "<p>second\n")
	}
	response, err := http.Get(site.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	reader := bufio.NewReader(response.Body)
	for _, want := range []string{testsite.Version(mainScript), "first"} {
		line, err := reader.ReadString('\n')
		if err != nil || !strings.Contains(line, want) {
			t.Fatalf("read %q, %v, want %q", line, err, want)
		}
	}
	close(goOn)
	if rest, err := io.ReadAll(reader); err != nil || string(rest) != "<p>second\n" {
		t.Errorf("the rest is %q, %v", rest, err)
	}
}

// Pages of the served directory are stamped too, and their conditional requests hold.
func TestStampedPageOfTheRoot(t *testing.T) {
	t.Parallel()
	site, _, root := stampedSite(t, map[string]string{"main.js": mainScript, "page.html": `<script src="main.js"></script>`}, "stamp html")
	response, body := testsite.Fetch(t, site, "GET", "/static/page.html")
	if !strings.Contains(body, "main.js?v="+testsite.Version(mainScript)) || response.Header.Get("Cache-Control") != revalidate {
		t.Fatalf("the page is %q with %q", body, response.Header.Get("Cache-Control"))
	}
	etag := response.Header.Get("Etag")
	if again, _ := testsite.Fetch(t, site, "GET", "/static/page.html", "If-None-Match", etag); again.StatusCode != 304 {
		t.Errorf("the same page: %d, want 304", again.StatusCode)
	}
	testsite.WriteFile(t, root, "main.js", otherScript)
	testsite.Eventually(t, "the page another one", func() bool {
		again, _ := testsite.Fetch(t, site, "GET", "/static/page.html", "If-None-Match", etag)
		return again.StatusCode == 200
	})
}

// Header fields that describe the bytes are removed from a stamped page. Fields that instruct the browser stay.
func TestStampedPageHeaders(t *testing.T) {
	t.Parallel()
	site, app, _ := stampedSite(t, map[string]string{"main.js": mainScript}, "stamp html")
	app.answers(incident, "Digest", "sha-256=x", "Content-Digest", "sha-256=:x:", "Repr-Digest", "sha-256=:x:", "Content-Md5", "x",
		"Accept-Ranges", "bytes", "Content-Security-Policy", "script-src 'self'", "Cache-Control", "max-age=5", "Vary", "Cookie")
	for _, method := range []string{"GET", "HEAD", "POST"} {
		response, body := testsite.Fetch(t, site, method, "/")
		for _, name := range []string{"Digest", "Content-Digest", "Repr-Digest", "Content-Md5", "Accept-Ranges", "Last-Modified"} {
			if got := response.Header.Get(name); got != "" {
				t.Errorf("%s has %s %q, which describes the unstamped bytes", method, name, got)
			}
		}
		for name, want := range map[string]string{"Content-Security-Policy": "script-src 'self'", "Cache-Control": "max-age=5", "Vary": "Cookie"} {
			if got := response.Header.Get(name); !strings.HasPrefix(got, want) {
				t.Errorf("%s has %s %q, want the page's own %q", method, name, got, want)
			}
		}
		if method != "HEAD" && !strings.Contains(body, testsite.Version(mainScript)) {
			t.Errorf("%s is answered with %q", method, body)
		}
	}
	app.answers(incident, "Content-Type", "application/xhtml+xml")
	if response, _ := testsite.Fetch(t, site, "GET", "/"); response.Header.Get("Cache-Control") != revalidate {
		t.Errorf("a page that is not stamped has Cache-Control %q, want %q", response.Header.Get("Cache-Control"), revalidate)
	}
}

// BenchmarkFirstByte measures the delay of stamping before the first part of a page, and for all of a small page.
func BenchmarkFirstByte(b *testing.B) {
	root := b.TempDir()
	testsite.WriteFile(b, root, "main.js", mainScript)
	tree, err := tree.Open(tree.Config{Root: root, Logger: zap.NewNop(), Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(tree.Close)
	tree.Catalog(b.Context())
	body := []byte(incident + strings.Repeat("<p>filler", 200))
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	_, _ = w.Write(body)
	_ = w.Close()
	for _, c := range []struct {
		name, words, coding string
		body                []byte
	}{{"Plain", "", "", body}, {"Stamped", "html", "", body}, {"StampedGzip", "html", "gzip", compressed.Bytes()}} {
		directive := versionedassets.NewForTree(tree, c.words)
		next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
			w.Header()["Content-Type"] = []string{"text/html"}
			if c.coding != "" {
				w.Header()["Content-Encoding"] = []string{c.coding}
			}
			_, err := w.Write(c.body)
			return err
		})
		request := httptest.NewRequest("GET", "/", nil)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := directive.ServeHTTP(httptest.NewRecorder(), request, next); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
