package e2e

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// The test follows the quickstart as a new user: the page loads, a deployment is visible at the next load, and a wrong key is
// rejected.
func TestQuickstart(t *testing.T) {
	need(t, "chromium")
	const url = "http://localhost:8080"
	home := t.TempDir()
	door := startProcess(t, "..", []string{"XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home},
		usherBinary(t), "run", "--config", "examples/quickstart/Caddyfile")
	t.Cleanup(func() { _ = os.RemoveAll("../examples/quickstart/served") })
	waitForStatus(t, url, http.StatusOK)
	if !strings.Contains(door.output.String(), "open "+url) {
		t.Error("the output contains no URL to open")
	}
	ctx := browser(t)
	show := func(name string, steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	text := func(selector string) string {
		t.Helper()
		text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector("`+selector+`").textContent`))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	show("the first visit", chromedp.Navigate(url), chromedp.WaitVisible("#orders li b"))
	waitFor(t, "three open sockets", func() bool { return strings.Count(text("#sockets"), "open") == 3 })
	waitFor(t, "release 1 of both, no-cache", func() bool {
		scripts := text("#scripts")
		return strings.Count(scripts, "release 1") == 2 && strings.Count(scripts, "no-cache") == 2
	})
	show("the wrong key", chromedp.Click("#wrong-key"))
	waitFor(t, "the refusal shown", func() bool {
		said := text("#result")
		return strings.Contains(said, "401 Unauthorized") && strings.Contains(said, "key_unknown") && strings.Contains(said, "1006")
	})
	show("the deployment", chromedp.Click("#deploy"))
	waitFor(t, "release 2 served", func() bool { return strings.Contains(text("#result"), "Release 2 is served") })
	if directory := os.Getenv("USHER_E2E_SCREENSHOTS"); directory != "" {
		picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(directory+"/quickstart.png", picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	show("the next load", chromedp.Navigate("about:blank"), chromedp.Navigate(url), chromedp.WaitVisible("#orders li b"))
	waitFor(t, "release 2 of both", func() bool { return strings.Count(text("#scripts"), "release 2") == 2 })
	if strings.Contains(door.output.String(), "demonstration-chat") {
		t.Error("a key stands in the log")
	}
}
