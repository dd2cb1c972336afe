package gate

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// A client above the limit of rejections gets a short response with Retry-After. Its valid key and other clients are unaffected.
func TestRefusalsOfOneClient(t *testing.T) {
	t.Parallel()
	g := newGate(t, 1, nil)
	now := time.Date(2026, 2, 11, 8, 0, 0, 0, time.UTC)
	g.config.Now = func() time.Time { return now }
	g.config.RejectionLimiter = sockets.NewRejectionLimiter(2, time.Minute)
	g.config.Client = func(r *http.Request) netip.Addr { return netip.MustParseAddrPort(r.RemoteAddr).Addr() }
	for i, c := range []struct {
		name, target, client string
		plain                bool
		status               int
		outcome              Outcome
		retry                string
	}{
		{"the first", "/ws/0/", "192.0.2.1:1", false, 401, KeyMissing, ""},
		{"the second", "/ws/0/?key=a-wrong-key-0123456789", "192.0.2.1:2", false, 401, KeyUnknown, ""},
		{"one too many", "/ws/0/?key=a-wrong-key-0123456789", "192.0.2.1:3", false, 429, TooMany, "60"},
		{"no handshake", "/ws/0/", "192.0.2.1:4", true, 426, NotWebSocket, ""},
		{"a good key", "/ws/0/?key=" + secret + "-0-0", "192.0.2.1:5", false, 403, UpstreamRefused, ""},
		{"another client", "/ws/0/", "192.0.2.2:1", false, 401, KeyMissing, ""},
	} {
		r := handshake(c.target)
		if c.plain {
			r.Header.Del("Connection")
		}
		r.RemoteAddr = c.client
		w, d := httptest.NewRecorder(), g.Decide(r)
		err := g.ServeHTTP(w, r, d, nextFunc(func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(http.StatusForbidden)
			return nil
		}))
		if err != nil || w.Code != c.status || d.Outcome != c.outcome || w.Header().Get("Retry-After") != c.retry {
			t.Errorf("%d, %s: %d %s, Retry-After %q, %v, want %d %s and %q",
				i, c.name, w.Code, d.Outcome, w.Header().Get("Retry-After"), err, c.status, c.outcome, c.retry)
		}
	}
}

// Upgrade is valid only where Connection lists it (RFC 9110, 7.8). A rejected handshake ends the connection as well.
func TestUpgradeRequired(t *testing.T) {
	t.Parallel()
	g := newGate(t, 1, nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = g.ServeHTTP(w, r, g.Decide(r), nil)
	}))
	defer server.Close()
	for _, c := range []struct {
		name, headers string
		closed        bool
	}{
		{"wrong version", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n", true},
		{"no handshake", "", false},
	} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET /ws/0/ HTTP/1.1\r\nHost: localhost\r\n%s\r\n", c.headers)
		lines := make(map[string]bool)
		reader := bufio.NewReader(conn)
		for line := ""; line != "\r\n"; {
			if line, err = reader.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			lines[line] = true
		}
		if !lines["HTTP/1.1 426 Upgrade Required\r\n"] || !lines["Upgrade: websocket\r\n"] || !lines["Connection: Upgrade\r\n"] {
			t.Errorf("%s: %v, want 426 with Upgrade and Connection: Upgrade", c.name, lines)
		}
		if lines["Connection: close\r\n"] != c.closed {
			t.Errorf("%s: %v, want Connection: close to be %t", c.name, lines, c.closed)
		}
		if c.closed {
			if _, err := io.Copy(io.Discard, reader); err != nil {
				t.Errorf("%s: the connection ends with %v", c.name, err)
			}
		}
	}
}
