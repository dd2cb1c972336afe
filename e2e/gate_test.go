package e2e

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/scan2food/usher/internal/testsite"
	"github.com/scan2food/usher/internal/testwait"
)

// open opens a socket. It returns the socket or, if the handshake was rejected, the status.
func open(t *testing.T, site, screen, key string) (*websocket.Conn, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testwait.Limit)
	defer cancel()
	url := strings.Replace(site, "http", "ws", 1) + "/ws/" + screen + "/?key=" + key
	conn, response, err := websocket.Dial(ctx, url, nil)
	if err == nil {
		return conn, http.StatusSwitchingProtocols
	}
	if response == nil {
		t.Fatalf("opening %s: %v", screen, err)
	}
	return nil, response.StatusCode
}

func TestNinePairs(t *testing.T) {
	need(t, "gunicorn")
	site := startDjango(t)
	caddy := startUsher(t, site, testsite.FreePort(t))
	for screen := range keys {
		for owner, key := range keys {
			want := http.StatusForbidden
			if owner == screen {
				want = http.StatusSwitchingProtocols
			}
			conn, status := open(t, caddy.url, screen, key)
			if status != want {
				t.Errorf("key of %s on %s: status %d, want %d", owner, screen, status, want)
			}
			if conn != nil {
				ctx, cancel := context.WithTimeout(context.Background(), testwait.Limit)
				if _, message, err := conn.Read(ctx); err != nil || !strings.Contains(string(message), "connected") {
					t.Errorf("%s: read %q, %v", screen, message, err)
				}
				cancel()
				_ = conn.Close(websocket.StatusNormalClosure, "")
			}
		}
	}
	seen := site.seen(t)
	if got := strings.Count(seen, "WSCONNECTING"); got != 3 {
		t.Errorf("Daphne saw %d handshakes, want 3:\n%s", got, seen)
	}
	for _, key := range keys {
		if strings.Contains(caddy.output.String(), key) {
			t.Error("Caddy's log contains a key")
		}
	}
}

func TestRejectedHandshakesNeverReachDaphne(t *testing.T) {
	need(t, "gunicorn")
	site := startDjango(t)
	caddy := startUsher(t, site, testsite.FreePort(t))
	for range 20 {
		if _, status := open(t, caddy.url, "chat", "a-wrong-key-0123456789"); status != http.StatusUnauthorized {
			t.Fatalf("status %d, want 401", status)
		}
	}
	if seen := site.seen(t); strings.Contains(seen, "WS") {
		t.Errorf("Daphne saw %s", seen)
	}
}

func getAsset(site string) error {
	response, err := http.Get(site + "/static/theatre_js/live-orders/worker.js")
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

func TestReload(t *testing.T) {
	need(t, "gunicorn")
	site := startDjango(t)
	caddy := startUsher(t, site, testsite.FreePort(t))
	before, status := open(t, caddy.url, "chat", keys["chat"])
	if status != http.StatusSwitchingProtocols {
		t.Fatalf("status %d", status)
	}
	defer func() { _ = before.CloseNow() }()

	// Request assets during the whole reload.
	asking, stop := context.WithCancel(context.Background())
	failed := make(chan error, 1)
	go func() {
		defer close(failed)
		for asking.Err() == nil {
			err := getAsset(caddy.url)
			if err != nil {
				// Caddy may close an idle connection while a request is sent. Browsers retry once, too.
				err = getAsset(caddy.url)
			}
			if err != nil {
				failed <- err
				return
			}
		}
	}()
	caddy.reload(t)
	stop()
	if err := <-failed; err != nil {
		t.Errorf("asset requested during the reload: %v", err)
	}
	after, status := open(t, caddy.url, "chat", keys["chat"])
	if status != http.StatusSwitchingProtocols {
		t.Fatalf("socket opened after the reload: status %d", status)
	}
	_ = after.CloseNow()

	// The earlier socket stays open, with the same Daphne.
	ctx, cancel := context.WithTimeout(context.Background(), testwait.Limit)
	defer cancel()
	go func() {
		for { // messages of the application arrive before the pong
			if _, _, err := before.Read(ctx); err != nil {
				return
			}
		}
	}()
	if err := before.Ping(ctx); err != nil {
		t.Errorf("socket opened before the reload: %v, want a pong from Daphne", err)
	}
	_ = before.CloseNow()
	waitFor(t, "WSDISCONNECT in the log", func() bool {
		return strings.Contains(caddy.output.String(), "WSDISCONNECT")
	})
}

func TestApplicationDown(t *testing.T) {
	need(t, "gunicorn")
	site := startDjango(t)
	caddy := startUsher(t, site, testsite.FreePort(t))
	site.daphneProcess.stop()
	if _, status := open(t, caddy.url, "chat", keys["chat"]); status != http.StatusBadGateway {
		t.Errorf("a good key: %d, want 502", status)
	}
	if _, status := open(t, caddy.url, "chat", "a-wrong-key-0123456789"); status != http.StatusUnauthorized {
		t.Errorf("a wrong key: %d, want 401", status)
	}
	waitFor(t, "upstream_failed in the log", func() bool { return strings.Contains(caddy.output.String(), "upstream_failed") })
	site.startDaphne(t)
	waitFor(t, "sockets again", func() bool {
		conn, status := open(t, caddy.url, "chat", keys["chat"])
		if conn != nil {
			_ = conn.CloseNow()
		}
		return status == http.StatusSwitchingProtocols
	})
	if strings.Contains(caddy.output.String(), keys["chat"]) {
		t.Error("Caddy's log contains a key")
	}
}
