package main

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/scan2food/usher/bench/internal/peers"
)

// browser is Chromium with an empty profile.
type browser struct {
	ctx  context.Context
	stop func()
}

func startBrowser() browser {
	profile, err := os.MkdirTemp("", "usher-chromium")
	if err != nil {
		peers.Fatalf("%v", err)
	}
	allocated, stopAllocator := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(profile),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true))...)
	ctx, stopContext := chromedp.NewContext(allocated)
	return browser{ctx, func() {
		stopContext()
		stopAllocator()
		_ = os.RemoveAll(profile)
	}}
}

// transferred is the body bytes of all responses of a page load. Chromium counts 300 bytes for the header of a response, and none for
// what it takes from its cache.
const transferred = `(() => {
	const entries = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
	return entries.reduce((sum, entry) => sum + Math.max(0, entry.transferSize - 300), 0);
})()`

// visit loads a page in an ordinary navigation until it shows a text, and returns the bytes that were transferred.
func (b browser) visit(url, text string) (total int) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if err := chromedp.Do(b.ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url+"/")); err != nil {
			peers.Fatalf("visiting %s: %v", url, err)
		}
		shows := false
		for range 20 {
			shown, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body.textContent`))
			if err != nil {
				peers.Fatalf("reading %s: %v", url, err)
			}
			if shows = strings.Contains(shown, text); shows {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		bytes, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](transferred))
		if err != nil {
			peers.Fatalf("measuring %s: %v", url, err)
		}
		if total += bytes; shows {
			return total
		}
	}
	peers.Fatalf("%s does not show %q", url, text)
	return 0
}
