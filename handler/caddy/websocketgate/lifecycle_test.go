package websocketgate_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/websocketgate"
	"github.com/scan2food/usher/internal/testsite"
)

// keysFileSite starts a site with one route that has its keys in a file.
func keysFileSite(t *testing.T, words string) (*testsite.Site, string) {
	t.Helper()
	app := testsite.StartApplication(t)
	path := filepath.Join(t.TempDir(), "a.keys")
	replaceFile(t, path, "old "+oldKey+"\nnew "+newKey+"\n")
	return testsite.Start(t, fmt.Sprintf(`
		http://localhost
		log
		websocket_gate {
			route a /ws/a/ {
				keys_file %s
				%s
			}
		}
		reverse_proxy %s
	`, path, words, app.Addr)), path
}

// echoesOver reports whether the application echoes a message on a socket.
func echoesOver(conn io.ReadWriter, text string) bool {
	frame, got := testsite.Masked(text), make([]byte, len(testsite.Masked(text)))
	if _, err := io.WriteString(conn, frame); err != nil {
		return false
	}
	_, err := io.ReadFull(conn, got)
	return err == nil && string(got) == frame
}

// Removing a key from its file closes the key's sockets over HTTP/1.1, 2 and 3 with 4401. Sockets of other keys stay open.
func TestRemovedKeyClosesItsSockets(t *testing.T) {
	testsite.WithExtendedConnect(t, func() {
		site, path := keysFileSite(t, "")
		over2, over3 := testsite.OverHTTP2(t, site), testsite.OverHTTP3(t, site)
		open := func(key string) map[string]io.ReadWriter {
			target := "/ws/a/?key=" + key
			conn, response := testsite.ExchangeOpen(t, site.Addr, testsite.Get(target, testsite.Upgrade))
			t.Cleanup(func() { conn.Close() })
			second, third := over2(t, target, "websocket", nil), over3(t, target, "websocket", nil)
			if response.StatusCode != 101 || second.Status != 200 || third.Status != 200 {
				t.Fatalf("opened with %d, %d and %d, want 101, 200 and 200", response.StatusCode, second.Status, third.Status)
			}
			t.Cleanup(second.Close)
			t.Cleanup(third.Close)
			return map[string]io.ReadWriter{"HTTP/1.1": conn, "HTTP/2": second, "HTTP/3": third}
		}
		old, other := open(oldKey), open(newKey)
		for name, conn := range old {
			if !echoesOver(conn, "before") {
				t.Fatalf("%s: the application does not echo", name)
			}
		}
		replaceFile(t, path, "new "+newKey+"\n")
		testsite.Eventually(t, "the keys file is reloaded", func() bool { return len(site.Logs.With("keys file reloaded")) > 0 })
		for name, conn := range old {
			got := make([]byte, 4)
			if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got[2:], []byte{0x11, 0x31}) || got[0] != 0x88 {
				t.Errorf("%s: read % x, %v, want a Close frame with 4401", name, got, err)
			}
			_, _ = io.Copy(io.Discard, conn)
		}
		for name, conn := range other {
			if !echoesOver(conn, "after") {
				t.Errorf("%s: the socket of another key was closed", name)
			}
		}
		if strings.Contains(testsite.LogWithoutProxy(site.Logs), oldKey) {
			t.Error("the logs contain a key")
		}
	})
}

// A socket of any minor version of HTTP/1 is registered, so that revoking its key closes it.
func TestHTTP12SocketIsRevoked(t *testing.T) {
	t.Parallel()
	site, path := keysFileSite(t, "")
	handshake := strings.Replace(testsite.Get("/ws/a/?key="+oldKey, testsite.Upgrade), "HTTP/1.1\r\n", "HTTP/1.2\r\n", 1)
	conn, response := testsite.ExchangeOpen(t, site.Addr, handshake)
	defer conn.Close()
	if response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("status %d, want 101", response.StatusCode)
	}
	if !echoesOver(conn, "before") {
		t.Fatal("the application does not echo")
	}
	replaceFile(t, path, "new "+newKey+"\n")
	got := make([]byte, 4)
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got[2:], []byte{0x11, 0x31}) || got[0] != 0x88 {
		t.Errorf("read % x, %v, want a Close frame with 4401", got, err)
	}
	testsite.Eventually(t, "the end is logged", func() bool { return len(site.Logs.Ended()) > 0 })
}

// Reloads that change other parts of the configuration close no socket and leak no goroutine. The test is not parallel, since
// it counts the goroutines of the process.
func TestReloadsKeepSockets(t *testing.T) {
	const sockets, reloads = 500, 100
	app := testsite.StartApplication(t)
	config := func(i int) string {
		return fmt.Sprintf(`
			http://localhost
			websocket_gate {
				route a /ws/a/ {
					key %s
				}
			}
			header X-Reload %d
			websocket_tunnel /ws/* %s
		`, testsite.GoodKey, i, app.Addr)
	}
	first := testsite.Start(t, config(0))
	before := runtime.NumGoroutine()
	conns := make([]net.Conn, sockets)
	for i := range conns {
		conn, response := testsite.ExchangeOpen(t, first.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade))
		if response.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("socket %d: status %d, want 101", i, response.StatusCode)
		}
		defer conn.Close()
		conns[i] = conn
	}
	site := first
	for i := range reloads {
		next := testsite.Start(t, config(i+1))
		site.Unload()
		site = next
		if conn := conns[i*sockets/reloads]; !echoesOver(conn, fmt.Sprint("reload ", i)) {
			t.Fatalf("reload %d: a socket is lost", i)
		}
	}
	for i, conn := range conns {
		if !echoesOver(conn, "still here") {
			t.Fatalf("socket %d is lost", i)
		}
		conn.Close()
	}
	testsite.Eventually(t, "all sockets have ended", func() bool { return websocketgate.OpenOn(site.Server, "a") == 0 })
	// The listener of each configuration stays until the end of the test, with one or two goroutines.
	testsite.Eventually(t, "the goroutines have ended", func() bool { return runtime.NumGoroutine() < before+4*reloads })
}

func init() { caddy.RegisterModule(panicking{}) }

// panicking is a handler that panics if the query contains "panic".
type panicking struct{}

func (panicking) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.usher_test_panic", New: func() caddy.Module { return new(panicking) }}
}

func (panicking) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if strings.Contains(r.URL.RawQuery, "panic") {
		panic(http.ErrAbortHandler)
	}
	return next.ServeHTTP(w, r)
}

func init() {
	httpcaddyfile.RegisterHandlerDirective("usher_test_panic",
		func(httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) { return panicking{}, nil })
	httpcaddyfile.RegisterDirectiveOrder("usher_test_panic", httpcaddyfile.Before, "reverse_proxy")
}

// A socket that has ended does not count for max_open, however it ended.
func TestEndedSocketsFreeTheLimit(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	app.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.RawQuery, "refuse") {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	})
	site := testsite.Start(t, fmt.Sprintf(`
		http://localhost
		websocket_gate {
			route a /ws/a/ {
				key %s
				max_open 1
			}
		}
		usher_test_panic
		@dead query dead=1
		reverse_proxy @dead 127.0.0.1:1
		reverse_proxy %s
	`, testsite.GoodKey, app.Addr))
	over3 := testsite.OverHTTP3(t, site)
	reset := func(conn net.Conn) {
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
	for _, c := range []struct {
		name, why string
		want      int // the status that the client gets; 0: none
		end       func() (status int)
	}{
		{"client resets", "no Close frame, no FIN", 101, func() int {
			conn, response := testsite.ExchangeOpen(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade))
			reset(conn)
			return response.StatusCode
		}},
		{"client leaves", "a FIN", 101, func() int {
			conn, response := testsite.ExchangeOpen(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade))
			conn.Close()
			return response.StatusCode
		}},
		{"application refuses", "403 is relayed", 403, func() int {
			return testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed+"&refuse=1", testsite.Upgrade)).StatusCode
		}},
		{"dial failure", "502", 502, func() int {
			return testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed+"&dead=1", testsite.Upgrade)).StatusCode
		}},
		{"panic", "a handler behind the gate", 0, func() int {
			conn, err := net.Dial("tcp", site.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, testsite.Get(testsite.Keyed+"&panic=1", testsite.Upgrade))
			answer, _ := io.ReadAll(conn)
			if strings.Contains(string(answer), "429") {
				return http.StatusTooManyRequests
			}
			return 0
		}},
		{"stream reset", "HTTP/3", 200, func() int {
			stream := over3(t, testsite.Keyed, "websocket", nil)
			stream.Close()
			return stream.Status
		}},
	} {
		// The previous socket may count for a moment after the client has seen its end.
		got := 0
		testsite.Eventually(t, "max_open admits a socket for: "+c.name, func() bool {
			got = c.end()
			return got != http.StatusTooManyRequests
		})
		if got != c.want {
			t.Errorf("%s: got %d, want %d (%s)", c.name, got, c.want, c.why)
		}
		testsite.Eventually(t, "max_open admits a socket after: "+c.name, func() bool {
			conn, response := testsite.ExchangeOpen(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade))
			defer conn.Close()
			if response.StatusCode != http.StatusSwitchingProtocols {
				return false
			}
			second := testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade))
			if second.StatusCode != http.StatusTooManyRequests {
				t.Errorf("%s: status %d while a socket is open, want 429 (%s)", c.name, second.StatusCode, c.why)
			}
			return true
		})
	}
}

// An application that hangs on one route does not delay handshakes on other routes.
func TestHangingRouteDelaysNoOther(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	app.Answer(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/ws/hangs/") {
			select {
			case <-release:
			case <-r.Context().Done():
			}
			return true
		}
		return false
	})
	site := testsite.Start(t, fmt.Sprintf(`
		http://localhost
		websocket_gate {
			route hangs /ws/hangs/ {
				key the-hanging-key-0123456789
				handshake_timeout 2s
			}
			route a /ws/a/ {
				key %s
			}
			route b /ws/b/ {
				key %s
			}
		}
		reverse_proxy %s
	`, testsite.GoodKey, testsite.OtherKey, app.Addr))
	hanging := make(chan int, 1)
	go func() {
		conn, response := testsite.ExchangeOpen(t, site.Addr, testsite.Get("/ws/hangs/?key=the-hanging-key-0123456789", testsite.Upgrade))
		conn.Close()
		hanging <- response.StatusCode
	}()
	testsite.Eventually(t, "the application has the handshake", func() bool { return len(app.Seen()) > 0 })
	for _, target := range []string{testsite.Keyed, "/ws/b/?key=" + testsite.OtherKey} {
		conn, response := testsite.ExchangeOpen(t, site.Addr, testsite.Get(target, testsite.Upgrade))
		conn.Close()
		if response.StatusCode != 101 {
			t.Errorf("%s while another route hangs: %d, want 101", target[:6], response.StatusCode)
		}
		select {
		case status := <-hanging:
			t.Fatalf("%s got its response after the hanging route, which got %d", target[:6], status)
		default:
		}
	}
	if status := <-hanging; status != http.StatusGatewayTimeout {
		t.Errorf("the hanging route: %d, want 504", status)
	}
}
