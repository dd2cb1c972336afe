package tree_test

import (
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/static/assets/tree"
)

// Dates that build tools set to a constant are not sent: a client with other bytes of the same date would get a 304.
func TestConstantDatesAreNotSent(t *testing.T) {
	t.Parallel()
	const date = "Mon, 02 Feb 2026 10:00:00 GMT"
	at, _ := http.ParseTime(date)
	s := tree.NewStillTree(t, map[string]string{"a.js": "old"})
	for _, c := range []struct {
		name, content string
		date          time.Time
		want          string
	}{
		{"the date that the file has", "old", at, date},
		{"other bytes with the same", "new", at, ""},
		{"other bytes in the same second", "more", at.Add(time.Second / 2), ""},
		{"the same bytes, touched", "more", at.Add(time.Second), "Mon, 02 Feb 2026 10:00:01 GMT"},
		{"rolled back, with their old date", "old", at, date},
		{"of a build that can be reproduced", "build", time.Unix(1, 0), ""},
		{"of a zip file", "zip", time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), ""},
		{"of an npm package", "npm", time.Date(1985, 10, 26, 8, 15, 0, 0, time.UTC), ""},
		{"yet to come", "clock", s.Now.Add(time.Hour), ""},
	} {
		s.Write("a.js", c.content)
		if err := os.Chtimes(s.Path("a.js"), c.date, c.date); err != nil {
			t.Fatal(err)
		}
		file := s.Read().Lookup("a.js")
		if string(file.Content) != c.content {
			t.Fatalf("%s: the file was not read again", c.name)
		}
		h := handlerOf(t, s.Tree)
		if got := ask(t, h, "GET", "/static/a.js").Header.Get("Last-Modified"); got != c.want {
			t.Errorf("%s: Last-Modified %q, want %q", c.name, got, c.want)
		}
	}
}
