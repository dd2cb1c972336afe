package websocketgate_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/scan2food/usher/internal/testsite"
	"github.com/scan2food/usher/internal/testwait"
)

// Every kind of end frees the place of a socket.
func TestMaxOpen(t *testing.T) {
	t.Parallel()
	site, app := testsite.StartGate(t, "max_open 1")
	accepted := func(why string) {
		t.Helper()
		testsite.Eventually(t, "a free place after "+why, func() bool {
			return testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade)).StatusCode == http.StatusSwitchingProtocols
		})
	}
	accepted("nothing")
	conn, response := testsite.ExchangeOpen(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade))
	for response.StatusCode == http.StatusTooManyRequests { // the previous socket may still count
		conn.Close()
		conn, response = testsite.ExchangeOpen(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade))
	}
	over := testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade))
	if over.StatusCode != http.StatusTooManyRequests || over.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: %d, Retry-After %q", over.StatusCode, over.Header.Get("Retry-After"))
	}
	testsite.Eventually(t, "which limit was met in the log", func() bool {
		lines := site.Logs.With("WSREJECT")
		return len(lines) > 0 && strings.HasSuffix(lines[0]["reason"].(string), ": at most 1 sockets may be open per route")
	})
	conn.Close()
	accepted("a client that broke off")
	for why, answer := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"an application that refused": func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusForbidden)
			return true
		},
		"an application that broke off": func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) },
	} {
		app.Answer(answer)
		testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade))
		app.Answer(nil)
		accepted(why)
	}
}

// A route of one site block is one route on all addresses of the site. A route of equal name on another site is separate.
func TestMaxOpenPerSite(t *testing.T) {
	t.Parallel()
	address := testsite.StartEcho(t)
	block := fmt.Sprintf("websocket_gate {\nroute chat /ws/chat/ {\nkey %s\nmax_open 1\n}\n}\nreverse_proxy %s\n", testsite.GoodKey, address)
	for _, c := range []struct {
		name, caddyfile string
		status          int
	}{
		{"one site, two addresses", "http://:8001, http://:8002 {\n" + block + "}", http.StatusTooManyRequests},
		{"one site, two names", "http://127.0.0.1:8001, http://localhost:8002 {\n" + block + "}", http.StatusTooManyRequests},
		{"two sites", "http://:8001 {\n" + block + "}\nhttp://:8002 {\n" + block + "}", http.StatusSwitchingProtocols},
		{"two sites of one snippet", "(gated) {\n" + block + "}\nhttp://:8001 {\nimport gated\n}\nhttp://:8002 {\nimport gated\n}",
			http.StatusSwitchingProtocols},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site := testsite.Start(t, c.caddyfile)
			if len(site.Others) != 1 {
				t.Fatalf("%d servers, want 2", len(site.Others)+1)
			}
			other := httptest.NewServer(site.Others[0])
			defer other.Close()
			testsite.OpenSocket(t, site, testsite.GoodKey)
			response := testsite.Exchange(t, strings.TrimPrefix(other.URL, "http://"), testsite.Get("/ws/chat/?key="+testsite.GoodKey, testsite.Upgrade))
			if response.StatusCode != c.status {
				t.Errorf("a socket on the other address: status %d, want %d", response.StatusCode, c.status)
			}
		})
	}
}

// A socket is closed when its key expires, at max_age, and after idle_timeout.
func TestMaxAgeAndIdleTimeout(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	for name, c := range map[string]struct {
		words string
		code  websocket.StatusCode
	}{
		"until":        {"key the-key-that-ends-soon until SOON", 4401},
		"max_age":      {"key the-key-that-ends-soon\nmax_age 500ms", websocket.StatusGoingAway},
		"idle_timeout": {"key the-key-that-ends-soon\nidle_timeout 500ms", websocket.StatusGoingAway},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := testsite.Start(t, fmt.Sprintf(`
				http://localhost http://127.0.0.1
				websocket_gate {
					route chat /ws/chat/ {
						%s
					}
				}
				reverse_proxy %s
			`, strings.Replace(c.words, "SOON", time.Now().Add(3*time.Second).Format(time.RFC3339), 1), app.Addr))
			ctx, cancel := context.WithTimeout(context.Background(), testwait.Limit)
			defer cancel()
			url := strings.Replace(site.URL, "http", "ws", 1) + "/ws/chat/?key=the-key-that-ends-soon"
			conn, _, err := websocket.Dial(ctx, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.CloseNow() }()
			_, _, err = conn.Read(ctx)
			if got := websocket.CloseStatus(err); got != c.code {
				t.Errorf("closed with %v (%v), want %v", got, err, c.code)
			}
			testsite.Eventually(t, "the end logged", func() bool {
				return slices.ContainsFunc(site.Logs.Ended(), func(line map[string]any) bool {
					return line["route"] == "chat" && line["close_code"] == float64(c.code) && line["closed_by"] == "gate" && line["reason"] != ""
				})
			})
		})
	}
}
