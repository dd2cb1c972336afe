package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/scan2food/usher/internal/testsite"
)

const forgetPage = `<!DOCTYPE html><title>forget</title><script>
fetch("/static/data.js").then((answer) => answer.text()).then((text) => { globalThis.data = text; });
</script>`

// The browser holds a script from another server for a year, at a URL that only a script contains and usher cannot stamp. The
// test checks that forget_before removes it from the cache.
func TestForgetBeforeInChromium(t *testing.T) {
	need(t, "chromium")
	static, site, port := t.TempDir(), t.TempDir(), testsite.FreePort(t)
	for path, content := range map[string]string{filepath.Join(static, "data.js"): "good", filepath.Join(site, "index.html"): forgetPage} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(forgetPage))
	})
	mux.HandleFunc("/static/data.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		_, _ = w.Write([]byte("poisoned"))
	})
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	poisoner := &http.Server{Handler: mux}
	go func() { _ = poisoner.Serve(listener) }()
	ctx, url := browser(t), fmt.Sprintf("http://localhost:%d", port)
	visit := func() string {
		t.Helper()
		if err := chromedp.Do(ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url)); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the data read", func() bool { return script[bool](t, ctx, `return !!globalThis.data`) })
		return script[string](t, ctx, `return data`)
	}
	if got := visit(); got != "poisoned" {
		t.Fatalf("the first visit reads %q", got)
	}
	_ = poisoner.Close()
	const configuration = `
	versioned_assets {
		serve /static/ %s
		stamp html
		%s
	}
	root * %s
	file_server`
	first := startUsherAt(t, port, fmt.Sprintf(configuration, static, "", site))
	if got := visit(); got != "poisoned" {
		t.Errorf("behind usher it reads %q: the cache was not poisoned", got)
	}
	first.stop()
	startUsherAt(t, port, fmt.Sprintf(configuration, static, "forget_before 2026-02-12T08:00:00Z", site))
	if got := visit(); got != "good" {
		t.Errorf("after forget_before it reads %q, want what is served", got)
	}
}
