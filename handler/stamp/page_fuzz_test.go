package stamp

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// versionWords are what stamping puts in, and what it replaces.
var versionWords = regexp.MustCompile(`\?|&amp;|&|\bv(er)?=[^&#"'\s()<>]*|%[0-9A-Fa-f]{2}`)

func withoutVersions(page string) string { return versionWords.ReplaceAllString(page, "") }

var fuzzPages = []string{
	`<script src="/static/a.js?v=1"></script><link rel=stylesheet href=/static/a.css><img srcset="/static/a.png 1x, b 2x" style="b:url(&quot;/static/c&quot;)">`,
	`<base href=/static/><svg><![CDATA[<img src=a>]]><title><img src=b></title></svg><style>a{b:url( "c" )}@import 'd';</style>`,
	`<!--<img src=/static/a>--!><script><!--<script>"</script>"--></script><textarea></text</textarea><!doctype "><img src=/static/b>`,
	`<img src=/static/a&quest;&amp&ampv=1&amp;ver=2 src=x/><noscript><input type=image src='/static/&#97;'></noscript></ x><//><?x>`,
	`<template><object data=/static/a></template><math><annotation-xml encoding="text/html"><p><![CDATA[x]]></math><plaintext><img src=/static/a>`,
	`<meta http-equiv=content-security-policy content="'sha256-x'"><style>a{b:url(/static/a)}</style><p style="b:image-set('/static/a' 1x)">`,
}

// In pieces a page becomes what it becomes at once; nothing changes but versions; stamped twice is stamped once.
func FuzzPage(f *testing.F) {
	for _, page := range fuzzPages {
		f.Add(page, 1)
		f.Add(page, 5)
	}
	config := testConfig()
	f.Fuzz(func(t *testing.T, page string, size int) {
		whole := stamped(config, page, max(len(page), 1))
		if pieces := stamped(config, page, min(max(size, 1), 1<<20)); pieces != whole {
			t.Fatalf("in pieces of %d:\n%q, at once:\n%q", size, pieces, whole)
		}
		if got, want := withoutVersions(whole), withoutVersions(page); got != want {
			t.Errorf("without versions\n%q, was\n%q", got, want)
		}
		if twice := stamped(config, whole, max(len(whole), 1)); twice != whole {
			t.Errorf("stamped twice:\n%q, once:\n%q", twice, whole)
		}
	})
}

// A stamped page is read as the same tree, but for the attributes that refer to something, and styles.
func FuzzPageTree(f *testing.F) {
	for _, page := range fuzzPages {
		f.Add(page)
	}
	config := testConfig()
	config.Version = func(path string) (string, bool) { return "STAMPED", true }
	f.Fuzz(func(t *testing.T, page string) {
		lower := strings.ToLower(page)
		if strings.Contains(lower, "svg") || strings.Contains(lower, "math") {
			return // with styles and scripts in svg that are not closed, the tree is another than what we take it for
		}
		out := stamped(config, page, max(len(page), 1))
		before, after := tree(page), tree(out)
		if before != after {
			t.Errorf("the tree of\n%q is\n%s, of\n%q it is\n%s", page, before, out, after)
		}
	})
}

// references are the attributes that stamping may change.
var referring = regexp.MustCompile(`^(script|img|source|video|audio|track|embed|object|image|use|feimage|input|link|svg image)\.(src|href|poster|data|srcset|imagesrcset)$|\.style$`)

// tree shows a page as it is read: all of it, but no versions in what may have one. Where there are scripts, noscript
// is text; stamping reads it as browsers without do.
func tree(page string) string {
	root, err := html.ParseWithOptions(strings.NewReader(page), html.ParseOptionEnableScripting(false))
	if err != nil {
		return err.Error()
	}
	var out bytes.Buffer
	depth := 0
	for node := range root.Descendants() {
		depth++
		fmt.Fprintf(&out, "%d %s", node.Type, node.Namespace)
		data := node.Data
		if node.Type == html.TextNode && node.Parent.Data == "style" {
			data = withoutVersions(data)
		}
		fmt.Fprintf(&out, " %q", data)
		for _, a := range node.Attr {
			value := a.Val
			if referring.MatchString(node.Data + "." + a.Key) {
				value = withoutVersions(value)
			}
			fmt.Fprintf(&out, " %s %s=%q", a.Namespace, a.Key, value)
		}
		out.WriteByte('\n')
	}
	return out.String()
}
