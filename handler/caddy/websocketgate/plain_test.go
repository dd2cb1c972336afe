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
