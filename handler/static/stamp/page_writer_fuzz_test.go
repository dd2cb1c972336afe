package stamp

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// mark is the version in these tests. Pages do not contain it.
const mark = "STAMPED"

func markedConfig() Config {
	config := testConfig()
	config.Version = func(string) (string, bool) { return mark, true }
	return config
}

var (
	markedParameter = regexp.MustCompile(`(\?|&amp;|&)?v=` + mark)
	// unmarked matches the text that a version may replace: nothing, or a parameter that carries a version.
	unmarked = `(\?|&amp;|&)?(v(er)?(=[^&#]*?)?)?`
)

// differsInVersions reports whether before and after differ in versions only.
func differsInVersions(before, after string) bool {
	var pattern strings.Builder
	pattern.WriteString(`(?s)^`)
	for i, part := range markedParameter.Split(after, -1) {
		if i > 0 {
			pattern.WriteString(unmarked)
		}
		pattern.WriteString(regexp.QuoteMeta(part))
	}
	return regexp.MustCompile(pattern.String() + `$`).MatchString(before)
}

var fuzzPages = []string{
	`<link rel=preload as=script href=/static/a integrity><link rel=preload as=image imagesrcset="/static/b 1x, /static/c"><p><script src=/static/a></script><img src=/static/c>`,
	`<script src="/static/a.js?v=1"></script><link rel=stylesheet href=/static/a.css><img srcset="/static/a.png 1x, b 2x" style="b:url(&quot;/static/c&quot;)">`,
	`<base href=/static/><svg><![CDATA[<img src=a>]]><title><img src=b></title></svg><style>a{b:url( "c" )}@import 'd';</style>`,
	`<!--<img src=/static/a>--!><script><!--<script>"</script>"--></script><textarea></text</textarea><!doctype "><img src=/static/b>`,
	`<img src=/static/a&quest;&amp&ampv=1&amp;ver=2 src=x/><noscript><input type=image src='/static/&#97;'></noscript></ x><//><?x>`,
	`<template><object data=/static/a></template><math><annotation-xml encoding="text/html"><p><![CDATA[x]]></math><plaintext><img src=/static/a>`,
	`<meta http-equiv=content-security-policy content="'sha256-x'"><style>a{b:url(/static/a)}</style><p style="b:image-set('/static/a' 1x)">`,
}

// checkPieces returns the stamped page, and checks that pieces of a size give the same page.
func checkPieces(t *testing.T, config Config, page string, size int) string {
	t.Helper()
	whole := stampedParts(config, page)
	if pieces := stamped(config, page, min(max(size, 1), 1<<20)); pieces != whole {
		t.Fatalf("in pieces of %d:\n got %q\nwant %q, as at once", size, pieces, whole)
	}
	return whole
}

// checkTwice checks that stamping a stamped page changes nothing.
func checkTwice(t *testing.T, config Config, page string) {
	t.Helper()
	if twice := stampedParts(config, page); twice != page {
		t.Errorf("stamped twice:\n got %q\nwant %q, as stamped once", twice, page)
	}
}

// FuzzPage checks that a page written in pieces becomes the same as one written at once, that only versions change, and that
// stamping a stamped page changes nothing.
func FuzzPage(f *testing.F) {
	for _, page := range fuzzPages {
		f.Add(page, 1)
		f.Add(page, 5)
	}
	config := markedConfig()
	f.Fuzz(func(t *testing.T, page string, size int) {
		if !utf8.ValidString(page) {
			return // regular expressions match valid UTF-8 only
		}
		whole := checkPieces(t, config, page, size)
		if plain := strings.ReplaceAll(page, "&amp", ""); html.UnescapeString(plain) != plain {
			return // a replaced parameter may contain character references, which differsInVersions does not know
		}
		if !differsInVersions(page, whole) {
			t.Errorf("more than versions changed:\n got %q\nfrom %q", whole, page)
		}
		checkTwice(t, config, whole)
	})
}

// FuzzPageWithEverything does the same with scripts and integrity attributes.
func FuzzPageWithEverything(f *testing.F) {
	for _, page := range append(fuzzPages,
		`<script type=module integrity=x src=../static/a.js></script><script>new Worker("/static/a.js")</script>`,
		`<script src=/static/a.js></script><link rel="modulepreload stylesheet" integrity="" href=/static/a>`,
	) {
		f.Add(page, 1)
		f.Add(page, 5)
	}
	config := markedConfig()
	config.Scripts = true
	config.Integrity = func(string) (string, bool) { return "sha384-" + mark, true }
	f.Fuzz(func(t *testing.T, page string, size int) {
		whole := checkPieces(t, config, page, size)
		checkTwice(t, config, whole)
	})
}

var foreignTag = regexp.MustCompile(`<(svg|math)`)

// FuzzPageTree checks that a stamped page has the same tree as the page, except for references.
func FuzzPageTree(f *testing.F) {
	for _, page := range fuzzPages {
		f.Add(page)
	}
	config := markedConfig()
	f.Fuzz(func(t *testing.T, page string) {
		lower := strings.ToLower(page)
		raw := strings.Contains(lower, "<style") || strings.Contains(lower, "<script")
		if !utf8.ValidString(page) || strings.Contains(page, mark) || foreignTag.MatchString(lower) && raw {
			return // the scanner does not know the tree of unclosed styles and scripts in svg
		}
		out := stampedParts(config, page)
		before, after := tree(page), tree(out)
		if !differsInVersions(before, after) {
			t.Errorf("the trees differ: of\n%q\n%s, of\n%q\n%s", page, before, out, after)
		}
	})
}

// referenceAttribute matches the attributes that stamping may change.
var referenceAttribute = regexp.MustCompile(`^(script|img|source|video|audio|track|embed|object|image|use|feimage|input|link|svg image)\.(src|href|poster|data|srcset|imagesrcset)$`)

// tree returns the parsed tree of a page as text. It marks versions in nodes that may have none. Noscript is parsed as markup, as
// browsers without scripts do.
func tree(page string) string {
	root, err := html.ParseWithOptions(strings.NewReader(page), html.ParseOptionEnableScripting(false))
	if err != nil {
		return err.Error()
	}
	var out bytes.Buffer
	markVersion := func(text string) {
		if strings.Contains(text, mark) {
			out.WriteString("[unexpected version]")
		}
	}
	for node := range root.Descendants() {
		fmt.Fprintf(&out, "%d %s", node.Type, node.Namespace)
		markVersion(node.Data)
		out.WriteString(node.Data)
		for _, a := range node.Attr {
			if !referenceAttribute.MatchString(node.Data + "." + a.Key) {
				markVersion(a.Val)
			}
			fmt.Fprintf(&out, " %s %s='%s'", a.Namespace, a.Key, a.Val)
		}
		out.WriteByte('\n')
	}
	return out.String()
}
