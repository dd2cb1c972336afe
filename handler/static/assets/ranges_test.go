package assets

import (
	"slices"
	"strings"
	"testing"
)

func TestParseRange(t *testing.T) {
	t.Parallel()
	const size = 1000
	for _, c := range []struct {
		name, header string
		want         []Range
		outcome      RangeOutcome
		why          string
	}{
		{"first and last", "bytes=0-499", []Range{{0, 500}}, PartialRange, ""},
		{"one byte", "bytes=999-999", []Range{{999, 1}}, PartialRange, ""},
		{"from", "bytes=500-", []Range{{500, 500}}, PartialRange, ""},
		{"suffix", "bytes=-100", []Range{{900, 100}}, PartialRange, ""},
		{"long suffix", "bytes=-5000", []Range{{0, 1000}}, PartialRange, "all there is (RFC 9110, 14.1.2)"},
		{"past the end", "bytes=900-5000", []Range{{900, 100}}, PartialRange, ""},
		{"several, as asked", "bytes=500-599, 0-9 ,-1", []Range{{500, 100}, {0, 10}, {999, 1}}, PartialRange, ""},
		{"one of two behind the end", "bytes=0-9,2000-", []Range{{0, 10}}, PartialRange, ""},
		{"unit in capitals", "Bytes=0-9", []Range{{0, 10}}, PartialRange, "units are compared without case (RFC 9110, 14.1)"},
		{"behind the end", "bytes=1000-", nil, UnsatisfiableRange, ""},
		{"no suffix", "bytes=-0", nil, UnsatisfiableRange, ""},
		{"far behind", "bytes=99999999999999999999-", nil, UnsatisfiableRange, "more digits than fit"},
		{"another unit", "items=0-9", nil, WholeRange, ""},
		{"no unit", "0-9", nil, WholeRange, ""},
		{"backwards", "bytes=9-0", nil, WholeRange, "a syntax error (RFC 9110, 14.1.1)"},
		{"signs", "bytes=+0-9", nil, WholeRange, ""},
		{"inner space", "bytes=0 -9", nil, WholeRange, ""},
		{"negative", "bytes=--9", nil, WholeRange, ""},
		{"nothing", "bytes=", nil, WholeRange, ""},
		{"overlapping", "bytes=0-500,400-600", nil, WholeRange, "an attack, or a mistake (RFC 9110, 14.2)"},
		{"the same twice", "bytes=0-9,0-9", nil, WholeRange, ""},
		{"too many", "bytes=" + strings.Repeat("0-0,", maxRanges+1), nil, WholeRange, ""},
	} {
		got, outcome := ParseRange(c.header, size)
		if outcome != c.outcome || outcome == PartialRange && !slices.Equal(got, c.want) {
			t.Errorf("%s: %q: %v, %d, want %v, %d (%s)", c.name, c.header, got, outcome, c.want, c.outcome, c.why)
		}
	}
	if _, outcome := ParseRange("bytes=0-", 0); outcome != WholeRange {
		t.Errorf("all of an empty file: %d", outcome)
	}
}
