package stamp

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
		{"/a.js?a=1&amp;b=2", "/a.js?a=1&b=2", "as it should be written"},
		{"?a&copy=1&ampx&amp", "?a&copy=1&ampx&", "without a semicolon before = or a letter it is none"},
		{"&#47;a&#x2e;js&#63", "/a.js?", "by number"},
		{"&notit;&not;&notin;", "&notit;¬∉", "the longest name, and nothing shorter before a letter"},
		{"&lt;&bogus;&;&#;&#x;&", "<&bogus;&;&#;&#x;&", "what is no reference stays"},
		{"&quest;v&equals;1", "?v=1", "names for what needs none"},
		{"&NotEqualTilde;x&fjlig;", "≂̸xfj", "more than one character"},
	} {
		var v value
		if !v.read([]byte(c.raw)) || string(v.text) != c.want {
			t.Errorf("read(%q) = %q, want %q (%s)", c.raw, v.text, c.want, c.why)
		}
	}
	var v value
	if v.read([]byte(strings.Repeat("&", maxValue+1))) {
		t.Error("a value was read that is longer than the memory for it")
	}
}

// What we read is what x/net/html reads, and each byte that was not decoded comes from itself.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{"a&amp;b", "&notit;&not", "&#x80;&#55555555555;&#0", "&ampx=&amp=", "&#100000000000000000000000000000001", "&&#x&#xz", "é&eacute"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if strings.ContainsAny(raw, "\"\r\x00") || len(raw) > maxValue {
			return
		}
		var v value
		v.read([]byte(raw))
		tokens := html.NewTokenizer(strings.NewReader(`<a b="` + raw + `">`))
		tokens.Next()
		tokens.TagName()
		_, want, _ := tokens.TagAttr()
		if !bytes.Equal(v.text, want) {
			t.Errorf("read(%q) = %q, x/net/html reads %q", raw, v.text, want)
		}
		for i := range v.text {
			if at := v.origin(i); raw[at] != '&' && raw[at] != v.text[i] {
				t.Errorf("read(%q): byte %d comes from %q", raw, i, raw[at])
			}
		}
		if v.origin(len(v.text)) != len(raw) {
			t.Errorf("read(%q) ends at %d", raw, v.origin(len(v.text)))
		}
	})
}
