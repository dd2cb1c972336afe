//lint:file-ignore SA1019 Caddy serves HTTP/2 with x/net/http2, and only there can extended CONNECT be switched on

package websocketgate_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// extendedConnects are the cases that HTTP/2 and HTTP/3 share.
func extendedConnects(t *testing.T, site *testsite.Site, app *testsite.Application, open testsite.Opener) {
	t.Helper()
	for _, c := range []struct {
		name, target, protocol string
		status                 int
		outcome, why           string
	}{
		{"no key", "/ws/a/", "websocket", 401, "key_missing", "the same rules as on HTTP/1.1"},
		{"wrong key", "/ws/a/?key=wrong", "websocket", 401, "key_unknown", "the same rules as on HTTP/1.1"},
		{"other route", "/ws/a/?key=" + testsite.OtherKey, "websocket", 403, "key_other_route", "the same rules as on HTTP/1.1"},
		{"unlisted", "/elsewhere/?key=" + testsite.GoodKey, "websocket", 403, "unlisted", "the same rules as on HTTP/1.1"},
		{"protocol in mixed case", testsite.Keyed, "WebSocket", 403, "unlisted", "the token is case-sensitive"},
		{"connect-udp", testsite.Keyed, "connect-udp", 403, "unlisted", "another protocol"},
		{"webtransport", "/", "webtransport", 403, "unlisted", "another protocol, on any path"},
	} {
		s := open(t, c.target, c.protocol, nil)
		if s.Status != c.status || s.Outcome != c.outcome {
			t.Errorf("%s: %d %s, want %d %s (%s)", c.name, s.Status, s.Outcome, c.status, c.outcome, c.why)
		}
		s.Close()
		if seen := app.Seen(); len(seen) > 0 {
			t.Errorf("%s: the application saw %s %s", c.name, seen[0].Method, seen[0].URL)
		}
	}
	s := open(t, testsite.Keyed, "websocket", http.Header{"Daphne-Root-Path": {"/x"}})
	if s.Status != http.StatusOK {
		t.Fatalf("a good key: %d, want 200", s.Status)
	}
	hello := "\x81\x85\x00\x00\x00\x00hello" // a masked frame with a mask of zeros
	if _, err := io.WriteString(s, hello); err != nil {
		t.Fatal(err)
	}
	echo := make([]byte, len(hello))
	if _, err := io.ReadFull(s, echo); err != nil || string(echo) != hello {
		t.Errorf("the echo is %q, %v", echo, err)
	}
	s.Close()
	seen := app.Seen()
	if len(seen) != 1 || seen[0].Header.Get("Daphne-Root-Path") != "" {
		t.Errorf("the application saw %v", seen)
	}
	testsite.Eventually(t, "the end is logged", func() bool { return len(site.Logs.Ended()) > 0 })
	if strings.Contains(testsite.LogWithoutProxy(site.Logs), testsite.GoodKey) {
		t.Error("the logs contain a key")
	}
}

func TestHTTP3(t *testing.T) {
	t.Parallel()
	site, app := testsite.StartGate(t, "")
	extendedConnects(t, site, app, testsite.OverHTTP3(t, site))
}

// Go enables extended CONNECT on HTTP/2 only by GODEBUG at the start of a process, so the test starts one.
func TestHTTP2(t *testing.T) {
	testsite.WithExtendedConnect(t, func() {
		site, app := testsite.StartGate(t, "")
		extendedConnects(t, site, app, testsite.OverHTTP2(t, site))
	})
}

// A rejection in a stream has a close code too: 200, the Close frame, then the end of the stream.
func TestRejectCloseOnStreams(t *testing.T) {
	testsite.WithExtendedConnect(t, func() {
		app := testsite.StartApplication(t)
		site := testsite.Start(t, `
			http://localhost
			websocket_gate {
				route a /ws/a/ {
					key `+testsite.GoodKey+`
				}
				reject close
			}
			reverse_proxy `+app.Addr)
		for name, open := range map[string]testsite.Opener{"HTTP/2": testsite.OverHTTP2(t, site), "HTTP/3": testsite.OverHTTP3(t, site)} {
			refused := open(t, "/ws/a/", "websocket", nil)
			if refused.Status != http.StatusOK {
				t.Fatalf("%s: status %d, want 200", name, refused.Status)
			}
			head := make([]byte, 4)
			if _, err := io.ReadFull(refused, head); err != nil || head[0] != 0x88 || head[2] != 0x11 || head[3] != 0x31 {
				t.Errorf("%s: read % x, %v, want a Close frame with 4401", name, head, err)
			}
			reason := make([]byte, head[1]-2)
			if _, err := io.ReadFull(refused, reason); err != nil || !strings.HasPrefix(string(reason), "key_missing: ") {
				t.Errorf("%s: the reason is %q, %v", name, reason, err)
			}
			_, _ = refused.Write([]byte{0x88, 0x82, 0, 0, 0, 0, 0x11, 0x31})
			if rest, err := io.ReadAll(refused); err != nil || len(rest) > 0 {
				t.Errorf("%s: %x, %v, want the end", name, rest, err)
			}
			refused.Close()
			if unlisted := open(t, "/elsewhere/", "websocket", nil); unlisted.Status != http.StatusForbidden {
				t.Errorf("%s: an unlisted path got %d, want 403", name, unlisted.Status)
			}
		}
		if seen := app.Seen(); len(seen) > 0 {
			t.Errorf("the application got %d rejected handshakes", len(seen))
		}
	})
}
