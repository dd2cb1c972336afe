package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/scan2food/usher/internal/testsite"
)

// releaseScript is a script of some 80 KB. Releases differ in one line.
func releaseScript(release int) []byte {
	text := fmt.Appendf(nil, "globalThis.release = %d;\n", release)
	for line := range 2000 {
		sum := sha256.Sum256(fmt.Append(nil, line))
		text = fmt.Appendf(text, "globalThis.value%d = '%x';\n", line, sum[:12])
	}
	return text
}

// deltaNames are scripts of one page. URL patterns give a meaning to the characters of SvelteKit's and Next.js's names.
var deltaNames = []string{"main.js", "(shop)/[id]/+page.js"}

// transfer is what the browser measured for the scripts of a page.
type transfer struct {
	Release int
	Wire    []int // bytes of the encoded bodies
	Whole   []int // bytes of the decoded bodies
}

// After a deploy Chromium downloads the differences, and runs the new scripts.
func TestDeltasInChromium(t *testing.T) {
	need(t, "chromium")
	static, pages, port := t.TempDir(), t.TempDir(), testsite.FreePort(t)
	write := func(name string, content []byte) {
		t.Helper()
		if err := os.WriteFile(name, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	deploy := func(release int) {
		t.Helper()
		for _, name := range deltaNames {
			write(filepath.Join(static, name), releaseScript(release))
		}
	}
	if err := os.MkdirAll(filepath.Join(static, filepath.Dir(deltaNames[1])), 0o755); err != nil {
		t.Fatal(err)
	}
	deploy(1)
	write(filepath.Join(pages, "index.html"), fmt.Appendf(nil,
		`<!DOCTYPE html><title>release</title><script src="/static/%s"></script><script src="/static/%s"></script>`, deltaNames[0], deltaNames[1]))
	startUsherAt(t, port, fmt.Sprintf(`
	versioned_assets {
		serve /static/ %s
		stamp html
		deltas
		settle 50ms 100ms
		keep_directory %s
	}
	root * %s
	file_server`, static, t.TempDir(), pages))
	url := fmt.Sprintf("http://localhost:%d", port)
	get := func(name string, release int, headers ...string) *http.Response {
		t.Helper()
		sum := sha256.Sum256(releaseScript(release))
		request, err := http.NewRequest(http.MethodGet, fmt.Sprintf("%s/static/%s?v=%x", url, name, sum[:8]), nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response
	}
	ctx := browser(t)
	visit := func() transfer {
		t.Helper()
		if err := chromedp.Do(ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url+"/")); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the script run", func() bool { return script[bool](t, ctx, `return !!globalThis.release`) })
		return script[transfer](t, ctx, `
			const entries = performance.getEntriesByType("resource").filter((entry) => entry.name.includes("/static/"));
			return {Release: release, Wire: entries.map((entry) => entry.encodedBodySize), Whole: entries.map((entry) => entry.decodedBodySize)};`)
	}
	first := visit()
	if first.Release != 1 || len(first.Wire) != len(deltaNames) || slices.Min(first.Wire) < 10_000 {
		t.Fatalf("the first visit: %+v, want the whole scripts of release 1", first)
	}
	for release := 2; release <= 4; release++ {
		deploy(release)
		held := sha256.Sum256(releaseScript(release - 1))
		for _, name := range deltaNames {
			waitFor(t, "the delta made to "+name, func() bool {
				response := get(name, release, "Accept-Encoding", "dcz", "Available-Dictionary", ":"+base64.StdEncoding.EncodeToString(held[:])+":")
				return response.Header.Get("Content-Encoding") == "dcz"
			})
		}
		got := visit()
		if got.Release != release || slices.Max(got.Wire) > 500 || slices.Min(got.Whole) != len(releaseScript(release)) {
			t.Errorf("after deploy %d: %+v, want deltas of at most 500 bytes; the first visit transferred %d", release, got, first.Wire)
		}
		t.Logf("release %d: %d bytes on the wire; the first visit transferred %d", release, got.Wire, first.Wire)
	}
}
