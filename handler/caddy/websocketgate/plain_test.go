package websocketgate_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// A request that passed as plain HTTP cannot open a socket, also if a proxy behind the gate adds Upgrade.
func TestPlainRequestsOpenNoSocket(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	site := testsite.Start(t, `
		http://localhost
		websocket_gate {
			route a /ws/a/ {
				key `+testsite.GoodKey+`
			}
		}
		@adds header X-Add *
		reverse_proxy @adds `+app.Addr+` {
			header_up Connection Upgrade
			header_up Upgrade websocket
		}
		reverse_proxy `+app.Addr)
	handshake := "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	response := testsite.Exchange(t, site.Addr, testsite.Get("/page", handshake+"X-Add: 1\r\n"))
	if response.StatusCode != http.StatusBadGateway || response.Header.Get("Upgrade") != "" {
		t.Errorf("%s, Upgrade: %q, want 502", response.Status, response.Header.Get("Upgrade"))
	}
	if seen := app.Seen(); len(seen) != 1 || !strings.EqualFold(seen[0].Header.Get("Upgrade"), "websocket") {
		t.Errorf("the application saw %v, want a handshake", seen)
	}
	if response := testsite.Exchange(t, site.Addr, testsite.Get("/page", "")); response.StatusCode != http.StatusOK {
		t.Errorf("a page is %s", response.Status)
	}
	if response := testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade)); response.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("a handshake is %s", response.Status)
	}
}

// A request that passed as plain HTTP opens no socket if a handler before a tunnel makes the request a handshake. The tunnel hijacks the
// connection below the writer of the gate.
func TestPlainRequestsOpenNoTunnel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, rule, path, why string }{
		{"unlisted path", "refuse", "/ws/other/", "it passed as a page"},
		{"route with passed requests", "pass", "/ws/a/", "it passed without a key"},
		{"route with checked requests", "check", testsite.Keyed, "a socket would be outside the limits of the route"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := testsite.StartApplication(t)
			site := testsite.Start(t, `
				http://localhost
				websocket_gate {
					route a /ws/a/ {
						key `+testsite.GoodKey+`
						plain_http `+c.rule+`
					}
				}
				route {
					request_header Connection Upgrade
					websocket_tunnel /ws/* `+app.Addr+`
					reverse_proxy `+app.Addr+`
				}`)
			response := testsite.Exchange(t, site.Addr, testsite.Get(c.path,
				"Upgrade: websocket\r\n"))
			if response.StatusCode != http.StatusBadGateway || response.Header.Get("Upgrade") != "" {
				t.Errorf("%s, Upgrade: %q, want 502 (%s)", response.Status, response.Header.Get("Upgrade"), c.why)
			}
			if seen := app.Seen(); len(seen) != 0 {
				t.Errorf("the application saw %v, want nothing", seen)
			}
			if lines := site.Logs.With("WSCONNECT"); len(lines) != 0 {
				t.Errorf("logged %v, want no socket", lines)
			}
		})
	}
}
