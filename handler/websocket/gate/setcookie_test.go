package gate

import (
	"testing"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

const otherSession = "fedcba9876543210fedcba9876543210"

var noon = time.Date(2026, 2, 11, 12, 0, 0, 0, time.UTC)

func TestReadSetCookie(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, line string
		ok         bool
		value      string // "" ends the session
		why        string
	}{
		{"Django logout", `sessionid=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=Lax`, true, "", "it is deleted"},
		{"Express clearCookie", "sessionid=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", true, "", "it is deleted"},
		{"Rails", "sessionid=; path=/; max-age=0; expires=Thu, 01 Jan 1970 00:00:00 -0000", true, "", "it is deleted"},
		{"PHP", "sessionid=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; Max-Age=0; path=/", true, "", "it is deleted"},
		{"empty", "sessionid=", true, "", "an empty value ends the session"},
		{"short", "sessionid=anonymous; Path=/", true, "", "a common value for no session"},
		{"Max-Age zero", "sessionid=" + otherSession + "; Max-Age=0", true, "", "it is deleted"},
		{"Max-Age negative", "sessionid=" + otherSession + "; Max-Age=-1", true, "", "it is deleted"},
		{"Expires in the past", "sessionid=" + otherSession + "; Expires=Wed, 11 Feb 2026 11:59:59 GMT", true, "", "it is deleted"},
		{"Expires now", "sessionid=" + otherSession + "; Expires=Wed, 11 Feb 2026 12:00:00 GMT", true, "", "it is deleted"},
		{"Expires later", "sessionid=" + otherSession + "; Expires=Wed, 11 Feb 2026 12:00:01 GMT", true, otherSession, "a new value"},
		{"Max-Age before Expires", "sessionid=" + otherSession + "; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", true, otherSession, "Max-Age takes precedence"},
		{"Expires before Max-Age", "sessionid=" + otherSession + "; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60", true, otherSession, "Max-Age takes precedence"},
		{"no date", "sessionid=" + otherSession + "; Expires=soon", true, otherSession, "browsers ignore the attribute"},
		{"no number", "sessionid=" + otherSession + "; Max-Age=0x0", true, otherSession, "browsers ignore the attribute"},
		{"long Max-Age", "sessionid=" + otherSession + "; Max-Age=99999999999999999999", true, otherSession, "a long time"},
		{"asctime", "sessionid=" + otherSession + "; Expires=Thu Jan  1 00:00:00 1970", true, "", "browsers read it"},
		{"two digits of a year", "sessionid=" + otherSession + "; Expires=Sunday, 06-Nov-94 08:49:37 GMT", true, "", "browsers read it"},
		{"login", "sessionid=" + otherSession + "; HttpOnly; Max-Age=1209600; Path=/; SameSite=Lax; Secure", true, otherSession, "a new value"},
		{"blanks", " sessionid = " + otherSession + " ;Path = /", true, otherSession, "browsers trim them"},
		{"another cookie", "csrftoken=; Max-Age=0", false, "", "not the session"},
		{"another case", "SessionId=; Max-Age=0", false, "", "another cookie to browsers"},
		{"longer name", "sessionid2=; Max-Age=0", false, "", "not the session"},
		{"no value", "sessionid", false, "", "browsers read a value without a name"},
		{"its own domain", "sessionid=; Domain=www.example.com", true, "", "the domain includes the host"},
		{"a domain above", "sessionid=; Domain=.example.com", true, "", "the domain includes the host"},
		{"another domain", "sessionid=; Domain=other.example", false, "", "browsers ignore it"},
		{"a domain below", "sessionid=; Domain=a.www.example.com", false, "", "browsers ignore it"},
		{"half a domain", "sessionid=; Domain=ample.com", false, "", "browsers ignore it"},
	} {
		got, ok := readSetCookie(c.line, sessionCookie, "www.example.com", "/accounts/logout/", noon)
		if ok != c.ok || ok && got.value != c.value {
			t.Errorf("%s: %+v, %v, want %q, %v (%s)", c.name, got, ok, c.value, c.ok, c.why)
		}
	}
}

// A Set-Cookie concerns the sockets whose handshake carried the cookie: their path and host decide.
func TestCookieChangeMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, line, host, path string
		want                   bool
		why                    string
	}{
		{"site", "sessionid=; Path=/", "www.example.com", "/ws/chat/", true, "the cookie of the site"},
		{"its path", "sessionid=; Path=/ws", "www.example.com", "/ws/chat/", true, "the handshake is below"},
		{"its path exactly", "sessionid=; Path=/ws/chat/", "www.example.com", "/ws/chat/", true, "the handshake has this path"},
		{"another path", "sessionid=; Path=/admin", "www.example.com", "/ws/chat/", false, "another cookie"},
		{"half a segment", "sessionid=; Path=/w", "www.example.com", "/ws/chat/", false, "another cookie"},
		{"no path", "sessionid=", "www.example.com", "/ws/chat/", false, "the cookie of /accounts/logout"},
		{"no path, below", "sessionid=", "www.example.com", "/accounts/logout/ws/", true, "the handshake is below"},
		{"relative path", "sessionid=; Path=ws", "www.example.com", "/ws/chat/", false, "browsers take the directory of the request"},
		{"another host", "sessionid=; Path=/", "chat.example.com", "/ws/chat/", false, "the cookie is of one host"},
		{"domain", "sessionid=; Path=/; Domain=example.com", "chat.example.com", "/ws/chat/", true, "the cookie of both hosts"},
		{"domain of another", "sessionid=; Path=/; Domain=www.example.com", "chat.example.com", "/ws/chat/", false, "the domain excludes the host"},
		{"unknown path", "sessionid=; Path=/admin", "www.example.com", "/ws/REDACTED/", true, "the log must not show the path; the session ends"},
	} {
		change, ok := readSetCookie(c.line, sessionCookie, "www.example.com", "/accounts/logout/", noon)
		if got := ok && change.matches(&sockets.Bond{Host: c.host, Path: c.path}); got != c.want {
			t.Errorf("%s: %v, want %v (%s)", c.name, got, c.want, c.why)
		}
	}
}

func TestDomainMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		host, domain string
		want         bool
	}{
		{"example.com", "example.com", true},
		{"a.example.com", "example.com", true},
		{"aexample.com", "example.com", false},
		{"example.com", "a.example.com", false},
		{"127.0.0.1", "127.0.0.1", true},
		{"127.0.0.1", "0.0.1", false},
	} {
		if got := domainMatches(c.host, c.domain); got != c.want {
			t.Errorf("domainMatches(%s, %s) = %v, want %v", c.host, c.domain, got, c.want)
		}
	}
}

// The last line about one cookie wins, as in browsers. Cookies of other paths and domains are other cookies.
func TestCookieChanges(t *testing.T) {
	t.Parallel()
	set := "sessionid=" + otherSession + "; Path=/"
	for _, c := range []struct {
		name  string
		lines []string
		want  []string // values
	}{
		{"deleted, then set", []string{"sessionid=; Path=/", set}, []string{otherSession}},
		{"set, then deleted", []string{set, "sessionid=; Path=/"}, []string{""}},
		{"two paths", []string{set, "sessionid=; Path=/admin"}, []string{otherSession, ""}},
		{"two domains", []string{"sessionid=; Path=/; Domain=example.com", set}, []string{"", otherSession}},
		{"other cookies", []string{"csrftoken=x", "a=b"}, nil},
	} {
		var got []string
		for _, change := range cookieChanges(c.lines, sessionCookie, "www.example.com", "/", noon) {
			got = append(got, change.value)
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
		}
	}
}

// The parser reads the output of net/http, and no input crashes it.
func FuzzReadSetCookie(f *testing.F) {
	f.Add("sessionid=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "/a/b", int64(0))
	f.Add("sessionid=", "0/", int64(0))
	f.Add("sessionid=x;;;=; max-age=-; domain=.", "", int64(1<<40))
	f.Fuzz(func(t *testing.T, line, path string, unix int64) {
		change, ok := readSetCookie(line, sessionCookie, "www.example.com", path, noon)
		if ok && (change.path == "" || change.path[0] != '/') {
			t.Errorf("readSetCookie(%q) has the path %q", line, change.path)
		}
		date := time.Unix(unix, 0).UTC()
		if date.Year() < 1970 || date.Year() > 9999 {
			return
		}
		for _, layout := range []string{time.RFC1123, time.RFC850, time.ANSIC, "Mon, 02-Jan-2006 15:04:05 GMT"} {
			if layout == time.RFC850 && date.Year() > 2069 {
				continue // two digits
			}
			if got, ok := readCookieDate(date.Format(layout)); !ok || !got.Equal(date) {
				t.Errorf("readCookieDate(%q) = %v, %v", date.Format(layout), got, ok)
			}
		}
	})
}
