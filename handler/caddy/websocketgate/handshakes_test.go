package websocketgate_test

import (
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/caddy/socketlog"
	"github.com/scan2food/usher/internal/testsite"
	"github.com/scan2food/usher/internal/testwait"
)

func withoutKeyHeader(headers string) string {
	return "GET /ws/a/?key=" + testsite.GoodKey + " HTTP/1.1\r\nHost: localhost\r\nSec-WebSocket-Version: 13\r\n" + testsite.Upgrade + headers + "\r\n"
}

func withoutVersion(headers string) string {
	return "GET /ws/a/?key=" + testsite.GoodKey +
		" HTTP/1.1\r\nHost: localhost\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + testsite.Upgrade + headers + "\r\n"
}

// Every request that a proxy would tunnel is a handshake, in every notation.
func TestRejectedHandshakes(t *testing.T) {
	t.Parallel()
	checkRejections(t, []rejection{
		{"no key", testsite.Get("/ws/a/", testsite.Upgrade), 401, "key_missing", "the plain case"},
		{"Connection in lower case", testsite.Get("/ws/a/", "Connection: upgrade\r\nUpgrade: websocket\r\n"), 401, "key_missing", "case of the token"},
		{"Upgrade in mixed case", testsite.Get("/ws/a/", "Connection: Upgrade\r\nUpgrade: WebSocket\r\n"), 401, "key_missing", "case of the protocol"},
		{"white space around the protocol", testsite.Get("/ws/a/", "Connection: Upgrade\r\nUpgrade: \twebsocket \t\r\n"), 401, "key_missing", "white space around"},
		{"two protocols in one Upgrade line", testsite.Get(testsite.Keyed, "Connection: Upgrade\r\nUpgrade: websocket, foo\r\n"), 400, "malformed", "two protocols in a list"},
		{"Upgrade lines, websocket first", testsite.Get(testsite.Keyed, testsite.Upgrade+"Upgrade: h2c\r\n"), 400, "malformed", "two lines, websocket first"},
		{"Upgrade lines, h2c first", testsite.Get(testsite.Keyed, "Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n"), 400, "malformed", "h2c first"},
		{"upgrade token on the second Connection line", testsite.Get("/ws/a/", "Connection: keep-alive\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"), 401, "key_missing",
			"the token on the second line"},
		{"POST handshake", "POST " + testsite.Keyed + " HTTP/1.1\r\n" + testsite.Base + testsite.Upgrade + "Content-Length: 0\r\n\r\n", 405, "malformed", "not a GET"},
		{"HTTP/1.0 handshake", "GET " + testsite.Keyed + " HTTP/1.0\r\n" + testsite.Base + testsite.Upgrade + "\r\n", 400, "malformed", "HTTP/1.0 cannot switch"},
		{"h2c upgrade on a route", testsite.Get(testsite.Keyed, "Connection: Upgrade\r\nUpgrade: h2c\r\n"), 403, "unlisted", "h2c on a route, with its key"},
		{"version 12", strings.Replace(testsite.Get(testsite.Keyed, testsite.Upgrade), "Version: 13", "Version: 12", 1), 426, "malformed", "version 12"},
		{"no version", withoutVersion(""), 426, "malformed", "no version"},
		{"two versions in one line", withoutVersion("Sec-WebSocket-Version: 13, 12\r\n"), 426, "malformed", "two versions in a list"},
		{"two version lines", testsite.Get(testsite.Keyed, testsite.Upgrade+"Sec-WebSocket-Version: 13\r\n"), 426, "malformed", "two version lines"},
		{"no Sec-WebSocket-Key", withoutKeyHeader(""), 400, "malformed", "no Sec-WebSocket-Key"},
		{"empty Sec-WebSocket-Key", withoutKeyHeader("Sec-WebSocket-Key:\r\n"), 400, "malformed", "an empty one"},
		{"two Sec-WebSocket-Key lines", testsite.Get(testsite.Keyed, testsite.Upgrade+"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), 400, "malformed", "two"},
		{"Sec-WebSocket-Key of 15 bytes", withoutKeyHeader("Sec-WebSocket-Key: " + base64.StdEncoding.EncodeToString(make([]byte, 15)) + "\r\n"),
			400, "malformed", "15 bytes"},
		{"Sec-WebSocket-Key of 17 bytes", withoutKeyHeader("Sec-WebSocket-Key: " + base64.StdEncoding.EncodeToString(make([]byte, 17)) + "\r\n"),
			400, "malformed", "17 bytes"},
		{"plain GET on a route", testsite.Get(testsite.Keyed, ""), 426, "not_websocket", "plain HTTP is never proxied to a socket path"},
		{"plain POST on a route", "POST " + testsite.Keyed + " HTTP/1.1\r\n" + testsite.Base + "Content-Length: 2\r\n\r\nhi", 426, "not_websocket", "nor a POST"},
		{"Upgrade without Connection", testsite.Get(testsite.Keyed, "Upgrade: websocket\r\n"), 426, "not_websocket", "without Connection: upgrade it is plain HTTP"},
		{"handshake with a body", testsite.Get(testsite.Keyed, testsite.Upgrade+"Content-Length: 5\r\n") + "hello", 400, "malformed", "a body"},
		{"handshake with a chunked body", testsite.Get(testsite.Keyed, testsite.Upgrade+"Transfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400, "malformed", "a chunked body"},
		{"space before the colon", testsite.Get(testsite.Keyed, "Connection: Upgrade\r\nUpgrade : websocket\r\n"), 400, "", "a space before the colon"},
		{"folded Upgrade line", testsite.Get("/ws/a/", "Connection: Upgrade\r\nUpgrade:\r\n websocket\r\n"), 401, "key_missing",
			"net/http unfolds the line"},
		{"CONNECT", "CONNECT localhost:80 HTTP/1.1\r\n" + testsite.Base + "\r\n", 405, "malformed", "a tunnel"},
		{"CONNECT with Upgrade", "CONNECT /ws/a/ HTTP/1.1\r\n" + testsite.Base + testsite.Upgrade + "\r\n", 405, "malformed", "a tunnel with Upgrade"},
	})
}

// A request that is pipelined after a rejected handshake gets no response.
func TestPipelinedRequestIsNotServed(t *testing.T) {
	t.Parallel()
	site, app := testsite.StartGate(t, "")
	conn, response := testsite.ExchangeOpen(t, site.Addr, testsite.Get("/ws/a/", testsite.Upgrade)+"GET /admin HTTP/1.1\r\nHost: localhost\r\n\r\n")
	defer conn.Close()
	if response.StatusCode != 401 {
		t.Fatalf("status %d, want 401", response.StatusCode)
	}
	rest, _ := io.ReadAll(conn)
	if strings.Contains(string(rest), "HTTP/1.1") || len(app.Seen()) > 0 {
		t.Errorf("the second request got a response: %q", rest)
	}
}

// A plain request loses Daphne-Root-Path too, and otherwise passes unchanged.
func TestPlainRequestsPass(t *testing.T) {
	t.Parallel()
	site, app := testsite.StartGate(t, "")
	response := testsite.Exchange(t, site.Addr, testsite.Get("/page?key=of-something-else", "Daphne-Root-Path: /x\r\n"))
	seen := app.Seen()
	if response.StatusCode != 200 || len(seen) != 1 || seen[0].Header.Get("Daphne-Root-Path") != "" {
		t.Errorf("status %d, the application saw %v", response.StatusCode, seen)
	}
	if !strings.Contains(site.Logs.String(), "of-something-else") {
		t.Error("the log redacts a parameter that is not a key of this site")
	}
}

// The client gets the application's own response to a handshake, and no tunnel for the bytes that follow. A 101 that does not
// match the handshake is an error of the application.
func TestApplicationRejectsHandshake(t *testing.T) {
	t.Parallel()
	site, app := testsite.StartGate(t, "")
	const (
		switched    = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
		refused     = "the application or a later handler rejected the handshake"
		switched101 = "the 101 of the application is invalid; want Upgrade: websocket"
		accept      = "the handshake with the application failed: route a: the application sent a wrong Sec-WebSocket-Accept"
	)
	for _, c := range []struct {
		name, raw string // the application's response
		status    int
		outcome   string
		reason    string
	}{
		{"200", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "upstream_refused", refused},
		{"403", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 403, "upstream_refused", refused},
		{"426", "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n", 426, "upstream_refused", refused},
		{"other protocol", switched + "Upgrade: h2c\r\n\r\n", 502, "upstream_failed", switched101},
		{"no protocol", switched + "\r\n", 502, "upstream_failed", switched101},
		{"bad accept", switched + "Upgrade: websocket\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n", 502,
			"upstream_failed", accept},
		{"no accept", switched + "Upgrade: websocket\r\n\r\n", 502, "upstream_failed", accept},
	} {
		// A proxy retries if a reused connection has ended, so the channel has room for several requests.
		behind := make(chan string, 10)
		app.Answer(func(w http.ResponseWriter, r *http.Request) bool {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return true
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(testwait.Limit))
			_, _ = io.WriteString(conn, c.raw)
			if strings.HasPrefix(c.raw, switched) {
				rest, _ := io.ReadAll(conn)
				behind <- string(rest)
				return true
			}
			behind <- ""
			return true
		})
		response := testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade)+"GET /admin HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if response.StatusCode != c.status || response.Header.Get("Sec-WebSocket-Accept") != "" {
			t.Errorf("%s: the client got %d %v, want %d", c.name, response.StatusCode, response.Header, c.status)
		}
		if got := <-behind; got != "" {
			t.Errorf("%s: %q went through a tunnel", c.name, got)
		}
		rejected := site.Logs.With("WSREJECT")
		if last := rejected[len(rejected)-1]; last["outcome"] != c.outcome || last["status"] != float64(c.status) ||
			last["reason"] != c.reason {
			t.Errorf("%s: logged %v, want %s, %q", c.name, last, c.outcome, c.reason)
		}
	}
	if opened := site.Logs.With("WSCONNECT"); len(opened) > 0 {
		t.Errorf("logged as open: %v", opened)
	}
	if strings.Contains(testsite.LogWithoutProxy(site.Logs), testsite.GoodKey) {
		t.Error("the logs contain a key")
	}
}

// A handshake that a later handler aborts gets no response, one line and one count.
func TestAbortedHandshakeIsLogged(t *testing.T) {
	t.Parallel()
	site := testsite.Start(t, `
		http://localhost
		websocket_gate {
			route aborted /ws/a/ {
				key `+testsite.GoodKey+`
			}
		}
		abort
	`)
	before := socketlog.Counts()["aborted"]["upstream_refused"]
	conn, err := net.Dial("tcp", site.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, testsite.Get(testsite.Keyed, testsite.Upgrade))
	if response, _ := io.ReadAll(conn); len(response) > 0 {
		t.Errorf("the client got %q, want no response", response)
	}
	testsite.Eventually(t, "WSREJECT", func() bool { return len(site.Logs.With("WSREJECT")) > 0 })
	lines := site.Logs.With("WSREJECT")
	if line := lines[0]; len(lines) > 1 || line["outcome"] != "upstream_refused" || line["status"] != 0.0 ||
		line["reason"] != "a later handler aborted the connection" || line["id"] == 0.0 {
		t.Errorf("logged %v, want one line upstream_refused without a status", lines)
	}
	if count := socketlog.Counts()["aborted"]["upstream_refused"] - before; count != 1 {
		t.Errorf("counted %d times, want once", count)
	}
}
