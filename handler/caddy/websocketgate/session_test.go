package websocketgate_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/scan2food/usher/internal/testsite"
)

const sessionValue = "abcdefghijklmnopqrstuvwxyz012345"

// dialWithCookie opens a socket with a Cookie header.
func dialWithCookie(t *testing.T, site *testsite.Site, path, cookie string) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), strings.Replace(site.URL, "http", "ws", 1)+path, &websocket.DialOptions{
		HTTPHeader: http.Header{"Cookie": {cookie}},
	})
	if err != nil {
		t.Fatalf("opening a socket with a cookie: %v", err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

func routeSite(application, options string) string {
	return fmt.Sprintf(`
		http://localhost http://127.0.0.1
		log
		websocket_gate {
			route chat /ws/chat/ {
				%s
			}
		}
		reverse_proxy %s {
			stream_close_delay 1m
		}
	`, options, application)
}

func TestPublicAndSessionRoutes(t *testing.T) {
	application := testsite.StartEcho(t)
	cookie := "Cookie: a=b; sessionid=" + sessionValue + "\r\n"
	for _, c := range []struct {
		name, options, target, headers string
		status                         int
		want, why                      string
	}{
		{"public", "public", "/ws/chat/", "", 101, "", "no credential is needed"},
		{"public from another origin", "public", "/ws/chat/", "Origin: https://evil.example\r\n", 403, "origin_denied", "origins hold"},
		{"session", "session sessionid", "/ws/chat/", cookie, 101, "", "the cookie opens the route"},
		{"no session", "session sessionid", "/ws/chat/", "", 401, "session_missing", "the cookie is required"},
		{"another cookie", "session other", "/ws/chat/", cookie, 401, "session_missing", "the cookie is required"},
		{"session without the key", "session sessionid\nkey " + oldKey, "/ws/chat/", cookie, 401, "key_missing", "the session is an additional bond"},
		{"session and key", "session sessionid\nkey " + oldKey, "/ws/chat/?key=" + oldKey, cookie, 101, "", "key and session are present"},
		{"plain request without session", "session sessionid\nplain_http check", "/ws/chat/", "X-Plain: 1\r\n", 401, "session_missing", "plain requests are checked too"},
	} {
		site := testsite.Start(t, routeSite(application, c.options))
		headers := c.headers
		if !strings.Contains(c.name, "plain") {
			headers += testsite.Upgrade
		}
		response := testsite.Exchange(t, site.Addr, testsite.Get(c.target, headers))
		if response.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d (%s)", c.name, response.StatusCode, c.status, c.why)
		}
		if c.want != "" {
			testsite.Eventually(t, c.name+": WSREJECT with "+c.want, func() bool {
				lines := site.Logs.With("WSREJECT")
				return len(lines) == 1 && lines[0]["outcome"] == c.want
			})
		}
		if c.want == "session_missing" && response.Header.Get("WWW-Authenticate") != `Cookie realm="chat"` {
			t.Errorf("%s: WWW-Authenticate %q", c.name, response.Header.Get("WWW-Authenticate"))
		}
		if log := site.Logs.String(); strings.Contains(log, sessionValue) {
			t.Errorf("%s: the log shows the session:\n%s", c.name, testsite.LineWith(site.Logs, sessionValue))
		}
	}
}

// The application decides about the session, so it gets the cookie, also with hide_credentials.
func TestSessionIsForwarded(t *testing.T) {
	application, seen := startTicketApplication(t)
	site := testsite.Start(t, routeSite(application, "session sessionid\nkey "+oldKey+"\nhide_credentials"))
	dialWithCookie(t, site, "/ws/chat/?key="+oldKey, "sessionid="+sessionValue)
	if got, _ := seen.Load("cookie"); got != "sessionid="+sessionValue {
		t.Errorf("the application got the cookie %q", got)
	}
}

func TestInvalidAccessDoesNotLoad(t *testing.T) {
	const secret = "ticket-secret-one-0123456789-0123456789"
	for _, c := range []struct{ name, options, want, why string }{
		{"nothing", "max_open 1", "at least one key, keys_file, ticket or session, or public", "no client could open the route"},
		{"public and key", "public\nkey " + oldKey, "remove these or public", "the key would have no effect"},
		{"public and session", "public\nsession sessionid", "remove these or public", "the session would have no effect"},
		{"public and ticket", "public\nticket {\nsecret " + secret + "\n}", "remove these or public", "the ticket would have no effect"},
		{"public and credential", "public\ncredential bearer", "no key and no ticket", "it has no effect"},
		{"session and hide_credentials", "session sessionid\nhide_credentials", "no key and no ticket", "it has no effect"},
		{"public and per_key", "public\nmax_open 9 per_key 1", "use per_client", "it would limit the route"},
		{"per_user without a ticket", "key " + oldKey + "\nmax_open 9 per_user 1", "only tickets name a user", "it would have no effect"},
		{"no name of a cookie", "session a=b", "want a name of letters", "browsers cannot send such a cookie"},
		{"placeholder", "session {env.COOKIE}", "placeholders do not work", "the braces would be part of the name"},
		{"cookie of the key", "key " + oldKey + "\ncredential cookie sessionid\nsession sessionid", "is the cookie of the key", "a key is no session"},
		{"cookie of the ticket", "ticket {\nsecret " + secret + "\n}\nsession __Host-usher", "is the cookie of the ticket", "each page changes it"},
	} {
		if _, err := testsite.Provision(t, routeSite("127.0.0.1:1", c.options)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q (%s)", c.name, err, c.want, c.why)
		}
	}
}

func TestWarningOfPublicRouteForAnyOrigin(t *testing.T) {
	for options, want := range map[string]int{"public\norigins any": 1, "public": 0, "public\norigins https://example.com": 0} {
		site := testsite.Start(t, routeSite("127.0.0.1:1", options))
		if got := site.Logs.With("public route accepts any origin"); len(got) != want {
			t.Errorf("%q: %d warnings, want %d", options, len(got), want)
		}
	}
}

// A reload that requires a session closes the sockets without one, and keeps those that are bound.
func TestReloadToSession(t *testing.T) {
	application := testsite.StartEcho(t)
	for _, c := range []struct {
		name, before, after string
		code                websocket.StatusCode
	}{
		{"public, then a session", "public", "session sessionid", 4401},
		{"the same session", "session sessionid", "session sessionid", 0},
		{"another cookie", "session sessionid", "session other", 4401},
		{"a session, then public", "session sessionid", "public", 0},
		{"public, then a key", "public", "key " + oldKey, 4401},
	} {
		t.Run(c.name, func(t *testing.T) {
			first := testsite.Start(t, routeSite(application, c.before))
			conn := dialWithCookie(t, first, "/ws/chat/", "sessionid="+sessionValue)
			testsite.Start(t, routeSite(application, c.after))
			first.Unload()
			if c.code == 0 {
				if !testsite.StillOpen(t, conn) {
					t.Error("the socket was closed")
				}
			} else if got := testsite.CloseCode(t, conn); got != c.code {
				t.Errorf("closed with %d, want %d", got, c.code)
			}
		})
	}
}
