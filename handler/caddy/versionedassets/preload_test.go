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

// A Link field preloads the URL that the page requests, with or without a version.
func TestPreloadsOfLinkFields(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"site.css": "@font-face { src: url(a.woff2) }", "a.woff2": "font", "a.png": "1", "b.png": "2",
	}
	const font = `</static/a.woff2>; rel=preload; as=font; crossorigin`
	for _, c := range []struct {
		name, link, page string
		inLink, inPage   int
		why              string
	}{
		{"image set", `</static/a.png>; rel=preload; as=image; imagesrcset="/static/a.png 1x, /static/b.png 2x"`,
			`<img src="/static/a.png" srcset="/static/a.png 1x, /static/b.png 2x">`, 3, 3, "the page requests stamped images"},
		{"font of an inline style", font, `<style>@font-face { src: url(/static/a.woff2) }</style>`, 0, 0, "inline styles are not stamped"},
		{"font of a stylesheet in the page", font, `<link rel=stylesheet href="/static/site.css">`, 0, 0, "the plain stylesheet names the plain font"},
		{"font of a stylesheet in the field", `</static/site.css>; rel=preload; as=style, ` + font, `<link rel=stylesheet href="/static/site.css">`, 2, 1, "the stylesheet names the stamped font"},
	} {
		site, app, _ := stampedSite(t, files, "stamp html css")
		app.answers(c.page, "Link", c.link)
		response, body := testsite.Fetch(t, site, "GET", "/")
		if link := response.Header.Get("Link"); strings.Count(link, "?v=") != c.inLink || strings.Count(body, "?v=") != c.inPage {
			t.Errorf("%s: %s and %s, want %d and %d versions (%s)", c.name, link, body, c.inLink, c.inPage, c.why)
		}
	}
}
