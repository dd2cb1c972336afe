package stamp

import (
	"bytes"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/scan2food/usher/handler/static/stamp/markup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testConfig gives each file below /static/ a version, except files whose name contains "missing".
func testConfig() Config {
	return Config{
		Prefixes:     []string{"/static/"},
		VersionQuery: []string{"v", "ver"},
		Styles:       true,
		Version: func(path string) (string, bool) {
			return "D", !strings.Contains(path, "missing") && !strings.HasSuffix(path, "/")
		},
	}
}

func mustParse(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil {
		panic(err)
	}
	return u
}

var testPage = mustParse("https://example.com/shop/page.html")

// stamped returns a page that was written in pieces of a size.
func stamped(config Config, page string, size int) string {
	var parts []string
	for rest := page; rest != ""; rest = rest[min(size, len(rest)):] {
		parts = append(parts, rest[:min(size, len(rest))])
	}
	return stampedParts(config, parts...)
}

// stampedParts returns a page that was written in parts.
func stampedParts(config Config, parts ...string) string {
	var out bytes.Buffer
	p := New(config).PageWriter(&out, testPage)
	for _, part := range parts {
		if _, err := p.Write([]byte(part)); err != nil {
			panic(err)
		}
	}
	if err := p.Close(); err != nil {
		panic(err)
	}
	return out.String()
}

// otherScripts are script elements that are no classic scripts.
var otherScripts = `<script type=module-shim src=/static/a.js></script><script type=systemjs-module src=/static/a.js></script>
<script type=text/babel data-type=module src=/static/a.js></script><script type=importmap-shim src=/static/a.json></script>
<script type=speculationrules src=/static/a.json></script><script type=text/typescript src=/static/a.ts></script>
<script type=application/ld+json src=/static/a.json></script><script type=text/plain src=/static/a.js></script>
<script type="text/javascript; charset=utf-8" src=/static/a.js></script><script type=" " src=/static/a.js></script>
<script language=vbscript src=/static/a.js></script><script type="&#116;` + strings.Repeat("x", markup.MaxReferences) + `" src=/static/a.js></script>`

func TestPage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, page, want, why string }{
		{"script", `<script src="/static/a.js"></script>`, `<script src="/static/a.js?v=D"></script>`, "the script of the outage"},
		{"old version", `<script src="/static/a.js?v=20260211"></script>`, `<script src="/static/a.js?v=D"></script>`, "the version of the page is outdated"},
		{"other parameter", `<img src="/static/a.png?ver=1">`, `<img src="/static/a.png?v=D">`, "the first parameter of VersionQuery is written"},
		{"parameters kept", `<img src="/static/a.png?a=%20&amp;v=1&b=2#c">`, `<img src="/static/a.png?a=%20&amp;v=D&b=2#c">`, "other parameters keep their order and bytes"},
		{"parameter added", `<img src="/static/a.png?a=1#c">`, `<img src="/static/a.png?a=1&amp;v=D#c">`, "before the fragment"},
		{"empty query", `<img src="/static/a.png?">`, `<img src="/static/a.png?v=D">`, "the present question mark is used"},
		{"final ampersand", `<img src="/static/a.png?a&amp">`, `<img src="/static/a.png?a&amp&amp;v=D">`, "letters after &amp would become part of the reference"},
		{"open reference", `<img src="/static/a.png&#63"><img src="/static/a.png&#63;">`, `<img src="/static/a.png&#63"><img src="/static/a.png&#63;v=D">`, "letters after &#63 would become part of the reference"},
		{"already", `<img src="/static/a.png?v=D">`, `<img src="/static/a.png?v=D">`, "the version is already present"},
		{"missing", `<img src="/static/missing.png">`, `<img src="/static/missing.png">`, "the file does not exist"},
		{"other path", `<img src="/media/a.png">`, `<img src="/media/a.png">`, "the path is not below a prefix"},
		{"other host", `<img src="https://cdn.example/static/a.png">`, `<img src="https://cdn.example/static/a.png">`, "the host is of another site"},
		{"own host", `<img src="https://EXAMPLE.com/static/a.png"><img src="//example.com:443/static/a.png">`,
			`<img src="https://EXAMPLE.com/static/a.png?v=D"><img src="//example.com:443/static/a.png?v=D">`, "hosts have no case, and default ports count as absent"},
		{"user", `<img src="https://u@example.com/static/a.png">`, `<img src="https://u@example.com/static/a.png">`, "a user name in a URL is unusual"},
		{"relative", `<img src="../static/a.png"><img src=./../static/./b/../a.png>`, `<img src="../static/a.png?v=D"><img src=./../static/./b/../a.png?v=D>`, "the path is relative to the page"},
		{"relative to the page", `<img src="static/a.png">`, `<img src="static/a.png">`, "the URL is /shop/static/a.png"},
		{"too high", `<img src="../../../static/a.png">`, `<img src="../../../static/a.png?v=D">`, "dot segments end at the root"},
		{"encoded", `<img src="/static/%61%20b.png"><img src="/%73tatic/a.png"><img src="/x/%2e%2E/static/a.png">`,
			`<img src="/static/%61%20b.png?v=D"><img src="/%73tatic/a.png?v=D"><img src="/x/%2e%2E/static/a.png?v=D">`, "the path is decoded"},
		{"encoded slash", `<img src="/static%2Fa.png">`, `<img src="/static%2Fa.png">`, "no file has a slash in its name"},
		{"spaces", "<img src=' /static/a.png\n'>", "<img src=' /static/a.png?v=D\n'>", "browsers trim a URL"},
		{"NUL", "<img src=/static/a.png\x00><img srcset='/static/a.png, /static/b.png\x00'><base href='/x\x00/'><img src=../static/a.png>", "<img src=/static/a.png\x00><img srcset='/static/a.png, /static/b.png\x00'><base href='/x\x00/'><img src=../static/a.png>", "browsers replace it by U+FFFD, which is another file"},
		{"line end within", "<img src='/sta\ntic/a.png'>", "<img src='/sta\ntic/a.png'>", "browsers remove line ends, and the rewriter leaves unusual URLs alone"},
		{"unquoted", `<img src=/static/a.png><img src=/static/b.png alt>`, `<img src=/static/a.png?v=D><img src=/static/b.png?v=D alt>`, "HTML allows values without quotes"},
		{"upper case", `<IMG SRC = '/static/a.png'>`, `<IMG SRC = '/static/a.png?v=D'>`, "element and attribute names have no case"},
		{"twice", `<img src="/static/a.png" src="/static/b.png">`, `<img src="/static/a.png?v=D" src="/static/b.png">`, "browsers ignore the second attribute"},
		{"quotes", `<img alt=">" title='src="/static/x.png"' src="/static/a.png">`, `<img alt=">" title='src="/static/x.png"' src="/static/a.png?v=D">`, "text in quotes is neither a tag end nor an attribute"},
		{"references", `<img src="/static/a.png&quest;x">`, `<img src="/static/a.png&quest;x&amp;v=D">`, "&quest; is a question mark"},
		{"data", `<img src="data:image/svg+xml,/static/a.png"><a href="/static/a.png">`, `<img src="data:image/svg+xml,/static/a.png"><a href="/static/a.png">`, "a data URL and a link to a page load no file"},

		{"link", `<link rel="stylesheet" href="/static/a.css">`, `<link rel="stylesheet" href="/static/a.css?v=D">`, "a stylesheet"},
		{"links", `<link rel="shortcut icon" href=/static/a><link rel=preload as=font href=/static/a><link rel=apple-touch-icon href=/static/a><link rel=manifest href=/static/a>`,
			`<link rel="shortcut icon" href=/static/a?v=D><link rel=preload as=font href=/static/a?v=D><link rel=apple-touch-icon href=/static/a?v=D><link rel=manifest href=/static/a>`, "icons and fonts are loaded; the URL of a manifest identifies the site"},
		{"preload for scripts", `<link rel=preload as=fetch href=/static/a.json><link rel=preload as=image href=/static/a.png><img src=/static/a.png>`, `<link rel=preload as=fetch href=/static/a.json><link rel=preload as=image href=/static/a.png?v=D><img src=/static/a.png?v=D>`, "scripts fetch the file without a version"},
		{"canonical", `<link rel="canonical" href="/static/a.html"><link href="/static/a">`, `<link rel="canonical" href="/static/a.html"><link href="/static/a">`, "canonical and links without rel are not loaded"},
		{"srcset", `<img srcset="/static/a.png 1x,/static/b.png, /media/c.png 2x , /static/d.png?v=1 3x">`,
			`<img srcset="/static/a.png?v=D 1x,/static/b.png?v=D, /media/c.png 2x , /static/d.png?v=D 3x">`, "each image candidate is a reference"},
		{"srcset comma", `<source srcset="/static/a,b.png 1x, /static/c.png">`, `<source srcset="/static/a,b.png?v=D 1x, /static/c.png?v=D">`, "a comma within a URL belongs to the URL"},
		{"imagesrcset", `<link rel=preload as=image imagesrcset="/static/a.png 1x"><img srcset="/static/a.png 1x">`, `<link rel=preload as=image imagesrcset="/static/a.png?v=D 1x"><img srcset="/static/a.png?v=D 1x">`, "the attribute has the syntax of srcset"},
		{"media", `<video src="/static/a" poster="/static/b"><audio src="/static/c"><track src="/static/d"><embed src="/static/e"><object data="/static/f"><source src="/static/g">`,
			`<video src="/static/a?v=D" poster="/static/b?v=D"><audio src="/static/c?v=D"><track src="/static/d?v=D"><embed src="/static/e?v=D"><object data="/static/f?v=D"><source src="/static/g?v=D">`, "all media elements load their references"},
		{"input", `<input type=image src=/static/a><input src=/static/b>`, `<input type=image src=/static/a?v=D><input src=/static/b>`, "only type=image loads a file"},
		{"svg", `<svg><use href="/static/a.svg#b"/><image xlink:href="/static/c.png"/></svg>`, `<svg><use href="/static/a.svg?v=D#b"/><image xlink:href="/static/c.png?v=D"/></svg>`, "the version precedes the fragment"},
		{"iframe", `<iframe src="/static/a.html"></iframe>`, `<iframe src="/static/a.html"></iframe>`, "an iframe loads a page"},

		{"style", "<style>a{b:url(/static/a.png)}</style><p style='b:url(/static/a.png)'><style>a{b:url(/static/a.png", "<style>a{b:url(/static/a.png)}</style><p style='b:url(/static/a.png)'><style>a{b:url(/static/a.png", "inline styles are never edited"},
		{"inline script", `<script>new Worker("/static/a.js")</script><a onclick='new Worker("/static/a.js")'>`, `<script>new Worker("/static/a.js")</script><a onclick='new Worker("/static/a.js")'>`, "inline scripts and event handlers are never edited"},

		{"base", `<base href="/static/x/"><img src="a.png"><img src="/static/b.png"><base href="/">`, `<base href="/static/x/"><img src="a.png?v=D"><img src="/static/b.png?v=D"><base href="/">`, "the first base element sets the base URL"},
		{"base of another site", `<base href="https://cdn.example/"><img src="/static/a.png"><img src="https://example.com/static/b.png">`,
			`<base href="https://cdn.example/"><img src="/static/a.png"><img src="https://example.com/static/b.png?v=D">`, "relative references are of another site"},
		{"base host", `<base href="https://example.com"><img src="static/a.png">`, `<base href="https://example.com"><img src="static/a.png?v=D">`, "a URL without a path has the path /"},
		{"base in template", `<template><base href="https://cdn.example/"></template><img src="/static/a.png">`, `<template><base href="https://cdn.example/"></template><img src="/static/a.png?v=D">`, "the content of a template is not part of the page"},

		{"charset", "<meta charset=' ISO-2022-JP'><img src=/static/a.png>\x1b$B<img src=/static/b.png>", "<meta charset=' ISO-2022-JP'><img src=/static/a.png>\x1b$B<img src=/static/b.png>", "after an escape sequence bytes below 0x80 are not ASCII"},
		{"charset of http-equiv", `<meta http-equiv=Content-Type content="text/html; Charset = 'csISO2022JP'"><img src=/static/a.png>`, `<meta http-equiv=Content-Type content="text/html; Charset = 'csISO2022JP'"><img src=/static/a.png>`, "the older form"},
		{"other charsets", `<meta charset=utf-16><meta charset=shift_jis><meta name=x content="charset=iso-2022-jp"><img src=/static/a.png>`, `<meta charset=utf-16><meta charset=shift_jis><meta name=x content="charset=iso-2022-jp"><img src=/static/a.png?v=D>`, "UTF-16 means UTF-8 here, and the last element names none"},

		{"comment", `<!-- <img src="/static/a.png"> --><!--><img src="/static/b.png"><!-- --!><img src="/static/c.png">`, `<!-- <img src="/static/a.png"> --><!--><img src="/static/b.png?v=D"><!-- --!><img src="/static/c.png?v=D">`, "a comment also ends with --!> and directly after <!--"},
		{"conditional", `<!--[if IE]><script src="/static/a.js"></script><![endif]--><![if !IE]><img src="/static/b.png"><![endif]>`,
			`<!--[if IE]><script src="/static/a.js"></script><![endif]--><![if !IE]><img src="/static/b.png?v=D"><![endif]>`, "browsers treat conditional comments as comments"},
		{"textarea", `<textarea><img src="/static/a.png"></textarea><title><img src="/static/a.png"></title>`, `<textarea><img src="/static/a.png"></textarea><title><img src="/static/a.png"></title>`, "the content is text"},
		{"script text", `<script>x='<img src="/static/a.png">'</script><img src="/static/b.png">`, `<script>x='<img src="/static/a.png">'</script><img src="/static/b.png?v=D">`, "the content of a script is no markup"},
		{"script escape", `<script><!--<script></script><img src="/static/a.png">--></script><img src="/static/b.png">`, `<script><!--<script></script><img src="/static/a.png">--></script><img src="/static/b.png?v=D">`, "the first </script> is part of an escaped script"},
		{"noscript", `<noscript><img src="/static/a.png"></noscript>`, `<noscript><img src="/static/a.png?v=D"></noscript>`, "browsers without scripts load it"},
		{"template", `<template><img src="/static/a.png"></template>`, `<template><img src="/static/a.png?v=D"></template>`, "scripts insert the content of templates"},
		{"plaintext", `<plaintext><img src="/static/a.png">`, `<plaintext><img src="/static/a.png">`, "the rest of the page is text"},
		{"CDATA", `<svg><![CDATA[><img src="/static/a.png">]]></svg><![CDATA[><img src="/static/b.png">]]>`, `<svg><![CDATA[><img src="/static/a.png">]]></svg><![CDATA[><img src="/static/b.png?v=D">]]>`, "HTML has no CDATA sections"},
		{"svg title", `<svg><title><img src="/static/a.png"></title></svg><title><img src="/static/b.png"></title>`, `<svg><title><img src="/static/a.png?v=D"></title></svg><title><img src="/static/b.png"></title>`, "a title in SVG holds markup"},
		{"svg open", `<div><svg><path></div><title><img src="/static/a.png"></title>`, `<div><svg><path></div><title><img src="/static/a.png"></title>`, "an svg element that is not closed ends with the next HTML tag that closes it"},
		{"breakout", `<svg><p><![CDATA[><img src="/static/a.png">]]>`, `<svg><p><![CDATA[><img src="/static/a.png?v=D">]]>`, "a paragraph closes SVG"},
		{"unfinished", `<img src="/static/a.png"`, `<img src="/static/a.png"`, "the page ends within the tag"},
		{"less than", `a < b <3 </> <img src=/static/a.png> <`, `a < b <3 </> <img src=/static/a.png?v=D> <`, "the content is text"},

		{"module", `<script type="module" src="/static/a.js"></script><link rel=modulepreload href=/static/a.js>`, `<script type="module" src="/static/a.js"></script><link rel=modulepreload href=/static/a.js>`, "a module's URL is its identity: under a second URL it would run twice"},
		{"spellings of module", `<script type=" Module " src="/static/a.js?v=1"></script><SCRIPT TYPE=MODULE SRC=../static/a.js></SCRIPT>`, `<script type=" Module " src="/static/a.js?v=1"></script><SCRIPT TYPE=MODULE SRC=../static/a.js></SCRIPT>`, "the type has no case and is trimmed"},
		{"fallback of a module", `<script nomodule src="/static/a.js"></script>`, `<script nomodule src="/static/a.js?v=D"></script>`, "a script with nomodule is a classic script"},
		{"import map", `<script type="importmap">{"imports":{"a":"/static/a.js"}}</script>`, `<script type="importmap">{"imports":{"a":"/static/a.js"}}</script>`, "an import map names modules"},
		{"types of JavaScript", `<script type="" src=/static/a.js></script><script type=" Text/JavaScript " src=/static/b.js></script><script type=application/x-ecmascript src=/static/c.js></script>`,
			`<script type="" src=/static/a.js?v=D></script><script type=" Text/JavaScript " src=/static/b.js?v=D></script><script type=application/x-ecmascript src=/static/c.js?v=D></script>`, "the type has no case and is trimmed"},
		{"other types", otherScripts, otherScripts, "the loader that reads the element may identify the script by its URL"},
		{"language", `<script language=JavaScript1.2 src=/static/a.js></script><script language="" src=/static/b.js></script><script language=vbscript type=text/javascript src=/static/c.js></script>`,
			`<script language=JavaScript1.2 src=/static/a.js?v=D></script><script language="" src=/static/b.js?v=D></script><script language=vbscript type=text/javascript src=/static/c.js?v=D></script>`, "the deprecated attribute counts without type"},
	} {
		for _, size := range []int{len(c.page), 1, 7} {
			if got := stamped(testConfig(), c.page, size); got != c.want {
				t.Errorf("%s in pieces of %d:\n got %s\nwant %s (%s)", c.name, size, got, c.want, c.why)
			}
		}
		if twice := stamped(testConfig(), c.want, len(c.want)); twice != c.want {
			t.Errorf("%s stamped twice: %s", c.name, twice)
		}
	}
}

// If a preload and the stylesheet name different URLs, the browser loads the font twice.
func TestPageStampsFontPreloadsOnlyWithStylesheets(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Styles = false
	page := `<link rel=preload as=font href=/static/a.woff2>`
	if got := stamped(config, page, len(page)); got != page {
		t.Errorf("with unstamped stylesheets the page is %s, want it unchanged", got)
	}
}

// A page that is written in two parts, cut at any position, becomes the same as one written at once.
func TestPageInTwoWrites(t *testing.T) {
	t.Parallel()
	config := markedConfig()
	config.Scripts = true
	for _, page := range append(fuzzPages,
		`<SCRIPT>new Worker("/static/a.js"),import("/static/b.js")</SCRIPT ><link rel=modulepreload href='/static/a.js?v=1#x'>`,
	) {
		whole := stamped(config, page, len(page))
		for cut := range len(page) {
			if got := stampedParts(config, page[:cut], page[cut:]); got != whole {
				t.Errorf("cut before %q:\n got %s\nwant %s", page[cut:], got, whole)
			}
		}
	}
}
