package websockettunnel_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/scan2food/usher/internal/testsite"
)

func TestPaceRejectsWhatWouldWaitTooLong(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	site := tunnelSite(t, app.Addr, "pace 1/1h")
	if _, response := openTunnel(t, site); response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the first handshake: %s", response.Status)
	}
	_, response := openTunnel(t, site)
	retry, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	if response.StatusCode != http.StatusServiceUnavailable || retry < 3590 || retry > 7200 {
		t.Errorf("the second handshake: %s, Retry-After %d, want 503 and one to two hours", response.Status, retry)
	}
}

// Behind a gate, the outcome is upstream_busy, and scripts get 1013.
func TestPaceBehindTheGate(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	site := testsite.Start(t, "http://127.0.0.1\nwebsocket_gate {\nroute chat /ws/ {\npublic\n}\nreject auto\n}\nwebsocket_tunnel "+app.Addr+" {\npace 1/1h\n}\n")
	url := strings.Replace(site.URL, "http", "ws", 1) + "/ws/"
	first, _, err := websocket.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.CloseNow() }()
	page, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {site.URL}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := page.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusTryAgainLater || !strings.Contains(err.Error(), "retry after") {
		t.Errorf("a page got %v, want 1013 and when to retry", err)
	}
	_, response, err := websocket.Dial(t.Context(), url, nil)
	if err == nil || response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Errorf("another client got %v, want 503 and Retry-After", err)
	}
	testsite.Eventually(t, "both rejections are logged, one with 1013", func() bool {
		codes := 0.0
		lines := site.Logs.With("WSREJECT")
		for _, line := range lines {
			if line["outcome"] != "upstream_busy" {
				t.Fatalf("WSREJECT %v", line)
			}
			codes += line["close_code"].(float64)
		}
		return len(lines) == 2 && codes == 1013
	})
}
