package tree_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/static/assets/tree"
)

// Preconditions and Range follow RFC 9110 on the fast path and in net/http.
func TestConditionalRequests(t *testing.T) {
	t.Parallel()
	const content = "0123456789"
	modified := time.Date(2026, 2, 11, 12, 0, 0, 0, time.UTC)
	s := tree.NewStillTree(t, map[string]string{"a.txt": content, "empty.txt": ""})
	if err := os.Chtimes(s.Path("a.txt"), modified, modified); err != nil {
		t.Fatal(err)
	}
	tag := s.Read().Lookup("a.txt").ETag()
	date := func(after time.Duration) string { return modified.Add(after).Format(http.TimeFormat) }
	const ok, part, same, failed, no = http.StatusOK, http.StatusPartialContent, http.StatusNotModified, http.StatusPreconditionFailed,
		http.StatusRequestedRangeNotSatisfiable
	for _, c := range []struct {
		name    string
		headers []string
		status  int
		body    string
		why     string
	}{
		{"nothing", nil, ok, content, ""},
		{"the tag", []string{"If-None-Match", tag}, same, "", ""},
		{"another tag", []string{"If-None-Match", `"other"`}, ok, content, ""},
		{"weak tag", []string{"If-None-Match", `W/` + tag}, same, "", "weak comparison (RFC 9110, 13.1.2)"},
		{"list", []string{"If-None-Match", `"a", W/"b" ,` + tag}, same, "", ""},
		{"list without it", []string{"If-None-Match", `"a", W/"b"`}, ok, content, ""},
		{"two lines", []string{"If-None-Match", `"a"`, "If-None-Match", tag}, same, "", "lines are one list (RFC 9110, 5.3)"},
		{"empty elements", []string{"If-None-Match", `, ,` + tag + `,`}, same, "", "RFC 9110, 5.6.1.2"},
		{"comma in a tag", []string{"If-None-Match", `"a,b", ` + tag}, same, "", "a tag may hold a comma (RFC 9110, 8.8.3)"},
		{"comma in the only tag", []string{"If-None-Match", `"a,b"`}, ok, content, ""},
		{"any tag", []string{"If-None-Match", "*"}, same, "", "the file exists"},
		{"tag without quotes", []string{"If-None-Match", tag[1 : len(tag)-1]}, ok, content, "not an entity tag"},
		{"tag in capitals", []string{"If-None-Match", strings.ToUpper(tag)}, ok, content, "tags are compared by octet"},
		{"w in lower case", []string{"If-None-Match", `w/` + tag}, ok, content, "RFC 9110, 8.8.3: W is upper case"},
		{"other tag and the date", []string{"If-None-Match", `"other"`, "If-Modified-Since", date(0)}, ok, content, "a tag takes precedence over the date"},
		{"the tag and another date", []string{"If-None-Match", tag, "If-Modified-Since", date(-time.Hour)}, same, "", "a tag takes precedence over the date"},
		{"the date alone", []string{"If-Modified-Since", date(0)}, ok, content, "other bytes may have the same date"},
		{"a later date alone", []string{"If-Modified-Since", date(time.Hour)}, ok, content, "after a rollback the file is older and differs"},
		{"if-match", []string{"If-Match", tag}, ok, content, ""},
		{"if-match, two lines", []string{"If-Match", `"a"`, "If-Match", tag}, ok, content, "lines are one list"},
		{"if-match fails", []string{"If-Match", `"other"`}, failed, "", ""},
		{"if-match, weak tag", []string{"If-Match", `W/` + tag}, failed, "", "strong comparison (RFC 9110, 13.1.1)"},
		{"if-match, any", []string{"If-Match", "*"}, ok, content, ""},
		{"if-match, then if-none-match", []string{"If-Match", tag, "If-None-Match", tag}, same, "", "in the order of RFC 9110, 13.2.2"},
		{"unmodified", []string{"If-Unmodified-Since", date(0)}, ok, content, ""},
		{"modified", []string{"If-Unmodified-Since", date(-time.Second)}, failed, "", ""},
		{"if-match beside a date", []string{"If-Match", tag, "If-Unmodified-Since", date(-time.Second)}, ok, content, "a tag takes precedence over the date"},
		{"unmodified, and since", []string{"If-Unmodified-Since", date(0), "If-Modified-Since", date(0)}, ok, content, "no 304 by a date"},

		{"first and last", []string{"Range", "bytes=0-4"}, part, "01234", ""},
		{"one byte", []string{"Range", "bytes=9-9"}, part, "9", ""},
		{"from", []string{"Range", "bytes=5-"}, part, "56789", ""},
		{"suffix", []string{"Range", "bytes=-3"}, part, "789", ""},
		{"long suffix", []string{"Range", "bytes=-50"}, part, content, "the whole file (RFC 9110, 14.1.2)"},
		{"past the end", []string{"Range", "bytes=8-50"}, part, "89", ""},
		{"unit in capitals", []string{"Range", "Bytes=0-1"}, part, "01", "units are compared without case (RFC 9110, 14.1)"},
		{"one of two past the end", []string{"Range", "bytes=0-1,20-"}, part, "01", ""},
		{"behind the end", []string{"Range", "bytes=10-"}, no, "", ""},
		{"far behind the end", []string{"Range", "bytes=99999999999999999999-"}, no, "", "more digits than fit"},
		{"backwards", []string{"Range", "bytes=9-0"}, no, "", "an invalid Range may be rejected (RFC 9110, 14.2)"},
		{"another unit", []string{"Range", "items=0-4"}, ok, content, "an unknown unit is ignored (RFC 9110, 14.2)"},
		{"no unit", []string{"Range", "0-4"}, ok, content, ""},
		{"longer than the file", []string{"Range", "bytes=0-8,1-9"}, ok, content, "overlapping ranges may be rejected (RFC 9110, 14.2)"},
		{"if-range", []string{"Range", "bytes=0-1", "If-Range", tag}, part, "01", ""},
		{"if-range, another tag", []string{"Range", "bytes=0-1", "If-Range", `"other"`}, ok, content, ""},
		{"if-range, weak tag", []string{"Range", "bytes=0-1", "If-Range", `W/` + tag}, ok, content, "strong comparison (RFC 9110, 13.1.5)"},
		{"if-range, list", []string{"Range", "bytes=0-1", "If-Range", tag + `, "a"`}, ok, content, "one tag alone"},
		{"if-range, any", []string{"Range", "bytes=0-1", "If-Range", "*"}, ok, content, "If-Range has no *"},
		{"if-range, the date", []string{"Range", "bytes=0-1", "If-Range", date(0)}, ok, content, "other bytes may have the same date"},
		{"the tag, and a part", []string{"Range", "bytes=0-1", "If-None-Match", tag}, same, "", "preconditions come first"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			response := ask(t, handlerOf(t, s.Tree), method, "/static/a.txt", c.headers...)
			status, body := c.status, c.body
			if method == http.MethodHead {
				body = ""
				if status == part || status == no {
					status = ok // Range is defined for GET alone
				}
			}
			got := bodyOf(t, response)
			if status >= 400 {
				body = got // the text of the error
			}
			if response.StatusCode != status || got != body {
				t.Errorf("%s, %s: %d %q, want %d %q (%s)", c.name, method, response.StatusCode, got, status, body, c.why)
			}
			wantTag, wantCaching := tag, "no-cache"
			if status >= 400 {
				wantTag, wantCaching = "", "no-store"
			}
			if h := response.Header; h.Get("Etag") != wantTag || h.Get("Cache-Control") != wantCaching ||
				(h.Get("Last-Modified") != "") != (status == ok || status == part) {
				t.Errorf("%s, %s: %d %v (%s)", c.name, method, response.StatusCode, h, c.why)
			}
		}
	}
	if response := ask(t, handlerOf(t, s.Tree), "GET", "/static/empty.txt", "Range", "bytes=0-"); response.StatusCode != ok {
		t.Errorf("all of an empty file: %d, want 200", response.StatusCode)
	}
}
