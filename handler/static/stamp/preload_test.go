package stamp

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// preloadConfig has two stylesheets: a.css refers to a.png and a.woff2, b.css to b.png.
func preloadConfig() Config {
	config := testConfig()
	config.SheetUses = func(sheet, path string) bool {
		return slices.Contains(map[string][]string{
			"/static/a.css": {"/static/a.png", "/static/a.woff2"}, "/static/b.css": {"/static/b.png"},
		}[sheet], path)
	}
	return config
}

// A preload names the URL that the page requests, or the browser loads the file twice.
func TestPreload(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("<p>text", maxPending/7+1)
	const (
		script      = `<link rel="preload" as="script" href="/static/a.js">`
		image       = `<link rel=preload as=image href=/static/a.png>`
		font        = `<link rel=preload as=font href=/static/a.woff2>`
		sheet       = `<link rel=preload as=style href=/static/a.css>`
		stampedFont = `<link rel=preload as=font href=/static/a.woff2?v=D>`
	)
	for _, c := range []struct{ name, page, want, why string }{
		{"script", script + `<script src="/static/a.js"></script>`,
			`<link rel="preload" as="script" href="/static/a.js?v=D"><script src="/static/a.js?v=D"></script>`, "the script is stamped"},
		{"late script", script + `<script>load("/static/a.js")</script>`, script + `<script>load("/static/a.js")</script>`, "a script loads the plain URL"},
		{"module", script + `<script type=module src="/static/a.js"></script>`, script + `<script type=module src="/static/a.js"></script>`, "modules are not stamped"},
		{"after its user", `<img src=/static/a.png>` + image, `<img src=/static/a.png?v=D><link rel=preload as=image href=/static/a.png?v=D>`, "order does not matter"},
		{"image set", `<link rel=preload as=image imagesrcset="/static/a.png 1x, /static/b.png 2x"><img srcset="/static/a.png 1x, /static/b.png 2x">`,
			`<link rel=preload as=image imagesrcset="/static/a.png?v=D 1x, /static/b.png?v=D 2x"><img srcset="/static/a.png?v=D 1x, /static/b.png?v=D 2x">`, "each image has its user"},
		{"stylesheet", sheet + `<link rel=stylesheet href=/static/a.css>`, `<link rel=preload as=style href=/static/a.css?v=D><link rel=stylesheet href=/static/a.css?v=D>`, "the stylesheet is stamped"},
		{"its own user", `<link rel="preload stylesheet" as=style href=/static/a.css>`, `<link rel="preload stylesheet" as=style href=/static/a.css?v=D>`, "it is a stylesheet"},
		{"font", font + `<link rel=stylesheet href=/static/a.css>`, stampedFont + `<link rel=stylesheet href=/static/a.css?v=D>`, "the stylesheet refers to the font"},
		{"font after its stylesheet", `<link rel=stylesheet href=/static/a.css>` + font, `<link rel=stylesheet href=/static/a.css?v=D>` + stampedFont, "order does not matter"},
		{"font of another stylesheet", font + `<link rel=stylesheet href=/static/b.css>`, font + `<link rel=stylesheet href=/static/b.css?v=D>`, "the stylesheet does not use the font"},
		{"font of an inline style", font + `<style>@font-face { src: url(/static/a.woff2) }</style>`, font + `<style>@font-face { src: url(/static/a.woff2) }</style>`, "inline styles are not stamped"},
		{"background", image + `<link rel=stylesheet href=/static/a.css>`, `<link rel=preload as=image href=/static/a.png?v=D><link rel=stylesheet href=/static/a.css?v=D>`, "the stylesheet refers to the image"},
		{"far user", script + long + `<script src="/static/a.js"></script>`, script + long + `<script src="/static/a.js"></script>`, "the preload is written, so its user keeps the plain URL"},
		{"far stylesheet", font + long + `<link rel=stylesheet href=/static/a.css>`, font + long + `<link rel=stylesheet href=/static/a.css>`, "the file on disk refers to the plain font"},
		{"two, one without a user", script + image + `<script src="/static/a.js"></script>`,
			`<link rel="preload" as="script" href="/static/a.js?v=D">` + image + `<script src="/static/a.js?v=D"></script>`, "each is decided for itself"},
		{"prefetch of a stylesheet", `<link rel=prefetch href=/static/b.css>`, `<link rel=prefetch href=/static/b.css?v=D>`, "the next page uses it, and is stamped"},
		{"prefetch of an image", `<link rel=prefetch as=image href=/static/a>`, `<link rel=prefetch as=image href=/static/a?v=D>`, "the same"},
		{"prefetch of a font", `<link rel=prefetch href="/static/A.WOFF2#x">`, `<link rel=prefetch href="/static/A.WOFF2?v=D#x">`, "stylesheets are stamped"},
		{"prefetch of a script", `<link rel=prefetch as=script href=/static/a.js>`, `<link rel=prefetch as=script href=/static/a.js>`, "it may be a module"},
		{"prefetch of a module", `<link rel=prefetch href=/static/a.mjs>`, `<link rel=prefetch href=/static/a.mjs>`, "modules are not stamped"},
		{"prefetch of a page", `<link rel=prefetch href=/static/a.html>`, `<link rel=prefetch href=/static/a.html>`, "a navigation has the plain URL"},
		{"prefetch of a stylesheet of this page", `<link rel="prefetch stylesheet" href=/static/a>`, `<link rel="prefetch stylesheet" href=/static/a?v=D>`, "it is a stylesheet"},
		{"prefetch is no user", `<link rel=prefetch href=/static/a.png>` + image, `<link rel=prefetch href=/static/a.png?v=D>` + image, "the image of this page may be in an inline style"},
		{"manifest", `<link rel=manifest href=/static/a.webmanifest>`, `<link rel=manifest href=/static/a.webmanifest>`, "its URL identifies the installed site"},
	} {
		for _, size := range []int{len(c.page), 1, 7} {
			if got := stamped(preloadConfig(), c.page, size); got != c.want {
				t.Errorf("%s in pieces of %d:\n got %.300s\nwant %.300s (%s)", c.name, size, got, c.want, c.why)
			}
		}
	}
}

// A flush writes what waits for a user.
func TestPreloadIsFlushed(t *testing.T) {
	t.Parallel()
	var out flushed
	p := New(preloadConfig()).PageWriter(&out, testPage)
	for _, c := range []struct{ write, want, why string }{
		{`<link rel=preload as=script href=/static/a.js><p>text`, `<link rel=preload as=script href=/static/a.js><p>text`, "the client gets all that was written"},
		{`<script src=/static/a.js></script>`, `<script src=/static/a.js></script>`, "its user keeps the plain URL"},
		{`<link rel=preload as=script href=/static/a.js>`, `<link rel=preload as=script href=/static/a.js>`, "another preload of the file, too"},
		{`<img src=/static/a.png>`, `<img src=/static/a.png?v=D>`, "other files are stamped"},
	} {
		before := out.Len()
		_, _ = p.Write([]byte(c.write))
		_ = p.Flush()
		if got := out.String()[before:]; got != c.want {
			t.Errorf("after %q: %q, want %q (%s)", c.write, got, c.want, c.why)
		}
	}
}

// What is held for preloads is bounded, however many there are.
func TestPreloadsAreBounded(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := New(preloadConfig()).PageWriter(&out, testPage)
	var page strings.Builder
	for i := range 2000 {
		part := fmt.Sprintf("<link rel=preload as=image href=/static/%d.png><img src=/static/x%d.png>", i, i)
		page.WriteString(strings.ReplaceAll(part, fmt.Sprintf("x%d.png", i), fmt.Sprintf("x%d.png?v=D", i)))
		_, _ = p.Write([]byte(part))
		l := &p.preloads
		if len(l.pending) > maxPending || len(l.optionals) > maxOptionals || len(l.plain) > maxPlain+maxOptionals || len(l.users) > maxUsers {
			t.Fatalf("after %d preloads %d bytes, %d edits, %d plain and %d used files are held", i+1, len(l.pending), len(l.optionals), len(l.plain), len(l.users))
		}
	}
	if _ = p.Close(); out.String() != page.String() {
		t.Error("the preloads are stamped, or the page is not complete")
	}
}
