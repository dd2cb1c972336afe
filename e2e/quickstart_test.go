package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/scan2food/usher/internal/testsite"
)

// The test follows the quickstart as a new user: each control shows what the page promises, and the log holds no warning at start.
func TestQuickstart(t *testing.T) {
	need(t, "chromium")
	port := testsite.FreePort(t)
	url := fmt.Sprintf("http://localhost:%d", port)
	home := t.TempDir()
	usher := startProcess(t, "..", []string{"XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home, fmt.Sprintf("PORT=%d", port)},
		usherBinary(t), "run", "--config", "examples/quickstart/Caddyfile")
	waitFor(t, "the banner", func() bool { return strings.Contains(usher.output.String(), "open "+url+"\n") })
	started := usher.output.String()
	if strings.Contains(started, `"level":"warn"`) || strings.Contains(started, `"level":"error"`) {
		t.Errorf("the start warns:\n%s", started)
	}
	if _, after, _ := strings.Cut(started, "open "+url); strings.TrimSpace(after) != "" {
		t.Errorf("the banner is not the last line of the start:\n%s", started)
	}

	ctx := browser(t)
	act := func(name string, steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	shows := func(selector string, texts ...string) {
		t.Helper()
		waitFor(t, fmt.Sprintf("%s shows %q", selector, texts), func() bool {
			content := evaluate[string](t, ctx, `document.querySelector("`+selector+`")?.innerText ?? ""`) // the page may be loading
			for _, text := range texts {
				if !strings.Contains(content, text) {
					return false
				}
			}
			return true
		})
	}
	act("the first visit", chromedp.EmulateViewport(1200, 900), chromedp.Navigate(url), chromedp.WaitVisible("#orders li b"))
	shows("#release", "release 1")
	shows("#sockets", "open, ", "closed 4401", "payment terminal")
	shows("#files", "main.js?v=20260211\nno-cache", "poster.svg\ncached for a year")
	if years := evaluate[int](t, ctx, `document.querySelectorAll(".year").length`); years != 3 {
		t.Errorf("%d files are cached for a year, want main.js, worker.js and poster.svg", years)
	}

	act("a ticket and a session", chromedp.Click("#sign-in"))
	shows("#socket-result", "Your session opened the chat")
	act("a reload by keyboard", chromedp.Focus("#reload"), chromedp.KeyEvent("\r"))
	shows("#socket-result", "loaded its configuration again", "The sockets stayed open")
	act("a wrong key", chromedp.Click("#wrong-key"))
	shows("#socket-result", "401 Unauthorized: ", "key_unknown", "close code 4401", "101 Switching Protocols")
	act("the end of the session", chromedp.Click("#sign-out"))
	shows("#socket-result", "closed the chat with 4401", "session ended")
	act("a dark route", chromedp.Click("#break"))
	shows("#socket-result", "The route is dark")
	shows("#sockets", "dark")
	act("the status page", chromedp.Navigate(url+"/status"))
	shows("main", "payment_status")
	act("back", chromedp.Navigate(url), chromedp.WaitVisible("#orders li b"), chromedp.Click("#repair"))
	shows("#socket-result", "The route has recovered")

	act("a deploy by a double click", chromedp.DoubleClick("#deploy"))
	shows("#file-result", "Release 2 is served", "still runs release 1")
	shows("#files", "poster.svg\nno-cache")
	if directory := os.Getenv("USHER_E2E_SCREENSHOTS"); directory != "" {
		picture(t, ctx, directory+"/quickstart.png")
	}
	act("the next load", chromedp.Click("#again"))
	shows("#release", "release 2")
	shows("#file-result", "This load downloaded ", " bytes for main.js, which has ")
	act("a phone", chromedp.EmulateViewport(360, 780))
	if width := evaluate[int](t, ctx, `document.documentElement.scrollWidth`); width > 360 {
		t.Errorf("the page is %d pixels wide on a phone of 360", width)
	}

	for _, secret := range []string{"keys", "ticket"} {
		content, err := os.ReadFile("../examples/quickstart/run/secrets/" + secret)
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.Fields(string(content))
		if strings.Contains(usher.output.String(), fields[len(fields)-1]) {
			t.Errorf("the secret in %s stands in the log", secret)
		}
	}
}

// evaluate returns the value of an expression in the page.
func evaluate[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// picture writes a screenshot of the whole page.
func picture(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
