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
		chromedp.WSURLReadTimeout(visitTimeout),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(profile),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true))...)
	ctx, stopContext := chromedp.NewContext(allocated)
	if err := chromedp.Do(ctx); err != nil { // starts it, to end with ctx and not with the first visit
		peers.Fatalf("starting Chromium: %v", err)
	}
	return browser{ctx, func() {
		stopContext()
		stopAllocator()
		_ = os.RemoveAll(profile)
	}}
}

// visitTimeout is how long a page may take until it shows its text.
const visitTimeout = time.Minute

// transferred is the body bytes of the scripts and stylesheets of a page. Chromium counts 300 bytes for the header of a response, and
// none for what it takes from its cache.
const transferred = `performance.getEntriesByType("resource").reduce((sum, entry) => sum + Math.max(0, entry.transferSize - 300), 0)`

// visit loads a page in an ordinary navigation until it shows a text, and returns the bytes that were transferred.
func (b browser) visit(url, text string) (total int) {
	ctx, cancel := context.WithTimeout(b.ctx, visitTimeout)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url+"/")); err != nil {
		peers.Fatalf("visiting %s: %v", url, err)
	}
	for {
		shown, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.textContent`))
		if err != nil {
			peers.Fatalf("%s does not show %q: %v", url, text, err)
		}
		if strings.Contains(shown, text) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	total, err := chromedp.Run(ctx, chromedp.Evaluate[int](transferred))
	if err != nil {
		peers.Fatalf("measuring %s: %v", url, err)
	}
	return total
}
