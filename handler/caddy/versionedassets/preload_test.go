package versionedassets_test

import (
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// A preload gets a version only if the stylesheets of the page request the file with that version.
func TestPreloadsOfStylesheets(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"site.css": "@import 'fonts/fonts.css'; a { background: url(hero.png) }", "fonts/fonts.css": "@font-face { src: url(a.woff2) }",
		"fonts/a.woff2": "font", "hero.png": "hero", "other.css": "b {}", "other.png": "other",
	}
	const preload = `<link rel=preload as=font href="/static/fonts/a.woff2"><link rel=preload as=image href="/static/hero.png">`
	for _, c := range []struct {
		name, stamp, page string
		stamped           int
		why               string
	}{
		{"used", "html css", preload + `<link rel=stylesheet href="/static/site.css">`, 3, "the stylesheet and its import name both with a version"},
		{"plain stylesheets", "html", preload + `<link rel=stylesheet href="/static/site.css">`, 1, "stylesheets name plain URLs"},
		{"other stylesheet", "html css", preload + `<link rel=stylesheet href="/static/other.css">`, 1, "the stylesheet uses neither"},
		{"image element", "html", preload + `<img src="/static/hero.png">`, 2, "the page names the image itself"},
	} {
		site, app, _ := stampedSite(t, files, "stamp "+c.stamp)
		app.answers(c.page)
		if _, body := testsite.Fetch(t, site, "GET", "/"); strings.Count(body, "?v=") != c.stamped {
			t.Errorf("%s: %s, want %d versions (%s)", c.name, body, c.stamped, c.why)
		}
	}
}
