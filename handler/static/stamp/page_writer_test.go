package stamp

import (
	"bytes"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// versions are those of the tests: each file below /static/ has one, but for those that are called missing.
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

// stamped is a page in pieces of a size.
func stamped(config Config, page string, size int) string {
	var out bytes.Buffer
	p := New(config).PageWriter(&out, testPage)
	for rest := []byte(page); len(rest) > 0; rest = rest[min(size, len(rest)):] {
		if _, err := p.Write(bytes.Clone(rest[:min(size, len(rest))])); err != nil {
			panic(err)
		}
	}
	if err := p.Close(); err != nil {
		panic(err)
	}
	return out.String()
}

func TestPage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, page, want, why string }{
		{"script", `<script src="/static/a.js"></script>`, `<script src="/static/a.js?v=D"></script>`, "the incident"},
		{"old version", `<script src="/static/a.js?v=20260211"></script>`, `<script src="/static/a.js?v=D"></script>`, "nobody bumps it"},
		{"other word", `<img src="/static/a.png?ver=1">`, `<img src="/static/a.png?v=D">`, "the first word is the one that is written"},
		{"words kept", `<img src="/static/a.png?a=%20&amp;v=1&b=2#c">`, `<img src="/static/a.png?a=%20&amp;v=D&b=2#c">`, "their order and their bytes"},
		{"word added", `<img src="/static/a.png?a=1#c">`, `<img src="/static/a.png?a=1&amp;v=D#c">`, "before the fragment"},
		{"empty query", `<img src="/static/a.png?">`, `<img src="/static/a.png?v=D">`, "its question mark is used"},
		{"final ampersand", `<img src="/static/a.png?a&amp">`, `<img src="/static/a.png?a&amp&amp;v=D">`, "what is behind it could change it"},
		{"open reference", `<img src="/static/a.png&#63"><img src="/static/a.png&#63;">`, `<img src="/static/a.png&#63"><img src="/static/a.png&#63;v=D">`, "so could what is behind this"},
		{"already", `<img src="/static/a.png?v=D">`, `<img src="/static/a.png?v=D">`, "stamping twice is stamping once"},
		{"missing", `<img src="/static/missing.png">`, `<img src="/static/missing.png">`, "no file, no version"},
		{"other path", `<img src="/media/a.png">`, `<img src="/media/a.png">`, "not served here"},
		{"other host", `<img src="https://cdn.example/static/a.png">`, `<img src="https://cdn.example/static/a.png">`, "not of this site"},
		{"own host", `<img src="https://EXAMPLE.com/static/a.png"><img src="//example.com:443/static/a.png">`,
			`<img src="https://EXAMPLE.com/static/a.png?v=D"><img src="//example.com:443/static/a.png?v=D">`, "as it may be spelled"},
		{"user", `<img src="https://u@example.com/static/a.png">`, `<img src="https://u@example.com/static/a.png">`, "nobody writes that"},
		{"relative", `<img src="../static/a.png"><img src=./../static/./b/../a.png>`, `<img src="../static/a.png?v=D"><img src=./../static/./b/../a.png?v=D>`, "from the page's URL"},
		{"relative elsewhere", `<img src="static/a.png">`, `<img src="static/a.png">`, "this is /shop/static/"},
		{"too high", `<img src="../../../static/a.png">`, `<img src="../../../static/a.png?v=D">`, "there is nothing above the root"},
		{"encoded", `<img src="/static/%61%20b.png"><img src="/%73tatic/a.png"><img src="/x/%2e%2E/static/a.png">`,
			`<img src="/static/%61%20b.png?v=D"><img src="/%73tatic/a.png?v=D"><img src="/x/%2e%2E/static/a.png?v=D">`, "the path is decoded"},
		{"encoded slash", `<img src="/static%2Fa.png">`, `<img src="/static%2Fa.png">`, "no path of a file"},
		{"blanks", "<img src=' /static/a.png\n'>", "<img src=' /static/a.png?v=D\n'>", "around a URL are not of it"},
		{"line end within", "<img src='/sta\ntic/a.png'>", "<img src='/sta\ntic/a.png'>", "browsers would, we leave it"},
		{"unquoted", `<img src=/static/a.png><img src=/static/b.png alt>`, `<img src=/static/a.png?v=D><img src=/static/b.png?v=D alt>`, "quotes are optional"},
		{"upper case", `<IMG SRC = '/static/a.png'>`, `<IMG SRC = '/static/a.png?v=D'>`, "names have no case"},
		{"twice", `<img src="/static/a.png" src="/static/b.png">`, `<img src="/static/a.png?v=D" src="/static/b.png">`, "the first counts"},
		{"quotes", `<img alt=">" title='src="/static/x.png"' src="/static/a.png">`, `<img alt=">" title='src="/static/x.png"' src="/static/a.png?v=D">`, "quotes hide what is in them"},
		{"references", `<img src="/static/a.png&quest;x">`, `<img src="/static/a.png&quest;x&amp;v=D">`, "a ? may be written otherwise"},
		{"data", `<img src="data:image/svg+xml,/static/a.png"><a href="/static/a.png">`, `<img src="data:image/svg+xml,/static/a.png"><a href="/static/a.png">`, "what is not loaded from here"},

		{"link", `<link rel="stylesheet" href="/static/a.css">`, `<link rel="stylesheet" href="/static/a.css?v=D">`, "a style sheet"},
		{"links", `<link rel="shortcut icon" href=/static/a><link rel=preload as=font href=/static/a><link rel=apple-touch-icon href=/static/a><link rel=manifest href=/static/a>`,
			`<link rel="shortcut icon" href=/static/a?v=D><link rel=preload as=font href=/static/a?v=D><link rel=apple-touch-icon href=/static/a?v=D><link rel=manifest href=/static/a?v=D>`, "what is loaded"},
		{"preload for scripts", `<link rel=preload as=fetch href=/static/a.json><link rel=preload as=image href=/static/a.png>`, `<link rel=preload as=fetch href=/static/a.json><link rel=preload as=image href=/static/a.png?v=D>`, "they ask for it without a version"},
		{"canonical", `<link rel="canonical" href="/static/a.html"><link href="/static/a">`, `<link rel="canonical" href="/static/a.html"><link href="/static/a">`, "names of pages"},
		{"srcset", `<img srcset="/static/a.png 1x,/static/b.png, /media/c.png 2x , /static/d.png?v=1 3x">`,
			`<img srcset="/static/a.png?v=D 1x,/static/b.png?v=D, /media/c.png 2x , /static/d.png?v=D 3x">`, "each candidate"},
		{"srcset comma", `<source srcset="/static/a,b.png 1x, /static/c.png">`, `<source srcset="/static/a,b.png?v=D 1x, /static/c.png?v=D">`, "a comma within is of the URL"},
		{"imagesrcset", `<link rel=preload as=image imagesrcset="/static/a.png 1x">`, `<link rel=preload as=image imagesrcset="/static/a.png?v=D 1x">`, "as srcset"},
		{"media", `<video src="/static/a" poster="/static/b"><audio src="/static/c"><track src="/static/d"><embed src="/static/e"><object data="/static/f"><source src="/static/g">`,
			`<video src="/static/a?v=D" poster="/static/b?v=D"><audio src="/static/c?v=D"><track src="/static/d?v=D"><embed src="/static/e?v=D"><object data="/static/f?v=D"><source src="/static/g?v=D">`, "all that is loaded"},
		{"input", `<input type=image src=/static/a><input src=/static/b>`, `<input type=image src=/static/a?v=D><input src=/static/b>`, "one of them is an image"},
		{"svg", `<svg><use href="/static/a.svg#b"/><image xlink:href="/static/c.png"/></svg>`, `<svg><use href="/static/a.svg?v=D#b"/><image xlink:href="/static/c.png?v=D"/></svg>`, "fragments stay"},
		{"iframe", `<iframe src="/static/a.html"></iframe>`, `<iframe src="/static/a.html"></iframe>`, "a page"},

		{"style", "<style>a{b:url(/static/a.png)}</style><p style='b:url(/static/a.png)'><style>a{b:url(/static/a.png", "<style>a{b:url(/static/a.png)}</style><p style='b:url(/static/a.png)'><style>a{b:url(/static/a.png", "inline styles stay"},
		{"inline script", `<script>new Worker("/static/a.js")</script><a onclick='new Worker("/static/a.js")'>`, `<script>new Worker("/static/a.js")</script><a onclick='new Worker("/static/a.js")'>`, "inline scripts and event handlers stay"},

		{"base", `<base href="/static/x/"><img src="a.png"><img src="/static/b.png"><base href="/">`, `<base href="/static/x/"><img src="a.png?v=D"><img src="/static/b.png?v=D"><base href="/">`, "where references start from"},
		{"base elsewhere", `<base href="https://cdn.example/"><img src="/static/a.png"><img src="https://example.com/static/b.png">`,
			`<base href="https://cdn.example/"><img src="/static/a.png"><img src="https://example.com/static/b.png?v=D">`, "they are of another site"},
		{"base host", `<base href="https://example.com"><img src="static/a.png">`, `<base href="https://example.com"><img src="static/a.png?v=D">`, "a host has a root"},
		{"base in template", `<template><base href="https://cdn.example/"></template><img src="/static/a.png">`, `<template><base href="https://cdn.example/"></template><img src="/static/a.png?v=D">`, "it is not in the page"},

		{"comment", `<!-- <img src="/static/a.png"> --><!--><img src="/static/b.png"><!-- --!><img src="/static/c.png">`, `<!-- <img src="/static/a.png"> --><!--><img src="/static/b.png?v=D"><!-- --!><img src="/static/c.png?v=D">`, "as they end"},
		{"conditional", `<!--[if IE]><script src="/static/a.js"></script><![endif]--><![if !IE]><img src="/static/b.png"><![endif]>`,
			`<!--[if IE]><script src="/static/a.js"></script><![endif]--><![if !IE]><img src="/static/b.png?v=D"><![endif]>`, "a comment for all who are left"},
		{"textarea", `<textarea><img src="/static/a.png"></textarea><title><img src="/static/a.png"></title>`, `<textarea><img src="/static/a.png"></textarea><title><img src="/static/a.png"></title>`, "text"},
		{"script text", `<script>x='<img src="/static/a.png">'</script><img src="/static/b.png">`, `<script>x='<img src="/static/a.png">'</script><img src="/static/b.png?v=D">`, "scripts are left"},
		{"script escape", `<script><!--<script></script><img src="/static/a.png">--></script><img src="/static/b.png">`, `<script><!--<script></script><img src="/static/a.png">--></script><img src="/static/b.png?v=D">`, "the first end tag is none"},
		{"noscript", `<noscript><img src="/static/a.png"></noscript>`, `<noscript><img src="/static/a.png?v=D"></noscript>`, "for browsers that read it"},
		{"template", `<template><img src="/static/a.png"></template>`, `<template><img src="/static/a.png?v=D"></template>`, "it will be used"},
		{"plaintext", `<plaintext><img src="/static/a.png">`, `<plaintext><img src="/static/a.png">`, "text up to the end"},
		{"CDATA", `<svg><![CDATA[><img src="/static/a.png">]]></svg><![CDATA[><img src="/static/b.png">]]>`, `<svg><![CDATA[><img src="/static/a.png">]]></svg><![CDATA[><img src="/static/b.png?v=D">]]>`, "only in svg"},
		{"svg title", `<svg><title><img src="/static/a.png"></title></svg><title><img src="/static/b.png"></title>`, `<svg><title><img src="/static/a.png?v=D"></title></svg><title><img src="/static/b.png"></title>`, "there it holds markup"},
		{"svg open", `<div><svg><path></div><title><img src="/static/a.png"></title>`, `<div><svg><path></div><title><img src="/static/a.png"></title>`, "a forgotten end"},
		{"breakout", `<svg><p><![CDATA[><img src="/static/a.png">]]>`, `<svg><p><![CDATA[><img src="/static/a.png?v=D">]]>`, "a paragraph ends it"},
		{"unfinished", `<img src="/static/a.png"`, `<img src="/static/a.png"`, "no tag"},
		{"less than", `a < b <3 </> <img src=/static/a.png> <`, `a < b <3 </> <img src=/static/a.png?v=D> <`, "text"},

		{"module", `<script type="module" src="/static/a.js"></script><link rel=modulepreload href=/static/a.js>`, `<script type="module" src="/static/a.js"></script><link rel=modulepreload href=/static/a.js>`, "its URL is its identity: under another it would run twice"},
		{"module as it may be written", `<script type=" Module " src="/static/a.js?v=1"></script><SCRIPT TYPE=MODULE SRC=../static/a.js></SCRIPT>`, `<script type=" Module " src="/static/a.js?v=1"></script><SCRIPT TYPE=MODULE SRC=../static/a.js></SCRIPT>`, "types have no case, and blanks around them"},
		{"fallback of a module", `<script nomodule src="/static/a.js"></script>`, `<script nomodule src="/static/a.js?v=D"></script>`, "a classic script"},
		{"import map", `<script type="importmap">{"imports":{"a":"/static/a.js"}}</script>`, `<script type="importmap">{"imports":{"a":"/static/a.js"}}</script>`, "it names modules"},
		{"data block", `<script type="text/plain" src="/static/a.js"></script>`, `<script type="text/plain" src="/static/a.js?v=D"></script>`, "consent tools run it later"},
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

// A font that is preloaded under another URL than the style sheet's is loaded twice.
func TestPageLeavesFontsToStyleSheets(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Styles = false
	page := `<link rel=preload as=font href=/static/a.woff2>`
	if got := stamped(config, page, len(page)); got != page {
		t.Errorf("without stamped style sheets: %s", got)
	}
}

// Wherever a page is cut in two, it becomes what it becomes at once.
func TestPageCutAnywhere(t *testing.T) {
	t.Parallel()
	config := markedConfig()
	config.Scripts = true
	for _, page := range append(fuzzPages,
		`<SCRIPT>new Worker("/static/a.js"),import("/static/b.js")</SCRIPT ><link rel=modulepreload href='/static/a.js?v=1#x'>`,
	) {
		whole := stamped(config, page, len(page))
		for cut := range len(page) {
			var out bytes.Buffer
			p := New(config).PageWriter(&out, testPage)
			for _, part := range []string{page[:cut], page[cut:]} {
				if _, err := p.Write([]byte(part)); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if out.String() != whole {
				t.Errorf("cut before %q:\n%s, at once:\n%s", page[cut:], out.String(), whole)
			}
		}
	}
}
