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
		{`a{b:url(x.png)}`, "x.png", "without quotes"},
		{`a{b:url( "x.png" ),URL('y.png')}`, "x.png y.png", "with quotes, in any case"},
		{"a{b:url(\n x.png\t)}", "x.png", "whitespace around a URL is not part of it"},
		{`@import "a.css" screen;@import url(b.css);@IMPORT url('c.css') supports(d: "e");`, "a.css b.css c.css", "@import with and without url()"},
		{`@import/* x */"a.css";`, "a.css", "a comment separates tokens"},
		{`@charset "utf-8";a{content:"x.png"}`, "", "these strings are no URLs"},
		{`@namespace url(http://www.w3.org/2000/svg);@namespace svg "http://x";`, "", "a namespace is no reference"},
		{`@document url(http://a/){a{b:url(x.png)}}`, "x.png", "the condition is no reference, but the block has one"},
		{`a{b:image-set("x.png" 1x type("image/png"), url(y.png) 2x)}`, "x.png y.png", "strings are URLs, except in inner functions"},
		{`a{b:-webkit-image-set(url("x.png") 1x)}`, "x.png", "the prefixed name"},
		{`a{b:url("x.png" format("y"))}`, "x.png", "only the first string is a URL"},
		{`@font-face{src:url(f.eot?#iefix) format("embedded-opentype"),url(f.woff2) format("woff2")}`, "f.eot?#iefix f.woff2", "font files"},
		{`/* url(x.png) */a{b:c}/*# sourceMappingURL=a.css.map */`, "", "comments hold no references"},
		{`a{b:"url(x.png)"}`, "", "the content of a string is text"},
		{`a{b:"\"url(x.png)"}`, "", "an escaped quote does not end a string"},
		{"a{b:\"c\nurl(x.png)}", "x.png", "a line end ends a string"},
		{`a{b:url(x y.png) url(z.png)}`, "z.png", "whitespace within makes the url() invalid"},
		{`a{b:url(x\).png) url(z.png)}`, "z.png", "escaped URLs stay unchanged"},
		{`a{b:url(x"y.png) url(z.png)}`, "z.png", "a quote within makes the url() invalid"},
		{`a{b:my-url(x.png) 1url(y.png) #url(z.png) -url(w)}`, "", "these names only end with url"},
		{`a{b:\75 rl(x.png)}`, "", "an escaped name stays unchanged"},
		{`a{b:url(x.png`, "x.png", "the end of the file closes the url()"},
		{`a{b:url("x.png`, "x.png", "the end of the file closes the url()"},
		{"a{b:url('x.png\x00') url(y.png\x00) url(z.png)}", "z.png", "browsers replace a NUL, so that the URL names another file"},
		{`a{b:url()url("")}`, "", "an empty URL is no reference"},
		{`a{--x:url(x.png)}`, "x.png", "custom properties may hold url()"},
		{`<!-- a{b:url(x.png)} -->`, "x.png", "CSS ignores HTML comment marks"},
		{`a{b:url(` + strings.Repeat("a", (maxReference+1)) + `)}b{c:url(x.png)}`, "x.png", "a URL that is too long is skipped"},
		{strings.Repeat("(", 40) + `image-set("a"` + strings.Repeat(")", 41) + `image-set("b")`, "b", "too many open brackets, and back"},
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
