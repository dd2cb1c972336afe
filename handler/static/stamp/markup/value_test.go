package markup

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func TestValue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ raw, want, why string }{
		{"/a.js?a=1&b=2", "/a.js?a=1&b=2", "nothing to decode"},
		{"/a.js?a=1&amp;b=2", "/a.js?a=1&b=2", "the recommended form"},
		{"?a&copy=1&ampx&amp", "?a&copy=1&ampx&", "without a semicolon, = or a letter after the name makes it text"},
		{"&#47;a&#x2e;js&#63", "/a.js?", "numeric references"},
		{"&notit;&not;&notin;", "&notit;¬∉", "the longest name counts, and no shorter name before a letter"},
		{"&lt;&bogus;&;&#;&#x;&", "<&bogus;&;&#;&#x;&", "other text stays"},
		{"&quest;v&equals;1", "?v=1", "names of plain ASCII characters"},
		{"&NotEqualTilde;x&fjlig;", "≂̸xfj", "names of more than one character"},
	} {
		var v Value
		if !v.decode([]byte(c.raw)) || string(v.Text) != c.want {
			t.Errorf("decode(%q) = %q, want %q (%s)", c.raw, v.Text, c.want, c.why)
		}
	}
	var v Value
	if v.decode([]byte(strings.Repeat("&", MaxReferences+1))) {
		t.Error("decode accepted a value that is longer than MaxReferences")
	}
}

// FuzzValue compares decoded values with x/net/html, and checks that the origin of each unchanged byte is that byte.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{"a&amp;b", "&notit;&not", "&#x80;&#55555555555;&#0", "&ampx=&amp=", "&#100000000000000000000000000000001", "&&#x&#xz", "é&eacute"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if strings.ContainsAny(raw, "\"\r\x00") || len(raw) > MaxReferences {
			return
		}
		var v Value
		v.decode([]byte(raw))
		tokens := html.NewTokenizer(strings.NewReader(`<a b="` + raw + `">`))
		tokens.Next()
		tokens.TagName()
		_, want, _ := tokens.TagAttr()
		if !bytes.Equal(v.Text, want) {
			t.Errorf("decode(%q) = %q, x/net/html reads %q", raw, v.Text, want)
		}
		for i := range v.Text {
			if at := v.Origin(i); raw[at] != '&' && raw[at] != v.Text[i] {
				t.Errorf("decode(%q): byte %d has the origin %q", raw, i, raw[at])
			}
		}
		if v.Origin(len(v.Text)) != len(raw) {
			t.Errorf("decode(%q) ends at %d", raw, v.Origin(len(v.Text)))
		}
	})
}
