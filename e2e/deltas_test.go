package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
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

// transfer is what the browser measured for the script of a page.
type transfer struct {
	Release int
	Wire    int // bytes of the encoded body
	Whole   int // bytes of the decoded body
}

// After a deploy Chromium downloads the difference, and runs the new script.
func TestDeltasInChromium(t *testing.T) {
	need(t, "chromium")
	static, pages, port := t.TempDir(), t.TempDir(), freePort(t)
	write := func(name string, content []byte) {
		t.Helper()
		if err := os.WriteFile(name, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	main := filepath.Join(static, "main.js")
	write(main, releaseScript(1))
	write(filepath.Join(pages, "index.html"), []byte(`<!DOCTYPE html><title>release</title><script src="/static/main.js"></script>`))
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
	get := func(release int, headers ...string) *http.Response {
		t.Helper()
		sum := sha256.Sum256(releaseScript(release))
		request, err := http.NewRequest(http.MethodGet, fmt.Sprintf("%s/static/main.js?v=%x", url, sum[:8]), nil)
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
			const entry = performance.getEntriesByType("resource").find((entry) => entry.name.includes("main.js"));
			return {Release: release, Wire: entry.encodedBodySize, Whole: entry.decodedBodySize};`)
	}
	first := visit()
	if first.Release != 1 || first.Wire < 10_000 {
		t.Fatalf("the first visit: %+v, want the whole script of release 1", first)
	}
	for release := 2; release <= 4; release++ {
		write(main, releaseScript(release))
		held := sha256.Sum256(releaseScript(release - 1))
		waitFor(t, "the delta made", func() bool {
			response := get(release, "Accept-Encoding", "dcz", "Available-Dictionary", ":"+base64.StdEncoding.EncodeToString(held[:])+":")
			return response.Header.Get("Content-Encoding") == "dcz"
		})
		got := visit()
		if got.Release != release || got.Wire > 500 || got.Whole != len(releaseScript(release)) {
			t.Errorf("after deploy %d: %+v, want a delta of at most 500 bytes; the first visit transferred %d", release, got, first.Wire)
		}
		t.Logf("release %d: %d bytes on the wire; the first visit transferred %d", release, got.Wire, first.Wire)
	}
}
