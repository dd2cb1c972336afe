package gate

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

const sessionCookie = "sessionid"

const goodSession = "0123456789abcdef0123456789abcdef"

func TestReadSession(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, cookie, want string
		err                error
		why                string
	}{
		{"alone", "sessionid=" + goodSession, goodSession, nil, "the usual request"},
		{"among others", "a=b; sessionid=" + goodSession + "; c", goodSession, nil, "the usual request"},
		{"absent", "a=b; session=" + goodSession, "", nil, "another cookie"},
		{"no cookie", "", "", nil, "the client has no session"},
		{"twice the same", "sessionid=" + goodSession + "; sessionid=" + goodSession, goodSession, nil, "cookies of two paths"},
		{"two values", "sessionid=" + goodSession + "; sessionid=f" + goodSession, "", errSessionTwice, "applications read the first or the last"},
		{"quoted", `sessionid="` + goodSession + `"`, goodSession, nil, "Python and Go remove the quotes"},
		{"octal", `sessionid="\060` + goodSession[1:] + `"`, goodSession, nil, "Python decodes it"},
		{"escaped", "sessionid=%30" + goodSession[1:], goodSession, nil, "Express and PHP decode it"},
		{"upper case", "sessionid=" + strings.ToUpper(goodSession), goodSession, nil, "MySQL compares without case"},
		{"signed", "sessionid=s%3A" + goodSession + ".abc%2F", "s" + goodSession + "abc", nil, "Express signs"},
		{"hidden behind a comma", "x=1,sessionid=f" + goodSession + "; sessionid=" + goodSession, "", errSessionTwice, "old parsers split at commas"},
		{"hidden behind a blank", "x=1 sessionid=f" + goodSession + "; sessionid=" + goodSession, "", errSessionTwice, "Python's SimpleCookie splits at blanks"},
		{"other case of the name", "SessionID=f" + goodSession + "; sessionid=" + goodSession, "", errSessionTwice, "the application may ignore case"},
		{"escaped name", "session%69d=f" + goodSession + "; sessionid=" + goodSession, "", errSessionTwice, "PHP and Rack decoded names"},
		{"only another case", "SESSIONID=" + goodSession, "", nil, "another cookie"},
		{"short", "sessionid=deleted", "", errSessionShort, "the value means no session"},
		{"empty", "sessionid=", "", errSessionShort, "no session"},
		{"beyond ASCII", "sessionid=\u00e9" + goodSession, "", errSessionForeign, "MySQL compares without accents"},
		{"escaped beyond ASCII", "sessionid=%C3%A9" + goodSession, "", errSessionForeign, "the application may decode it"},
	} {
		var lines []string
		if c.cookie != "" {
			lines = []string{c.cookie}
		}
		got, err := readSession(lines, sessionCookie)
		if got != c.want || err != c.err {
			t.Errorf("readSession(%s) = %q, %v, want %q, %v (%s)", c.name, got, err, c.want, c.err, c.why)
		}
	}
}

// newSessionGate returns a gate with one route that has a session.
func newSessionGate(t testing.TB, edit func(*Config, *Route)) *Gate {
	t.Helper()
	key, err := NewSessionKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	base := newGate(t, 1, nil)
	config := base.config
	route := &Route{Name: "chat", Paths: []string{"/ws/chat/"}, Keyless: true, Session: &RouteSession{Cookie: sessionCookie}}
	config.Routes = []*Route{route}
	config.SessionKey = key
	config.OriginalPath = func(r *http.Request) string { return r.URL.Path }
	if edit != nil {
		edit(&config, route)
	}
	g, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestDecideSession(t *testing.T) {
	t.Parallel()
	withKey := func(config *Config, route *Route) { route.Name, route.Keyless = "0", false }
	public := func(_ *Config, route *Route) { route.Session = nil }
	for _, c := range []struct {
		name, target, cookie string
		edit                 func(*Config, *Route)
		want                 Outcome
		why                  string
	}{
		{"session", "/ws/chat/", "sessionid=" + goodSession, nil, Accepted, "the session opens the route"},
		{"none", "/ws/chat/", "", nil, SessionMissing, "the cookie is required"},
		{"short", "/ws/chat/", "sessionid=deleted", nil, SessionMissing, "no session"},
		{"two", "/ws/chat/", "sessionid=a" + goodSession + "; sessionid=" + goodSession, nil, KeyAmbiguous, "two sessions are ambiguous"},
		{"key and session", "/ws/chat/?key=" + secret + "-0-0", "sessionid=" + goodSession, withKey, Accepted, "both are required"},
		{"key alone", "/ws/chat/?key=" + secret + "-0-0", "", withKey, SessionMissing, "both are required"},
		{"session alone", "/ws/chat/", "sessionid=" + goodSession, withKey, KeyMissing, "both are required"},
		{"public", "/ws/chat/", "", public, Accepted, "nothing is required"},
		{"public with a key", "/ws/chat/?key=anything-at-all-0123", "", public, Accepted, "the route has no key"},
	} {
		g := newSessionGate(t, c.edit)
		r := handshake(c.target)
		if c.cookie != "" {
			r.Header.Set("Cookie", c.cookie)
		}
		d := g.Decide(r)
		if d.Outcome != c.want {
			t.Errorf("%s: %s %q, want %s (%s)", c.name, d.Outcome, d.Detail, c.want, c.why)
		}
		if hasSession := d.session != (sockets.Session{}); hasSession != (c.want == Accepted && c.cookie != "") {
			t.Errorf("%s: session %x", c.name, d.session)
		}
		if text := fmt.Sprintf("%+v", *d); strings.Contains(text, goodSession) {
			t.Errorf("%s: the decision holds the value: %s", c.name, text)
		}
	}
}

func TestStandingOfSessions(t *testing.T) {
	t.Parallel()
	bond := func(cookie string) sockets.Info {
		return sockets.Info{Route: "chat", Bond: &sockets.Bond{Cookie: cookie}}
	}
	keyed := sockets.Info{Route: "chat", KeyID: [16]byte{1}}
	public := func(_ *Config, route *Route) { route.Session = nil }
	noKeys := func(_ *Config, route *Route) { route.Session, route.Keyless = nil, false }
	for _, c := range []struct {
		name string
		info sockets.Info
		edit func(*Config, *Route)
		want Outcome
		why  string
	}{
		{"bound", bond(sessionCookie), nil, Accepted, "nothing changed"},
		{"bound to another cookie", bond("other"), nil, SessionMissing, "the end of its session would go unnoticed"},
		{"not bound", keyed, nil, SessionMissing, "the route has a session now"},
		{"key of a route that became public", keyed, public, Accepted, "the route is public"},
		{"public route that has got keys", sockets.Info{Route: "chat"}, noKeys, KeyUnknown, "the socket has no key"},
	} {
		g := newSessionGate(t, c.edit)
		if got := g.Standing(c.info, g.config.Now()); got != c.want {
			t.Errorf("%s: %s, want %s (%s)", c.name, got, c.want, c.why)
		}
	}
}

// Sessions differ by value, cookie and key, and do not reveal the value.
func TestSessionKey(t *testing.T) {
	t.Parallel()
	first, err := NewSessionKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	second, err := NewSessionKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	one := first.session("sessionid", goodSession)
	if one != first.session("sessionid", goodSession) {
		t.Error("one value has two sessions")
	}
	for name, other := range map[string]sockets.Session{
		"value": first.session("sessionid", goodSession+"1"), "cookie": first.session("sessionid2", goodSession),
		"key": second.session("sessionid", goodSession), "boundary": first.session("session", "id"+goodSession),
	} {
		if other == one {
			t.Errorf("another %s has the same session", name)
		}
	}
	if _, err := NewSessionKey(strings.NewReader("short")); err == nil {
		t.Error("NewSessionKey accepted too few bytes")
	}
}

// All spellings of a value that frameworks accept have one plain form. No header crashes the parser.
func FuzzReadSession(f *testing.F) {
	f.Add("sessionid="+goodSession, goodSession)
	f.Add(`a="b; sessionid="\060123"; sessionid=%41`, "s:abcDEF0123456789.x/y+z")
	f.Fuzz(func(t *testing.T, line, value string) {
		plain, err := readSession([]string{line}, sessionCookie)
		if err == nil && plain != "" && (len(plain) < minSession || strings.Trim(plain, "abcdefghijklmnopqrstuvwxyz0123456789") != "") {
			t.Errorf("readSession(%q) = %q", line, plain)
		}
		want, ok := plainValue(value)
		if strings.ContainsAny(value, `%\`) || !ok {
			return // the value itself has escapes
		}
		octal := ""
		for i := range len(value) {
			octal += fmt.Sprintf(`\%03o`, value[i])
		}
		for _, spelling := range []string{`"` + value + `"`, url.QueryEscape(value), url.PathEscape(value), `"` + octal + `"`, strings.ToUpper(value)} {
			if got, ok := plainValue(spelling); !ok || got != want {
				t.Errorf("plainValue(%q) = %q, want %q", spelling, got, want)
			}
		}
	})
}
