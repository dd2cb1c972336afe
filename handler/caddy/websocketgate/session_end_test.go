package websocketgate_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/scan2food/usher/internal/testsite"
)

const nextValue = "zyxwvutsrqponmlkjihgfedcba543210"

// startSessionApplication echoes to sockets. Other requests are answered with the header lines in their body, separated by |.
func startSessionApplication(t *testing.T) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/ws/") {
			testsite.EchoMessages(w, r)
			return
		}
		status := http.StatusOK
		body, _ := io.ReadAll(r.Body)
		for line := range strings.SplitSeq(string(body), "|") {
			name, value, _ := strings.Cut(line, ": ")
			switch name {
			case "":
			case "Status":
				_, _ = fmt.Sscan(value, &status)
			default:
				w.Header().Add(name, value)
			}
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "answered "+r.Header.Get("Usher-Close")+r.Header.Get("Usher-User"))
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// answer has the application answer a request with header lines, separated by |.
func answer(t *testing.T, client *http.Client, url, cookie, lines string, host ...string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(lines))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = http.Header{"Cookie": {cookie}}
	request.Host = strings.Join(host, "")
	if cookie == "" {
		request.Header.Del("Cookie")
	}
	noRedirects := *client
	noRedirects.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := noRedirects.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	return response
}

// closeOf returns code and reason with which a socket was closed, or 0 if it is open.
func closeOf(t *testing.T, conn *websocket.Conn) (code websocket.StatusCode, reason string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_ = conn.Write(ctx, websocket.MessageText, []byte("echo"))
	_, message, err := conn.Read(ctx)
	if err == nil && string(message) == "echo" {
		return 0, ""
	}
	var closed websocket.CloseError
	if !asCloseError(err, &closed) {
		t.Fatalf("the socket ended with %v", err)
	}
	return closed.Code, closed.Reason
}

func asCloseError(err error, into *websocket.CloseError) bool {
	if websocket.CloseStatus(err) < 0 {
		return false
	}
	*into = websocket.CloseError{Code: websocket.CloseStatus(err)}
	if _, reason, found := strings.Cut(err.Error(), `reason = "`); found {
		into.Reason, _, _ = strings.Cut(reason, `"`)
	}
	return true
}

const deletion = `Set-Cookie: sessionid=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/`

// A response sets or deletes the session cookie of its request. Its effect on the two sockets of this session is checked. A socket
// of another session stays open.
func TestSessionEndClosesItsSockets(t *testing.T) {
	application := startSessionApplication(t)
	renewal := "Set-Cookie: sessionid=" + nextValue + "; Path=/; HttpOnly"
	own := "theme=dark; sessionid=" + sessionValue
	for _, c := range []struct {
		name, options, cookie, lines string
		closed                       bool
		why                          string
	}{
		{"logout", "", own, deletion, true, "the cookie is deleted"},
		{"logout with a redirect", "", own, "Status: 302|Location: /|" + deletion, true, "most frameworks redirect"},
		{"logout in quotes", "", `sessionid="` + sessionValue + `"`, deletion, true, "the same session"},
		{"several lines", "", own, "Set-Cookie: csrftoken=1; Path=/|" + deletion + "|Set-Cookie: messages=x", true, "one of them is the session's"},
		{"failed logout", "", own, "Status: 403|Set-Cookie: csrftoken=1; Path=/", false, "the session goes on"},
		{"no cookie", "", "", deletion, false, "the request has no session"},
		{"another session", "", "sessionid=" + nextValue, deletion, false, "only its own sockets end"},
		{"another cookie", "", own, "Set-Cookie: csrftoken=; Max-Age=0; Path=/", false, "not the session's"},
		{"another path", "", own, "Set-Cookie: sessionid=; Max-Age=0; Path=/admin", false, "the handshake did not carry this cookie"},
		{"another domain", "", own, "Set-Cookie: sessionid=; Max-Age=0; Path=/; Domain=other.example", false, "browsers ignore it"},
		{"no path", "", own, "Set-Cookie: sessionid=; Max-Age=0", false, "it is the cookie of /accounts"},
		{"new value", "", own, renewal, false, "the sockets follow the session"},
		{"deleted and set again", "", own, deletion + "|" + renewal, false, "the last line wins"},
		{"new value, strict", "strict", own, renewal, true, "the route is strict"},
		{"the same value, strict", "strict", own, "Set-Cookie: sessionid=" + sessionValue + "; Path=/", false, "the value is unchanged"},
		{"request of a client", "", own, "X: " + deletion, false, "another field"},
		{"the application's word", "", own, "Usher-Close: session", true, "the cookie stays"},
		{"the application's word without a cookie", "", "", "Usher-Close: session", false, "the request has no session"},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := testsite.Start(t, routeSite(application, "session sessionid "+c.options))
			first := dialWithCookie(t, site, "/ws/chat/", "sessionid="+sessionValue)
			second := dialWithCookie(t, site, "/ws/chat/", "a=b; sessionid="+sessionValue)
			other := dialWithCookie(t, site, "/ws/chat/", "sessionid=another0session0of0somebody0else")
			response := answer(t, http.DefaultClient, site.URL+"/accounts/logout/", c.cookie, c.lines)
			want, reason := websocket.StatusCode(0), ""
			if c.closed {
				want, reason = 4401, "session ended"
			}
			for _, conn := range []*websocket.Conn{first, second} {
				if code, why := closeOf(t, conn); code != want || why != reason {
					t.Errorf("a socket of the session: closed with %d %q, want %d %q (%s)", code, why, want, reason, c.why)
				}
			}
			if code, _ := closeOf(t, other); code != 0 {
				t.Errorf("a socket of another session was closed with %d", code)
			}
			if response.Header.Get("Usher-Close") != "" {
				t.Error("the client got Usher-Close")
			}
			lines := testsite.LogWithoutProxy(site.Logs)
			if strings.Contains(lines, sessionValue) || strings.Contains(lines, nextValue) {
				t.Error("the log shows a session")
			}
			if reports := site.Logs.With("response closed sockets"); c.closed != (len(reports) == 1) || c.closed && reports[0]["sockets"] != 2.0 {
				t.Errorf("the log reports %v", reports)
			}
		})
	}
}

// Each response changes a signed cookie. The sockets follow the changes, and end with the last value.
func TestSocketsFollowAChainOfValues(t *testing.T) {
	site := testsite.Start(t, routeSite(startSessionApplication(t), "session sessionid"))
	conn := dialWithCookie(t, site, "/ws/chat/", "sessionid="+sessionValue)
	value := sessionValue
	for i := range 100 {
		next := fmt.Sprintf("%s%03d", sessionValue, i)
		answer(t, http.DefaultClient, site.URL, "sessionid="+value, "Set-Cookie: sessionid="+next+"; Path=/")
		value = next
	}
	if code, _ := closeOf(t, conn); code != 0 {
		t.Fatalf("closed with %d before the session ended", code)
	}
	answer(t, http.DefaultClient, site.URL, "sessionid="+value, deletion)
	if code, _ := closeOf(t, conn); code != 4401 {
		t.Errorf("closed with %d, want 4401", code)
	}
}

// A logout closes sockets behind the tunnel and behind reverse_proxy. Sockets and logout may each be over HTTP/1.1, 2 and 3.
func TestSessionEndOnEveryProtocol(t *testing.T) {
	application := startSessionApplication(t)
	testsite.WithExtendedConnect(t, func() {
		for name, proxy := range map[string]string{"tunnel": "websocket_tunnel " + application + "\n", "proxy": ""} {
			site := testsite.Start(t, strings.Replace(routeSite(application, "session sessionid"), "reverse_proxy", proxy+"reverse_proxy", 1))
			secure := httptest.NewUnstartedServer(site.Server)
			secure.EnableHTTP2 = true
			secure.StartTLS()
			t.Cleanup(secure.Close)
			cookie := "sessionid=" + sessionValue
			http3Client, http3URL := testsite.ClientOverHTTP3(t, site)
			for major, logout := range []struct {
				client *http.Client
				url    string
			}{{http.DefaultClient, site.URL}, {secure.Client(), secure.URL}, {http3Client, http3URL}} {
				conn, _, err := websocket.Dial(t.Context(), strings.Replace(site.URL, "http", "ws", 1)+"/ws/chat/",
					&websocket.DialOptions{Host: "localhost", HTTPHeader: http.Header{"Cookie": {cookie}}})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = conn.CloseNow() })
				streams := map[string]*testsite.Stream{
					"HTTP/2": testsite.OverHTTP2(t, site)(t, "/ws/chat/", "websocket", http.Header{"Cookie": {cookie}}),
					"HTTP/3": testsite.OverHTTP3(t, site)(t, "/ws/chat/", "websocket", http.Header{"Cookie": {cookie}}),
				}
				for protocol, stream := range streams {
					if stream.Status != http.StatusOK {
						t.Fatalf("%s: a socket over %s got %d", name, protocol, stream.Status)
					}
				}
				response := answer(t, logout.client, logout.url+"/accounts/logout/", cookie, deletion, "localhost")
				if response.ProtoMajor != major+1 {
					t.Fatalf("%s: the logout was over %s, want HTTP/%d", name, response.Proto, major+1)
				}
				if code, _ := closeOf(t, conn); code != 4401 {
					t.Errorf("%s: logout over %s closed HTTP/1.1 with %d, want 4401", name, response.Proto, code)
				}
				for protocol, stream := range streams {
					const want = "\x88\x0f\x11\x31session ended"
					frame := make([]byte, len(want))
					if _, err := io.ReadFull(stream, frame); err != nil || string(frame) != want {
						t.Errorf("%s: logout over %s: the socket over %s got %q, %v, want 4401", name, response.Proto, protocol, frame, err)
					}
					stream.Close()
				}
			}
		}
	})
}

// Usher-Close and Usher-User of a request are deleted, and a client's cookies close only its own sockets.
func TestClientsCloseNoSockets(t *testing.T) {
	site := testsite.Start(t, routeSite(startSessionApplication(t), "session sessionid"))
	conn := dialWithCookie(t, site, "/ws/chat/", "sessionid="+sessionValue)
	for _, fields := range []string{
		"Usher-Close: session\r\n", "Usher-Close: route=chat\r\n", "usher-close: route=chat\r\nUsher-User: \"1\"\r\n",
		"Connection: Usher-Close\r\nUsher-Close: route=chat\r\n", "Cookie: sessionid=" + sessionValue + "\r\nSet-Cookie: sessionid=; Path=/\r\n",
	} {
		response := testsite.Exchange(t, site.Addr, "POST /?Usher-Close=route=chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"+fields+"\r\n")
		if body, _ := io.ReadAll(response.Body); string(body) != "answered " {
			t.Errorf("%q: the application got %q", fields, body)
		}
	}
	if code, _ := closeOf(t, conn); code != 0 {
		t.Errorf("a client closed the socket with %d", code)
	}
}

// The application closes by user, route and key, with a code and a reason, on its own site alone.
func TestUsherClose(t *testing.T) {
	application := startSessionApplication(t)
	caddyfile := fmt.Sprintf(`
		http://127.0.0.1 {
			websocket_gate {
				route chat /ws/chat/ {
					key %[1]s first
					key %[2]s second
				}
				route orders /ws/orders/ {
					key %[1]s first
				}
			}
			reverse_proxy %[3]s
		}
		http://localhost {
			websocket_gate {
				route chat /ws/chat/ {
					key %[1]s first
				}
			}
			reverse_proxy %[3]s
		}
	`, oldKey, newKey, application)
	for _, c := range []struct {
		name, field string
		want        [4]websocket.StatusCode // chat first, chat second, orders, other site
	}{
		{"route", "route=chat", [4]websocket.StatusCode{4401, 4401, 0, 0}},
		{"key", "key=first;code=4403;reason=\"banned\"", [4]websocket.StatusCode{4403, 0, 4403, 0}},
		{"both", "key=second, route=orders", [4]websocket.StatusCode{0, 4401, 4401, 0}},
		{"user", "user=\"42\"", [4]websocket.StatusCode{}},
		{"nobody", "route=other, key=(\"x\" \"y\")", [4]websocket.StatusCode{}},
		{"invalid", "route=\"chat", [4]websocket.StatusCode{}},
		{"invalid code", "route=chat;code=1000, key=none;code=9", [4]websocket.StatusCode{4401, 4401, 0, 0}},
		{"invalid code and member", "route=chat;code=1000, everybody", [4]websocket.StatusCode{4401, 4401, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := testsite.Start(t, caddyfile)
			var conns []*websocket.Conn
			for _, target := range []string{"/ws/chat/?key=" + oldKey, "/ws/chat/?key=" + newKey, "/ws/orders/?key=" + oldKey} {
				conns = append(conns, dialWithCookie(t, site, target, "a=b"))
			}
			other, _, err := websocket.Dial(t.Context(), strings.Replace(site.URL, "http", "ws", 1)+"/ws/chat/?key="+oldKey,
				&websocket.DialOptions{Host: "localhost"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = other.CloseNow() })
			response := answer(t, http.DefaultClient, site.URL, "", "Usher-Close: "+c.field)
			if response.Header.Get("Usher-Close") != "" {
				t.Error("the client got Usher-Close")
			}
			for i, conn := range append(conns, other) {
				if code, _ := closeOf(t, conn); code != c.want[i] {
					t.Errorf("socket %d: closed with %d, want %d", i, code, c.want[i])
				}
			}
			for message, names := range map[string]string{
				"Usher-Close invalid; some sockets stay open": "invalid, invalid code and member",
				"Usher-Close code invalid; closing with 4401": "invalid code",
			} {
				if invalid := site.Logs.With(message); (len(invalid) == 1) != slices.Contains(strings.Split(names, ", "), c.name) {
					t.Errorf("the log reports %v", invalid)
				}
			}
		})
	}
}

// Usher-User names the user of a page's ticket. The user is logged, limited, and closed by name.
func TestUsherUser(t *testing.T) {
	application := startUserApplication(t)
	site := testsite.Start(t, routeSite(application, "max_open 100 per_user 1\nticket {\nsecret "+ticketSecret+"\nissue_on /page/*\n}"))
	anna, ben := ticketOf(t, site, "/page/anna"), ticketOf(t, site, "/page/ben")
	annas, bens := dialWithTicket(t, site, "/ws/chat/", anna), dialWithTicket(t, site, "/ws/chat/", ben)
	if response := testsite.Exchange(t, site.Addr, testsite.Get("/ws/chat/?key="+anna, testsite.Upgrade)); response.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a second socket of the user: status %d, want 429", response.StatusCode)
	}
	for message, users := range map[string][]string{"WSCONNECT": {"anna", "ben"}, "WSREJECT": {"anna"}} {
		testsite.Eventually(t, message+" shows the users", func() bool {
			var got []string
			for _, line := range site.Logs.With(message) {
				got = append(got, fmt.Sprint(line["user"]))
			}
			slices.Sort(got)
			return slices.Equal(got, users)
		})
	}
	answer(t, http.DefaultClient, site.URL+"/ban", "", "Usher-Close: user=\"anna\";code=4403;reason=\"banned\"")
	if code, reason := closeOf(t, annas); code != 4403 || reason != "banned" {
		t.Errorf("the socket of the user: closed with %d %q, want 4403 banned", code, reason)
	}
	if code, _ := closeOf(t, bens); code != 0 {
		t.Errorf("the socket of another user: closed with %d", code)
	}
	response := answer(t, http.DefaultClient, site.URL+"/page/%22%22", "", "")
	if len(response.Cookies()) > 0 || response.Header.Get("Usher-User") != "" {
		t.Errorf("a page of an invalid user carries a ticket: %v", response.Header)
	}
}

// startUserApplication serves pages that name their user in Usher-User.
func startUserApplication(t *testing.T) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, isPage := strings.CutPrefix(r.URL.Path, "/page/")
		switch {
		case isPage && r.Method == http.MethodGet:
			w.Header().Set("Usher-User", `"`+user+`"`)
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<!DOCTYPE html><title>page</title>")
		case strings.HasPrefix(r.URL.Path, "/ws/"):
			testsite.EchoMessages(w, r)
		default:
			body, _ := io.ReadAll(r.Body)
			for line := range strings.SplitSeq(string(body), "|") {
				if name, value, found := strings.Cut(line, ": "); found {
					w.Header().Add(name, value)
				}
			}
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// A gate with a matcher does not see every response of the site.
func TestWarningOfUnseenResponses(t *testing.T) {
	const message = "responses bypass the gate; sessions may outlive logout"
	for _, c := range []struct {
		name, caddyfile string
		want            int
	}{
		{"whole site", "http://localhost\nwebsocket_gate {\nroute chat /ws/chat/ {\nsession sessionid\n}\n}\nreverse_proxy 127.0.0.1:1", 0},
		{"matcher", "http://localhost\nwebsocket_gate /ws/* {\nroute chat /ws/chat/ {\nsession sessionid\n}\n}\nreverse_proxy 127.0.0.1:1", 1},
		{"matcher before FastCGI", "http://localhost\nwebsocket_gate /ws/* {\nroute chat /ws/chat/ {\nsession sessionid\n}\n}\nphp_fastcgi 127.0.0.1:1", 1},
		{"matcher without session", "http://localhost\nwebsocket_gate /ws/* {\nroute chat /ws/chat/ {\npublic\n}\n}\nreverse_proxy 127.0.0.1:1", 0},
	} {
		site := testsite.Start(t, c.caddyfile)
		if got := site.Logs.With(message); len(got) != c.want {
			t.Errorf("%s: %d warnings, want %d", c.name, len(got), c.want)
		}
	}
}
