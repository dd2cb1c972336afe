package gate

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseClose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, line, want string
		invalid          bool
	}{
		{"session", "session", "session [] 4401 session ended", false},
		{"not", "session=?0", "", false},
		{"user", `user="42"`, "user [42] 4401 session ended", false},
		{"number", `user=42`, "user [42] 4401 session ended", false},
		{"route and key", `route=chat, key=label`, "route [chat] 4401 session ended|key [label] 4401 session ended", false},
		{"many", `user=("42" "43");code=4403;reason="banned"`, "user [42 43] 4403 banned", false},
		{"display string", `user="42";reason=%"au revoir %c3%a0 tous"`, "user [42] 4401 au revoir à tous", false},
		{"code below", `user="42";code=1000`, "user [42] 4401 session ended", true},
		{"code of another kind", `user="42";code="4403"`, "user [42] 4401 session ended", true},
		{"unknown and known members", `session, everybody`, "session [] 4401 session ended", true},
		{"flag", `user`, "", true},
		{"empty user", `user=""`, "", true},
		{"empty among users", `user=("42" "")`, "", true},
		{"session with a value", `session="x"`, "", true},
		{"no structured field", `user="42`, "", true},
		{"bytes", `user=:aGVsbG8=:`, "", true},
		{"long", `user="` + strings.Repeat("x", maxCloseField) + `"`, "", true},
	} {
		closes, err := parseClose(c.line)
		var got []string
		for _, one := range closes {
			got = append(got, fmt.Sprint(one.cause, " ", one.values, " ", one.code, " ", one.reason))
		}
		if text := strings.Join(got, "|"); text != c.want || (err != nil) != c.invalid {
			t.Errorf("%s: %q, %v, want %q, invalid %v", c.name, text, err, c.want, c.invalid)
		}
		if err != nil && strings.Contains(err.Error(), "everybody") {
			t.Errorf("%s: the error repeats the field: %v", c.name, err)
		}
	}
}

func TestParseUser(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line, want string
		invalid    bool
	}{
		{`"42"`, "42", false},
		{`anna`, "anna", false},
		{`42`, "42", false},
		{`""`, "", true},
		{`"a", "b"`, "", true},
		{`?1`, "", true},
		{`"` + strings.Repeat("x", maxUser+1) + `"`, "", true},
	} {
		if got, err := parseUser([]string{c.line}); got != c.want || (err != nil) != c.invalid {
			t.Errorf("parseUser(%s) = %q, %v, want %q", c.line, got, err, c.want)
		}
	}
}

// No field crashes the parsers, and all codes are in the documented range.
func FuzzParseClose(f *testing.F) {
	f.Add(`session, user=("42" "43");code=4403;reason="banned", route=chat`)
	f.Add(`user=%"%c3%28";code=-1;a=@1, key=:=:`)
	f.Fuzz(func(t *testing.T, line string) {
		closes, err := parseClose(line)
		for _, c := range closes {
			if c.code < 4400 || c.code > 4499 || c.cause != CauseSession && len(c.values) > 0 && c.values[0] == "" {
				t.Errorf("parseClose(%q) = %+v, %v", line, c, err)
			}
		}
		if user, err := parseUser([]string{line}); err == nil && user == "" {
			t.Errorf("parseUser(%q) returned an empty user", line)
		}
	})
}
