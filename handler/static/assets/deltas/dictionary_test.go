package deltas_test

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/static/assets/deltas"
)

func TestParseAvailable(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("a script"))
	field := ":" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	for _, c := range []struct {
		why   string
		lines []string
		ok    bool
	}{
		{"the field of a browser", []string{field}, true},
		{"spaces around an item are no part of it", []string{" " + field + " "}, true},
		{"the field is missing", nil, false},
		{"two lines are a list, not an item", []string{field, field}, false},
		{"empty", []string{""}, false},
		{"a string instead of bytes", []string{`"` + field[1:45] + `"`}, false},
		{"no colon at the end", []string{field[:45] + "A"}, false},
		{"a shorter digest", []string{":" + base64.StdEncoding.EncodeToString(sum[:20]) + ":"}, false},
		{"a longer digest", []string{":" + base64.StdEncoding.EncodeToString(append(sum[:], 1)) + ":"}, false},
		{"33 bytes without padding", []string{":" + strings.Repeat("A", 44) + ":"}, false},
		{"another alphabet", []string{":" + strings.Repeat("-", 43) + "=:"}, false},
		{"a line break inside", []string{":" + strings.Repeat("A", 42) + "\n=:"}, false},
		{"bits that base64 does not use", []string{":" + strings.Repeat("A", 42) + "B=:"}, false},
	} {
		held, ok := deltas.ParseAvailable(c.lines)
		if ok != c.ok || ok && held != sum {
			t.Errorf("%s: %t, want %t", c.why, ok, c.ok)
		}
	}
}

func FuzzParseAvailable(f *testing.F) {
	f.Add(":pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=:")
	f.Add(":" + strings.Repeat("\n", 44) + ":")
	f.Fuzz(func(t *testing.T, field string) {
		held, ok := deltas.ParseAvailable([]string{field})
		if ok && strings.Trim(field, " ") != ":"+base64.StdEncoding.EncodeToString(held[:])+":" {
			t.Errorf("%q is read as %x", field, held)
		}
	})
}

func TestUseAsDictionary(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		why         string
		scope       deltas.Scope
		contentType string
		want        string
	}{
		{"versions in the query", deltas.Scope{Before: "/static/app.css", Query: true}, "text/css; charset=utf-8",
			`match="/static/app.css?*", match-dest=("style")`},
		{"versions in the name", deltas.Scope{Before: "/static/main-", After: ".js"}, "text/javascript; charset=utf-8",
			`match="/static/main-*.js", match-dest=("script")`},
		{"JSON is fetched for several destinations", deltas.Scope{Before: "/data.json", Query: true}, "application/json",
			`match="/data.json?*"`},
		{"a percent-encoded path is literal", deltas.Scope{Before: "/a%20b.js", Query: true}, "text/javascript",
			`match="/a%20b.js?*", match-dest=("script")`},
		{"an asterisk is no wildcard", deltas.Scope{Before: "/a*.js", Query: true}, "text/javascript",
			`match="/a\\*.js?*", match-dest=("script")`},
		{"a colon ends a protocol, escaped or not", deltas.Scope{Before: "/:id/app.js", Query: true}, "text/javascript", ""},
		{"names of SvelteKit and Next.js", deltas.Scope{Before: "/(shop)/[id]/+page-", After: ".js"}, "text/javascript",
			`match="/\\(shop\\)/[id]/\\+page-*.js", match-dest=("script")`},
		{"the end is escaped, too", deltas.Scope{Before: "/main-", After: "(1).js"}, "text/javascript",
			`match="/main-*\\(1\\).js", match-dest=("script")`},
		{"a quote ends the string", deltas.Scope{Before: `/a"b.js`, Query: true}, "text/javascript", ""},
		{"a field is ASCII", deltas.Scope{Before: "/ä.js", Query: true}, "text/javascript", ""},
		{"the end is checked, too", deltas.Scope{Before: "/main-", After: `\.js`}, "text/javascript", ""},
	} {
		if got, ok := c.scope.UseAsDictionary(c.contentType); got != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q (%t), want %q", c.why, got, ok, c.want)
		}
	}
}
