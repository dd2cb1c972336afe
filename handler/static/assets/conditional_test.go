package assets

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestEvaluate(t *testing.T) {
	t.Parallel()
	modified := time.Date(2026, 2, 11, 12, 0, 0, 0, time.UTC)
	date := func(after time.Duration) string { return modified.Add(after).Format(http.TimeFormat) }
	ours := Validators{ETag: `"tag"`, LastModified: modified}
	for _, c := range []struct {
		name    string
		headers []string
		want    Condition
		why     string
	}{
		{"nothing asked", nil, Proceed, ""},
		{"the tag", []string{"If-None-Match", `"tag"`}, NotModified, ""},
		{"another tag", []string{"If-None-Match", `"other"`}, Proceed, ""},
		{"weakened", []string{"If-None-Match", `W/"tag"`}, NotModified, "weak comparison (RFC 9110, 13.1.2)"},
		{"in a list", []string{"If-None-Match", `"a", W/"b" ,"tag"`}, NotModified, ""},
		{"in another line", []string{"If-None-Match", `"a"`, "If-None-Match", `"tag"`}, NotModified, "lines are one list (RFC 9110, 5.3)"},
		{"empty elements", []string{"If-None-Match", `, ,"tag",`}, NotModified, "RFC 9110, 5.6.1.2"},
		{"a comma in a tag", []string{"If-None-Match", `"a,b", "tag"`}, NotModified, "a comma is no end (RFC 9110, 8.8.3)"},
		{"any", []string{"If-None-Match", "*"}, NotModified, "there is a representation"},
		{"any, in a list", []string{"If-None-Match", `"a", *`}, Proceed, "the * stands alone"},
		{"without quotes", []string{"If-None-Match", `tag`}, Proceed, "no entity tag"},
		{"another case", []string{"If-None-Match", `"TAG"`}, Proceed, "tags are compared by octet"},
		{"lower w", []string{"If-None-Match", `w/"tag"`}, Proceed, "RFC 9110, 8.8.3: the W is upper"},
		{"tag and older date", []string{"If-None-Match", `"other"`, "If-Modified-Since", date(0)}, Proceed, "the date is ignored beside a tag"},
		{"the date", []string{"If-Modified-Since", date(0)}, NotModified, ""},
		{"a later date", []string{"If-Modified-Since", date(time.Hour)}, Proceed, "after a rollback the file is older, and another"},
		{"an earlier date", []string{"If-Modified-Since", date(-time.Hour)}, Proceed, ""},
		{"no date", []string{"If-Modified-Since", "yesterday"}, Proceed, "RFC 9110, 13.1.3: ignored"},
		{"match", []string{"If-Match", `"tag"`}, Proceed, ""},
		{"match fails", []string{"If-Match", `"other"`}, Failed, ""},
		{"match weakened", []string{"If-Match", `W/"tag"`}, Failed, "strong comparison (RFC 9110, 13.1.1)"},
		{"match any", []string{"If-Match", "*"}, Proceed, ""},
		{"match, then none", []string{"If-Match", `"tag"`, "If-None-Match", `"tag"`}, NotModified, "in the order of RFC 9110, 13.2.2"},
		{"unmodified", []string{"If-Unmodified-Since", date(0)}, Proceed, ""},
		{"modified", []string{"If-Unmodified-Since", date(-time.Second)}, Failed, ""},
		{"match beside a date", []string{"If-Match", `"tag"`, "If-Unmodified-Since", date(-time.Second)}, Proceed, "the date is ignored beside it"},
	} {
		h := make(http.Header)
		for i := 0; i < len(c.headers); i += 2 {
			h.Add(c.headers[i], c.headers[i+1])
		}
		if got := Evaluate(h, ours); got != c.want {
			t.Errorf("%s: %d, want %d (%s)", c.name, got, c.want, c.why)
		}
	}
}

func TestRangeApplies(t *testing.T) {
	t.Parallel()
	modified := time.Date(2026, 2, 11, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, ifRange string
		want          bool
		why           string
	}{
		{"none", "", true, ""},
		{"the tag", `"tag"`, true, ""},
		{"another", `"other"`, false, ""},
		{"weak", `W/"tag"`, false, "strong comparison (RFC 9110, 13.1.5)"},
		{"a list", `"a", "tag"`, false, "one tag alone"},
		{"any", "*", false, "there is no * in If-Range"},
		{"the date", modified.Format(http.TimeFormat), true, ""},
		{"a later date", modified.Add(time.Second).Format(http.TimeFormat), false, "the very date"},
		{"rubbish", "tag", false, ""},
	} {
		h := make(http.Header)
		if c.ifRange != "" {
			h.Set("If-Range", c.ifRange)
		}
		if got := RangeApplies(h, Validators{`"tag"`, modified}); got != c.want {
			t.Errorf("%s: %t, want %t (%s)", c.name, got, c.want, c.why)
		}
	}
}

// A tag that was put into a list is found there, whatever stands around it; and what is found was there.
func FuzzEntityTags(f *testing.F) {
	f.Add("a", "tag", "b,c", `"x`)
	f.Add("", "", "", "*")
	f.Fuzz(func(t *testing.T, before, tag, after, rubbish string) {
		for _, part := range []string{before, tag, after} {
			if entityTagLength(`"`+part+`"`) != len(part)+2 {
				return // no entity tags
			}
		}
		list := []string{`W/"` + before + `" ,, "` + tag + `"`, `"` + after + `"`, rubbish}
		if !MatchWeak(list, `"`+tag+`"`) || !MatchStrong(list, `"`+tag+`"`) || !MatchWeak(list, `"`+before+`"`) {
			t.Errorf("%q: a tag is not found", list)
		}
		if MatchStrong(list[:1], `"`+before+`"`) && before != tag {
			t.Errorf("%q: a weak tag is found by strong comparison", list)
		}
		for found := range entityTags([]string{rubbish}) {
			if found != "*" && (!strings.Contains(rubbish, found) || entityTagLength(found) != len(found)) {
				t.Errorf("%q holds no %q", rubbish, found)
			}
		}
	})
}
