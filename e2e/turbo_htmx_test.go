package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// boostedPage is a page whose link is followed without a navigation.
const boostedPage = `<!DOCTYPE html><html><head><title>NAME</title><link rel="icon" href="data:,">
<meta name="turbo-prefetch" content="false">
LIBRARIES
<link rel="stylesheet" href="/static/styles.css"TRACK>
<script src="/static/app.js"TRACK></script>
<script type="module" src="/static/module.js"></script>
</head><body ATTRIBUTES><h1 id="NAME">NAME</h1><a id="next" href="/OTHER">next</a></body></html>`

// boosted is what ran in the document since its navigation.
type boosted struct{ Title, Classic, Module, Style string }

// Turbo and htmx put the next page into the document. No script runs twice there. After a deploy the new release arrives: by a
// reload if the page asks for one, by the head of the next page, or with the next navigation.
func TestTurboAndHtmx(t *testing.T) {
	need(t, "chromium")
	packages := installPackages(t, "@hotwired/turbo@8.0.23", "htmx.org@2.0.11", "htmx-ext-head-support@2.0.5")
	library := func(name string) string { return "@" + filepath.Join(packages, "node_modules", name) }
	const turbo = `<script src="/static/turbo.js"TRACK></script>`
	const htmx, headSupport = `<script src="/static/htmx.js"></script>`, `<script src="/static/head-support.js"></script>`
	for _, c := range []struct {
		name, libraries, track, attributes string
		merged                             boosted // after a link that is followed after the deploy
		why                                string
	}{
		{"Turbo, tracked", turbo, ` data-turbo-track="reload"`, "", boosted{"one", "2", "2", "2"}, "Turbo reloads the page when a tracked element changes"},
		{"Turbo", turbo, "", "", boosted{"one", "1,2", "1", "2"}, "Turbo adds the new elements of the head"},
		{"htmx", htmx, "", `hx-boost="true"`, boosted{"one", "1", "1", "1"}, "htmx leaves the head as it is"},
		{"htmx with head-support", htmx + headSupport, "", `hx-boost="true" hx-ext="head-support"`, boosted{"one", "1,2", "1", "2"}, "the extension adds the new elements of the head"},
	} {
		t.Run(c.name, func(t *testing.T) {
			static, site := t.TempDir(), t.TempDir()
			deploy := func(release string) {
				t.Helper()
				writeFiles(t, static, map[string]string{
					"app.js":     fmt.Sprintf("(globalThis.classic ??= []).push(%q);", release),
					"module.js":  fmt.Sprintf("(globalThis.module ??= []).push(%q);", release),
					"styles.css": fmt.Sprintf(":root { --release: %s }", release),
				})
			}
			writeFiles(t, static, map[string]string{
				"turbo.js": library("@hotwired/turbo/dist/turbo.es2017-umd.js"), "htmx.js": library("htmx.org/dist/htmx.js"),
				"head-support.js": library("htmx-ext-head-support/head-support.js"),
			})
			for name, other := range map[string]string{"one": "two", "two": "one"} {
				text := strings.NewReplacer("NAME", name, "OTHER", other+".html", "ATTRIBUTES", c.attributes, "LIBRARIES", c.libraries).Replace(boostedPage)
				writeFiles(t, site, map[string]string{name + ".html": strings.ReplaceAll(text, "TRACK", c.track)})
			}
			if err := os.Link(filepath.Join(site, "one.html"), filepath.Join(site, "index.html")); err != nil {
				t.Fatal(err)
			}
			deploy("1")
			url := startUsherWith(t, fmt.Sprintf(`
	versioned_assets {
		serve /static/ %s
		stamp html css js
		keep_directory %s
		settle 50ms 100ms
	}
	root * %s
	file_server`, static, t.TempDir(), site)).url
			ctx := browser(t)
			seen := observe(t, ctx)
			expect := func(when string, want boosted) {
				t.Helper()
				if got := readBoosted(t, ctx, want); got != want {
					t.Errorf("%s: %+v, want %+v (%s)", when, got, want, c.why)
				}
				seen.expectNoProblem(t, when)
			}
			seen.visit(t, url+"/one.html")
			expect("the first page", boosted{"one", "1", "1", "1"})
			follow(t, ctx, "two")
			expect("the second page", boosted{"two", "1", "1", "1"})
			before := page(t, url+"/one.html")
			deploy("2")
			waitFor(t, "the deploy published", func() bool { return page(t, url+"/one.html") != before })
			follow(t, ctx, "one")
			expect("a link after the deploy", c.merged)
			follow(t, ctx, "two")
			c.merged.Title = "two"
			expect("the next link", c.merged)
			seen.visit(t, url+"/one.html")
			expect("the next navigation", boosted{"one", "2", "2", "2"})
			seen.expectOnce(t, "the next navigation")
		})
	}
}

// follow follows the link of the page, and waits for the next page.
func follow(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Click("#next"), chromedp.WaitVisible("#"+name)); err != nil {
		t.Fatalf("following a link to %s: %v", name, err)
	}
}

// readBoosted waits for what a document must have run, and for anything that it runs later.
func readBoosted(t *testing.T, ctx context.Context, want boosted) boosted {
	t.Helper()
	read := func() boosted {
		return script[boosted](t, ctx, `
			const list = (value) => (value ?? []).join();
			return { Title: document.title, Classic: list(globalThis.classic), Module: list(globalThis.module),
				Style: getComputedStyle(document.documentElement).getPropertyValue("--release").trim() }`)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline) && read() != want; time.Sleep(50 * time.Millisecond) {
	}
	script[bool](t, ctx, `await new Promise((done) => setTimeout(done, 300)); return true`)
	return read()
}
