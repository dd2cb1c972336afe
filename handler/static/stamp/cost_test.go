package stamp

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// ring returns n stylesheets. Each imports the next one, and the last one imports the first.
func ring(n int) (sources []Source) {
	for i := range n {
		sources = append(sources, Source{Path: fmt.Sprintf("/static/%d.css", i), Content: fmt.Appendf(nil, `@import "%d.css";`, (i+1)%n)})
	}
	return sources
}

// mesh returns n stylesheets that all import each other.
func mesh(n int) (sources []Source) {
	for i := range n {
		var content strings.Builder
		for k := range n {
			fmt.Fprintf(&content, "@import \"%d.css\";", k)
		}
		sources = append(sources, Source{Path: fmt.Sprintf("/static/%d.css", i), Content: []byte(content.String())})
	}
	return sources
}

// Stylesheets that import each other cost what their references cost: allocations count the steps.
func TestCostOfStylesheetsInCycles(t *testing.T) {
	config := testConfig()
	config.Styles = true
	digests := 0
	config.Digest = func(content []byte) string { digests++; return digest(content) }
	cost := func(sources []Source) float64 { return testing.AllocsPerRun(1, func() { New(config).Files(sources) }) }
	small, large := cost(ring(200)), cost(ring(2000))
	if large > 12*small {
		t.Errorf("a ring of 200 costs %.0f steps, and one of 2,000 costs %.0f: want ten times as many", small, large)
	}
	small, large = cost(mesh(20)), cost(mesh(200)) // 400 and 40,000 references
	if large > 120*small {
		t.Errorf("400 references cost %.0f steps, and 40,000 cost %.0f: want a hundred times as many", small, large)
	}
	digests = 0
	if stamped := New(config).Files(mesh(50)); len(stamped) != 50 || digests != 1 {
		t.Errorf("%d files with %d digests, want 50 with the digest of their cycle", len(stamped), digests)
	}
}

// A page that comes in pieces of one byte is not scanned again and again: only the beginning of an unfinished construct is.
func TestCostOfAPageInBytes(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Styles = true
	const length = 64 << 10
	for _, c := range []struct{ name, begin, more, end string }{
		{"style element", "<style>", "a{b:c}", "</style>"},
		{"style element of one word", "<style>", "x", "</style>"},
		{"style element with a long url", "<style>a{b:url(", "x", ")}</style>"},
		{"style element with a comment", "<style>/*", "*", "*/</style>"},
		{"style element with angle brackets", "<style>", "</styl", "</style>"},
		{"script element", "<script>", "if (a < b) c()", "</script>"},
		{"comment", "<!--", "-", "-->"},
		{"text", "", "x &amp; ", ""},
	} {
		p := New(config).PageWriter(io.Discard, testPage)
		page := c.begin + strings.Repeat(c.more, length/len(c.more)) + c.end + "<img src=/static/a.png>"
		scanned := 0
		for i := range len(page) {
			scanned += len(p.held) + 1
			_, _ = p.Write([]byte{page[i]})
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if scanned > 40*len(page) {
			t.Errorf("%s: %d bytes were scanned for a page of %d", c.name, scanned, len(page))
		}
	}
}
