package stamp

import (
	"slices"
	"strings"
	"testing"

	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/css"
)

func references(content string) []string {
	var found []string
	forEachStyleReference([]byte(content), func(start, end int) { found = append(found, content[start:end]) })
	return found
}

func TestStyleReferences(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ css, want, why string }{
		{`a{b:url(x.png)}`, "x.png", "bare"},
		{`a{b:url( "x.png" ),URL('y.png')}`, "x.png y.png", "quoted, in any case"},
		{"a{b:url(\n x.png\t)}", "x.png", "blanks around are not of it"},
		{`@import "a.css" screen;@import url(b.css);@IMPORT url('c.css') supports(d: "e");`, "a.css b.css c.css", "imports"},
		{`@import/* x */"a.css";`, "a.css", "a comment is as good as a blank"},
		{`@charset "utf-8";a{content:"x.png"}`, "", "other strings are no URLs"},
		{`@namespace url(http://www.w3.org/2000/svg);@namespace svg "http://x";`, "", "a name that looks like a URL"},
		{`@document url(http://a/){a{b:url(x.png)}}`, "x.png", "a condition on the page is none either, but what it holds"},
		{`a{b:image-set("x.png" 1x type("image/png"), url(y.png) 2x)}`, "x.png y.png", "strings too, but not of inner functions"},
		{`a{b:-webkit-image-set(url("x.png") 1x)}`, "x.png", "its older name"},
		{`a{b:url("x.png" format("y"))}`, "x.png", "the first string"},
		{`@font-face{src:url(f.eot?#iefix) format("embedded-opentype"),url(f.woff2) format("woff2")}`, "f.eot?#iefix f.woff2", "fonts"},
		{`/* url(x.png) */a{b:c}/*# sourceMappingURL=a.css.map */`, "", "comments, source maps with them"},
		{`a{b:"url(x.png)"}`, "", "text in a string"},
		{`a{b:"\"url(x.png)"}`, "", "a quote that is escaped ends nothing"},
		{"a{b:\"c\nurl(x.png)}", "x.png", "a line end ends a string"},
		{`a{b:url(x y.png) url(z.png)}`, "z.png", "a blank within makes no URL"},
		{`a{b:url(x\).png) url(z.png)}`, "z.png", "with an escape it stays"},
		{`a{b:url(x"y.png) url(z.png)}`, "z.png", "a quote within makes no URL"},
		{`a{b:my-url(x.png) 1url(y.png) #url(z.png) -url(w)}`, "", "names that end so"},
		{`a{b:\75 rl(x.png)}`, "", "an escaped name stays"},
		{`a{b:url(x.png`, "x.png", "the end closes everything"},
		{`a{b:url("x.png`, "x.png", "the end closes everything"},
		{`a{b:url()url("")}`, "", "empty"},
		{`a{--x:url(x.png)}`, "x.png", "custom properties are used as they are"},
		{`<!-- a{b:url(x.png)} -->`, "x.png", "marks for browsers of the last century"},
		{`a{b:url(` + strings.Repeat("a", (maxReference+1)) + `)}b{c:url(x.png)}`, "x.png", "a long one passes, and what follows is seen"},
		{strings.Repeat("(", 40) + `image-set("a"` + strings.Repeat(")", 41) + `image-set("b")`, "b", "too deep to follow, and back"},
	} {
		if got := strings.Join(references(c.css), " "); got != c.want {
			t.Errorf("references(%s) = %q, want %q (%s)", c.css, got, c.want, c.why)
		}
	}
}

// FuzzStylesheet checks that each unquoted URL that tdewolff/parse finds is found.
func FuzzStylesheet(f *testing.F) {
	for _, seed := range []string{
		`@import "a.css";a{b:url( x.png ),url("y")}`, `image-set("a" 1x, "b" 2x)`, `/* x */@namespace url(y);`,
		"a{b:\"c\nurl(x)}", `url(a\)b)url(c d)url(e`, `#url(x)1url(y)@url(z)`, `\75rl(x)`, "'\\\n'", "url(\"a\" url(b))",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		found := references(content)
		if strings.ContainsAny(content, "\\\x00\x7f\f\r") || strings.Contains(strings.ToLower(content), "@") {
			return // tdewolff/parse differs from the standard here, or an at-rule decides whether a URL is a reference
		}
		for _, url := range unquotedURLs(content) {
			if !slices.Contains(found, url) {
				t.Errorf("references(%q) = %q, tdewolff/parse has %q", content, found, url)
			}
		}
	})
}

// unquotedURLs returns the unquoted URLs up to the first invalid token.
func unquotedURLs(content string) []string {
	var urls []string
	lexer := css.NewLexer(parse.NewInputString(content))
	for {
		kind, data := lexer.Next()
		switch kind {
		case css.ErrorToken, css.BadStringToken, css.BadURLToken:
			return urls
		case css.URLToken:
			text := strings.Trim(string(data[len("url("):]), " \t\n\r\f)")
			if text != "" && !strings.ContainsAny(text, "\"'") && len(text) < maxReference {
				urls = append(urls, text)
			}
		}
	}
}

func BenchmarkStyle(b *testing.B) {
	sheet := []byte(strings.Repeat(".card > .title:hover { margin: 0 1px; color: #123456 }\n", 200))
	sheet = append(sheet, ".logo { background: url(logo.png) }\n"...)
	s := New(testConfig())
	b.SetBytes(int64(len(sheet)))
	for b.Loop() {
		s.Style(sheet, "/static/main.css")
	}
}
