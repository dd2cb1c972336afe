//go:build unix

package websockettunnel_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// The metrics count the sockets of a tunnel without a gate under the empty route.
func TestTunnelMetrics(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	app.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		switch r.URL.RawQuery {
		case "refuse":
			w.WriteHeader(http.StatusForbidden)
		case "hang":
			<-r.Context().Done()
		case "break":
			panic(http.ErrAbortHandler)
		default:
			return false
		}
		return true
	})
	process := testsite.StartTunnelProcess(t, app.Addr, "handshake_timeout 200ms")
	for query, want := range map[string]int{"refuse": 403, "hang": 504, "break": 502} {
		if got := testsite.Exchange(t, process.Addr, strings.Replace(tunnelHandshake, "a=1", query, 1)).StatusCode; got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	if got := testsite.Exchange(t, process.Addr, strings.Replace(tunnelHandshake, "Version: 13", "Version: 12", 1)).StatusCode; got != 426 {
		t.Errorf("another version: %d, want 426", got)
	}
	conn, _ := openTunnel(t, &testsite.Site{Addr: process.Addr})
	echoes(t, conn, "hello")
	for _, want := range []string{
		`usher_websocket_open{host="",key="",route=""} 1`,
		`usher_websocket_handshakes_total{host="",outcome="accepted",route=""} 1`,
		`usher_websocket_handshakes_total{host="",outcome="malformed",route=""} 1`,
		`usher_websocket_handshakes_total{host="",outcome="upstream_refused",route=""} 1`,
		`usher_websocket_handshakes_total{host="",outcome="upstream_timeout",route=""} 1`,
		`usher_websocket_handshakes_total{host="",outcome="upstream_failed",route=""} 1`,
	} {
		if got := string(process.Get(t, "/metrics")); !strings.Contains(got, want+"\n") {
			t.Errorf("the metrics have no %s:\n%s", want, linesWith(got, "usher_websocket"))
		}
	}
	conn.Close()
	testsite.Eventually(t, "the bytes are counted", func() bool {
		return strings.Contains(string(process.Get(t, "/metrics")), `usher_websocket_bytes_total{direction="in",host="",route=""} 11`)
	})
}

func linesWith(text, word string) string {
	var found []string
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, word) {
			found = append(found, line)
		}
	}
	return strings.Join(found, "\n")
}
