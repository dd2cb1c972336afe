package websocketgate_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/websocket/sockets"
	"github.com/scan2food/usher/internal/testsite"
)

// TestSelectedSubprotocol: a browser fails with 1006 if it offered subprotocols and gets none back.
func TestSelectedSubprotocol(t *testing.T) {
	t.Parallel()
	credential := "key." + testsite.GoodKey
	const page = "Origin: http://localhost\r\n"
	for _, c := range []struct {
		name, why       string
		offered, extra  string
		selects         string // by the application
		status          int
		wants           string
		hideCredentials string
	}{
		{"none", "a Channels consumer that calls accept()", "chat, " + credential, page, "", 101, "chat", ""},
		{"none, hidden", "the credential does not reach the application", "chat, " + credential, page, "", 101, "chat", "hide_credentials"},
		{"an empty one", "it selects none", "chat, " + credential, page, " ", 101, "chat", ""},
		{"its own", "the application knows best", "chat, v2, " + credential, page, "v2", 101, "v2", ""},
		{"the credential", "it must not be sent back", "chat, " + credential, page, credential, 101, "chat", ""},
		{"none, and the credential alone", "a browser cannot open the socket", credential, page, "", 400, "", ""},
		{"none, without a browser", "other clients can", credential, "", "", 101, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := selectingApplication(t, c.selects)
			site := testsite.Start(t, "http://localhost\nwebsocket_gate {\nroute a /ws/a/ {\nkey "+testsite.GoodKey+
				"\ncredential subprotocol key\norigins http://localhost\n"+c.hideCredentials+"\n}\n}\nreverse_proxy "+app)
			response := testsite.Exchange(t, site.Addr,
				testsite.Get("/ws/a/", testsite.Upgrade+c.extra+"Sec-WebSocket-Protocol: "+c.offered+"\r\n"))
			if got := response.Header.Get("Sec-WebSocket-Protocol"); response.StatusCode != c.status || got != c.wants {
				t.Errorf("status %d with subprotocol %q, want %d with %q (%s)", response.StatusCode, got, c.status, c.wants, c.why)
			}
			if c.status == 400 && (len(site.Logs.With("WSREJECT")) != 1 ||
				!strings.Contains(site.Logs.With("WSREJECT")[0]["reason"].(string), "second subprotocol")) {
				t.Errorf("logged %v, want the reason", site.Logs.With("WSREJECT"))
			}
		})
	}
}

// selectingApplication accepts every handshake, and selects the subprotocol if it is not empty.
func selectingApplication(t *testing.T, subprotocol string) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				head := "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " + sockets.AcceptValue(r.Header.Get("Sec-WebSocket-Key"))
				if subprotocol != "" {
					head += "\r\nSec-WebSocket-Protocol: " + subprotocol
				}
				_, _ = io.WriteString(conn, head+"\r\n\r\n")
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	return listener.Addr().String()
}

// TestOfferOfAnotherProtocolIsIgnored: a server may ignore Upgrade (RFC 9110, 7.8), and pages must open for curl --http2.
func TestOfferOfAnotherProtocolIsIgnored(t *testing.T) {
	t.Parallel()
	site, app := testsite.StartGate(t, "")
	response := testsite.Exchange(t, site.Addr, testsite.Get("/page",
		"Connection: keep-alive, Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nUpgrade: h2c\r\n"))
	seen := app.Seen()
	if response.StatusCode != 200 || len(seen) != 1 {
		t.Fatalf("status %d, and the application saw %d requests, want the page", response.StatusCode, len(seen))
	}
	for _, name := range []string{"Upgrade", "Http2-Settings"} {
		if got := seen[0].Header[name]; got != nil {
			t.Errorf("the application saw %s: %q", name, got)
		}
	}
	raw := testsite.Get(testsite.Keyed, "Connection: Upgrade\r\nUpgrade: h2c\r\n")
	if response := testsite.Exchange(t, site.Addr, raw); response.StatusCode != 403 {
		t.Errorf("h2c on a route: status %d, want 403", response.StatusCode)
	}
}

// TestOfferOfAnotherProtocolOnPlainRoutes: Java's client offers h2c with its polling requests too.
func TestOfferOfAnotherProtocolOnPlainRoutes(t *testing.T) {
	t.Parallel()
	const offer = "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nUpgrade: h2c\r\n"
	for _, c := range []struct {
		rule, target string
		want         int
		why          string
	}{
		{"pass", "/ws/a/", 200, "it passes as without the offer"},
		{"check", testsite.Keyed, 200, "it has the key"},
		{"check", "/ws/a/", 401, "it has no key"},
		{"check", "/ws%2fa/", 403, "some servers read the path as that of the route"},
		{"refuse", testsite.Keyed, 403, "the route has WebSockets alone"},
	} {
		app := testsite.StartApplication(t)
		site := testsite.Start(t, `
			http://localhost
			websocket_gate {
				route a /ws/a/ {
					key `+testsite.GoodKey+`
					plain_http `+c.rule+`
				}
			}
			reverse_proxy `+app.Addr)
		response := testsite.Exchange(t, site.Addr, testsite.Get(c.target, offer))
		if response.StatusCode != c.want {
			t.Errorf("plain_http %s, %s: status %d, want %d (%s)", c.rule, c.target, response.StatusCode, c.want, c.why)
		}
		seen := app.Seen()
		if (len(seen) == 1) != (c.want == 200) || len(seen) == 1 && seen[0].Header["Upgrade"] != nil {
			t.Errorf("plain_http %s, %s: the application saw %v (%s)", c.rule, c.target, seen, c.why)
		}
	}
}

// TestClientLeavesDuringHandshake: that says nothing about the application, and does not make a route dark.
func TestClientLeavesDuringHandshake(t *testing.T) {
	t.Parallel()
	site, app := testsite.StartGate(t, "")
	asked := make(chan context.Context, 1)
	app.Answer(func(_ http.ResponseWriter, r *http.Request) bool {
		asked <- r.Context()
		<-r.Context().Done()
		return true
	})
	conn, err := net.Dial("tcp", site.Addr)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, testsite.Get(testsite.Keyed, testsite.Upgrade))
	ctx := <-asked
	conn.Close()
	<-ctx.Done()
	testsite.Eventually(t, "the handshake logged as client_gone", func() bool {
		lines := site.Logs.With("WSREJECT")
		return len(lines) == 1 && lines[0]["outcome"] == "client_gone" && lines[0]["status"] == float64(499)
	})
}

// A client that leaves before it has read the body of a rejection got the application's answer.
func TestClientThatLeavesAfterARejection(t *testing.T) {
	t.Parallel()
	for _, proxy := range []string{"reverse_proxy", "websocket_tunnel"} {
		t.Run(proxy, func(t *testing.T) {
			t.Parallel()
			app := testsite.StartApplication(t)
			app.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
				w.WriteHeader(http.StatusForbidden)
				for err := error(nil); err == nil; _, err = w.Write(make([]byte, 4096)) { // until the client has left
				}
				return true
			})
			site := testsite.Start(t, "http://localhost {\nwebsocket_gate {\nroute a /ws/a/ {\nkey "+testsite.GoodKey+"\n}\n}\n"+proxy+" "+app.Addr+"\n}")
			conn, response := testsite.ExchangeOpen(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade))
			conn.Close()
			if response.StatusCode != http.StatusForbidden {
				t.Fatalf("%s, want 403", response.Status)
			}
			testsite.Eventually(t, "WSREJECT", func() bool { return len(site.Logs.With("WSREJECT")) == 1 })
			if line := site.Logs.With("WSREJECT")[0]; line["outcome"] != "upstream_refused" || line["status"] != 403.0 {
				t.Errorf("logged as %v with %v, want upstream_refused with 403", line["outcome"], line["status"])
			}
		})
	}
}
