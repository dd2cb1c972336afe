package usher

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/scan2food/usher/handler/gate"
)

const (
	oldKey = "the-old-key-0123456789"
	newKey = "the-new-key-0123456789"
)

// openSocket opens a socket of the chat route with a key.
func openSocket(t *testing.T, site *testSite, key string) *websocket.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, strings.Replace(site.URL, "http", "ws", 1)+"/ws/chat/?key="+key, nil)
	if err != nil {
		t.Fatalf("opening a socket: %v", err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// closedWith waits for the end of a socket.
func closedWith(t *testing.T, conn *websocket.Conn) websocket.StatusCode {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, _, err := conn.Read(ctx)
	return websocket.CloseStatus(err)
}

// startEcho is an application that speaks WebSocket and echoes messages.
func startEcho(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(echoMessages))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func echoMessages(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	for {
		kind, message, err := conn.Read(r.Context())
		if err != nil || conn.Write(r.Context(), kind, message) != nil {
			return
		}
	}
}

// stillOpen has the application echo.
func stillOpen(t *testing.T, conn *websocket.Conn) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := conn.Write(ctx, websocket.MessageText, []byte("are you there")); err != nil {
		return false
	}
	_, answer, err := conn.Read(ctx)
	return err == nil && string(answer) == "are you there"
}

func replaceFile(t *testing.T, path, content string) {
	t.Helper()
	next := path + ".next"
	if err := os.WriteFile(next, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

// A key that leaves the file closes what it opened and nothing else, without a reload; a file that cannot be used changes
// nothing.
func TestKeysFile(t *testing.T) {
	t.Parallel()
	address := startEcho(t)
	path := filepath.Join(t.TempDir(), "chat.keys")
	replaceFile(t, path, "old "+oldKey+"\n")
	site := startSite(t, fmt.Sprintf(`
		http://localhost http://127.0.0.1
		websocket_gate {
			route chat /ws/chat/ {
				keys_file %s
			}
		}
		reverse_proxy %s
	`, path, address))
	byOld := openSocket(t, site, oldKey)

	replaceFile(t, path, "old "+oldKey+"\nnew "+newKey+"\n")
	eventually(t, "the new key admitted", func() bool {
		return exchange(t, site.Addr, get("/ws/chat/?key="+newKey, upgrade)).StatusCode == http.StatusSwitchingProtocols
	})
	byNew := openSocket(t, site, newKey)
	if !stillOpen(t, byOld) {
		t.Fatal("adding a key closed the socket of another")
	}

	replaceFile(t, path, "new short\n")
	eventually(t, "the broken file reported", func() bool {
		return len(site.Logs.With("a file of keys cannot be used; the last good keys stay in force")) > 0
	})
	if !stillOpen(t, byOld) || !stillOpen(t, byNew) {
		t.Fatal("a broken file closed a socket")
	}
	if bad := gaugeOf(t, "usher_websocket_keys_file_bad", "chat"); bad != 1 {
		t.Errorf("the gauge of a broken file is %v, want 1", bad)
	}

	replaceFile(t, path, "new "+newKey+"\n")
	if code := closedWith(t, byOld); code != 4401 {
		t.Errorf("the socket of the key that went away: closed with %d, want 4401", code)
	}
	if !stillOpen(t, byNew) {
		t.Error("the socket of the key that stayed was closed")
	}
	if bad := gaugeOf(t, "usher_websocket_keys_file_bad", "chat"); bad != 0 {
		t.Errorf("the gauge of a file that is good again is %v, want 0", bad)
	}
	if answer := exchange(t, site.Addr, get("/ws/chat/?key="+oldKey, upgrade)); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("the old key: %d, want 401", answer.StatusCode)
	}
	for _, secret := range []string{oldKey, newKey} {
		if strings.Contains(site.Logs.String(), secret) {
			t.Errorf("a log line holds a key")
		}
	}
}

// gaugeOf is a gauge of a route, as Prometheus reads it.
func gaugeOf(t *testing.T, name, route string) float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(gateState{})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == name && metric.GetLabel()[0].GetValue() == route {
				return metric.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no gauge %s of route %s", name, route)
	return 0
}

func TestKeysFileMustBeGoodAtStart(t *testing.T) {
	t.Parallel()
	_, err := provisionSite(t, `
		http://localhost
		websocket_gate {
			route chat /ws/chat/ {
				keys_file /nonexistent/chat.keys
			}
		}
	`)
	if err == nil || !strings.Contains(err.Error(), "route chat") || !strings.Contains(err.Error(), "chat.keys") {
		t.Errorf("provisioning: %v, want an error that names the route and the file", err)
	}
}

// What a page's script sees: the code and the reason of the outcome, and the application sees nothing.
func TestRejectClose(t *testing.T) {
	t.Parallel()
	app := startApplication(t)
	site := startSite(t, fmt.Sprintf(`
		http://localhost http://127.0.0.1
		websocket_gate {
			route chat /ws/chat/ {
				key %s
				max_open 1
			}
			reject auto
		}
		reverse_proxy %s
	`, newKey, app.Addr))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	browser := &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {site.URL}}, Subprotocols: []string{"chat.v2"}}
	dial := func(query string, options *websocket.DialOptions) (code websocket.StatusCode, reason string) {
		t.Helper()
		conn, response, err := websocket.Dial(ctx, strings.Replace(site.URL, "http", "ws", 1)+"/ws/chat/"+query, options)
		if err != nil {
			return websocket.StatusCode(response.StatusCode), ""
		}
		defer func() { _ = conn.CloseNow() }()
		_, _, err = conn.Read(ctx)
		var closed websocket.CloseError
		if !errors.As(err, &closed) {
			t.Errorf("%s: %v, want a Close frame", query, err)
		}
		return closed.Code, closed.Reason
	}
	if code, reason := dial("", browser); code != 4401 || !strings.HasPrefix(reason, "key_missing: ") {
		t.Errorf("a browser without a key: %d %q", code, reason)
	}
	if code, reason := dial("?key=some-wrong-key-0123", browser); code != 4401 || !strings.HasPrefix(reason, "key_unknown: ") {
		t.Errorf("a browser with a wrong key: %d %q", code, reason)
	}
	if code, _ := dial("", nil); code != http.StatusUnauthorized {
		t.Errorf("no browser: %d, want 401", code)
	}
	if seen := app.Seen(); len(seen) > 0 {
		t.Errorf("the application saw %d refused handshakes", len(seen))
	}
	openSocket(t, site, newKey)
	if code, reason := dial("?key="+newKey, browser); code != 4429 || reason != "too_many: retry after 10 s" {
		t.Errorf("one too many: %d %q", code, reason)
	}
	// The line is written when the closing is over, which the browser need not wait for.
	eventually(t, "a WSREJECT line of the closing", func() bool {
		return slices.ContainsFunc(site.Logs.With("WSREJECT"), func(line map[string]any) bool {
			return line["close_code"] == float64(4401) && line["outcome"] == "key_missing"
		})
	})
}

// The route goes dark without a further request, is reported once, and is lit again by the next socket.
func TestDarkAfter(t *testing.T) {
	t.Parallel()
	app := startApplication(t)
	site := startSite(t, fmt.Sprintf(`
		http://localhost http://127.0.0.1
		websocket_gate {
			route dark_chat /ws/chat/ {
				key %s
			}
			dark_after 3 1s
		}
		reverse_proxy %s
	`, newKey, app.Addr))
	count := func(outcome gate.Outcome) float64 {
		return testutil.ToFloat64(handshakesTotal.WithLabelValues("dark_chat", string(outcome)))
	}
	missing, accepted := count(gate.KeyMissing), count(gate.Accepted)
	for range 3 {
		exchange(t, site.Addr, get("/ws/chat/", upgrade))
	}
	line := func(level, part string) bool {
		for _, text := range strings.Split(site.Logs.String(), "\n") {
			if strings.Contains(text, `"level":"`+level+`"`) && strings.Contains(text, part) {
				return true
			}
		}
		return false
	}
	eventually(t, "the route reported as dark", func() bool {
		return line("error", "dark_chat: 3 refusals and no accepted handshake for") && line("error", "100% key_missing")
	})
	if problems := strings.Count(site.Logs.String(), "no accepted handshake"); problems != 1 {
		t.Errorf("reported %d times, want once", problems)
	}
	eventually(t, "the event", func() bool { return strings.Contains(site.Logs.String(), "websocket_route_dark") })
	if got := count(gate.KeyMissing) - missing; got != 3 {
		t.Errorf("counted %v refusals, want 3", got)
	}
	openSocket(t, site, newKey)
	eventually(t, "the route lit again", func() bool { return line("info", "dark_chat: a handshake was accepted again") })
	if got := count(gate.Accepted) - accepted; got != 1 {
		t.Errorf("counted %v accepted handshakes, want 1", got)
	}
}

// A reload that no longer has the key, or the route, closes what it opened; one that has both closes nothing of it.
func TestReloadClosesTheRevoked(t *testing.T) {
	address := startEcho(t)
	config := func(key, route string) string {
		return fmt.Sprintf(`
			http://localhost http://127.0.0.1
			websocket_gate {
				route %s /ws/chat/ {
					key %s
				}
			}
			reverse_proxy %s {
				stream_close_delay 1m
			}
		`, route, key, address)
	}
	for _, c := range []struct {
		name, key, route string
		code             websocket.StatusCode
	}{
		{"the same", oldKey, "reloaded", 0},
		{"another key", newKey, "reloaded", 4401},
		{"another route", oldKey, "renamed", websocket.StatusGoingAway},
	} {
		t.Run(c.name, func(t *testing.T) {
			expectOfReload(t, config(oldKey, "reloaded"), config(c.key, c.route), c.code)
		})
	}
}

// expectOfReload opens a socket with the old key and has it closed by a reload with the code; 0: it stays open.
func expectOfReload(t *testing.T, before, after string, code websocket.StatusCode) {
	t.Helper()
	first := startSite(t, before)
	conn := openSocket(t, first, oldKey)
	startSite(t, after)
	first.Unload()
	if code == 0 {
		if !stillOpen(t, conn) {
			t.Error("a reload that admits the socket closed it")
		}
		return
	}
	if got := closedWith(t, conn); got != code {
		t.Errorf("closed with %d, want %d", got, code)
	}
}

// Limits hold over a reload, also where other routes come and go.
func TestReloadKeepsCounting(t *testing.T) {
	address := startEcho(t)
	config := func(more string) string {
		return fmt.Sprintf(`
			http://localhost http://127.0.0.1
			websocket_gate {
				%s
				route chat /ws/chat/ {
					key %s
					max_open 1
				}
			}
			reverse_proxy %s {
				stream_close_delay 1m
			}
		`, more, oldKey, address)
	}
	before := startSite(t, config(""))
	openSocket(t, before, oldKey)
	after := startSite(t, config("route orders /ws/orders/ {\nkey "+newKey+"\n}"))
	before.Unload()
	response := exchange(t, after.Addr, get("/ws/chat/?key="+oldKey, upgrade))
	if response.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a second socket where one may be open: status %d, want 429", response.StatusCode)
	}
}

// Sites that differ in nothing but their hosts and keys keep their sockets, whatever sites come, go, or change places.
func TestReloadTellsSitesApart(t *testing.T) {
	const thirdKey = "the-third-key-0123456789"
	address := startEcho(t)
	config := func(sites ...string) string {
		var caddyfile strings.Builder
		for _, site := range sites {
			host, key, _ := strings.Cut(site, " ")
			fmt.Fprintf(&caddyfile, `
				http://%s {
					websocket_gate {
						route chat /ws/chat/ {
							key %s
						}
					}
					reverse_proxy %s {
						stream_close_delay 1m
					}
				}
			`, host, key, address)
		}
		return caddyfile.String()
	}
	first, second, third := "127.0.0.1 "+oldKey, "localhost "+newKey, "another.localhost "+thirdKey
	for _, c := range []struct {
		name  string
		sites []string
		code  websocket.StatusCode
	}{
		{"the same", []string{first, second}, 0},
		{"the other way round", []string{second, first}, 0},
		{"a third before them", []string{third, first, second}, 0},
		{"the second is gone", []string{first}, 0},
		{"the key of the first is now the second's", []string{"127.0.0.1 " + thirdKey, "localhost " + oldKey}, 4401},
	} {
		t.Run(c.name, func(t *testing.T) {
			expectOfReload(t, config(first, second), config(c.sites...), c.code)
		})
	}
}
