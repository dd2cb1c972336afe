package variants

import "testing"

func TestBestCoding(t *testing.T) {
	t.Parallel()
	// typical sizes
	sizes := [codings]int64{Identity: 1000, Brotli: 200, Zstd: 220, Gzip: 240}
	for _, c := range []struct {
		name   string
		header []string
		want   Coding
		ok     bool
		why    string
	}{
		{"no header", nil, Identity, true, "without the field, no coding is sent"},
		{"empty", []string{""}, Identity, true, "RFC 9110, 12.5.3: no coding is wanted"},
		{"a browser", []string{"gzip, deflate, br, zstd"}, Brotli, true, "the smallest"},
		{"gzip alone", []string{"gzip"}, Gzip, true, ""},
		{"alias", []string{"x-gzip"}, Gzip, true, "RFC 9110, 8.4.1.3"},
		{"capitals", []string{"GZip;Q=1"}, Gzip, true, ""},
		{"lines", []string{"gzip", "zstd"}, Zstd, true, "one list"},
		{"weights", []string{"br;q=0.5, gzip;q=0.8"}, Gzip, true, "the higher weight wins over the smaller size"},
		{"thousandths", []string{"br;q=0.998, gzip;q=0.999"}, Gzip, true, ""},
		{"identity wanted", []string{"identity, gzip;q=0.5"}, Identity, true, ""},
		{"identity as much", []string{"identity;q=1, gzip;q=1"}, Gzip, true, "the smaller"},
		{"refused", []string{"br;q=0, gzip"}, Gzip, true, ""},
		{"refused in thousandths", []string{"br;q=0.000, gzip;q=0.001"}, Gzip, true, "the same weight as the unlisted identity"},
		{"anything", []string{"*"}, Brotli, true, ""},
		{"anything else", []string{"br;q=0, *"}, Zstd, true, ""},
		{"nothing else", []string{"gzip, *;q=0"}, Gzip, true, ""},
		{"nothing but identity", []string{"identity;q=1, *;q=0"}, Identity, true, ""},
		{"not identity", []string{"identity;q=0"}, Identity, false, ""},
		{"nothing", []string{"*;q=0"}, Identity, false, ""},
		{"identity over all", []string{"identity;q=0.5, *;q=0"}, Identity, true, ""},
		{"unknown", []string{"compress"}, Identity, true, ""},
		{"twice", []string{"gzip;q=1, gzip;q=0"}, Identity, true, "the lower counts"},
		{"weight above one", []string{"gzip;q=2"}, Identity, true, "malformed: ignored"},
		{"four decimals", []string{"gzip;q=0.1234"}, Identity, true, "not understood"},
		{"rubbish beside it", []string{";;q=,, gzip"}, Gzip, true, ""},
	} {
		acceptance := ParseAcceptEncoding(c.header)
		if got, ok := acceptance.Best(&sizes); ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %q: %s, %t, want %s, %t (%s)", c.name, c.header, got, ok, c.want, c.ok, c.why)
		}
	}
}

func TestAccepts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		header []string
		want   bool
		why    string
	}{
		{[]string{"gzip, br, dcz"}, true, "the list of a browser"},
		{[]string{"gzip", "dcz;q=0.1"}, true, "a second line, with a low weight"},
		{[]string{"DCZ"}, true, "case does not matter"},
		{[]string{"gzip, dcz;q=0.000"}, false, "excluded"},
		{[]string{"dcz, dcz;q=0"}, false, "of two weights the lower counts"},
		{[]string{"dcz;q=0", "dcz"}, false, "in every order"},
		{[]string{"*"}, false, "a client that cannot decode a delta may send it"},
		{[]string{"dcz2, xdcz"}, false, "other names"},
		{nil, false, "no header"},
	} {
		if got := Accepts(c.header, "dcz"); got != c.want {
			t.Errorf("%q: %t, want %t: %s", c.header, got, c.want, c.why)
		}
	}
}

// The chosen coding is acceptable to the client.
func FuzzAcceptEncoding(f *testing.F) {
	for _, value := range []string{"gzip, br", "gzip;q=0", "*;q=0.5, identity;q=0", "zstd;q=1.000", ";;q=,"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		acceptance := ParseAcceptEncoding([]string{value})
		best, ok := acceptance.Best(&[codings]int64{100, 50, 60, 70})
		if ok && acceptance[best] == 0 {
			t.Errorf("%q: chose %s, which is not acceptable", value, best)
		}
	})
}
