package websocketgate_test

import (
	"net/http"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// A ticket in a page without HTTPS is logged once as a WARN. A proxy that terminates TLS must be in trusted_proxies.
func TestWarnsOfTicketsWithoutHTTPS(t *testing.T) {
	t.Parallel()
	address, _ := startTicketApplication(t)
	for _, c := range []struct {
		name, global, host, forwarded string
		want                          int
		why                           string
	}{
		{"HTTP", "", "a.example", "", 1, "browsers drop Secure cookies"},
		{"HTTP on this machine", "", "localhost:8080", "", 0, "browsers accept Secure cookies there"},
		{"loopback address", "", "[::1]:8080", "", 0, "browsers accept Secure cookies there"},
		{"trusted proxy", "{\nservers {\ntrusted_proxies static 127.0.0.1/32\n}\n}\n", "a.example", "https", 0, "the proxy terminates TLS"},
		{"other proxy", "", "a.example", "https", 1, "any client can send the field"},
	} {
		site := testsite.Start(t, c.global+"http:// {\nwebsocket_gate {\nroute chat /ws/chat/ {\nticket {\nsecret "+ticketSecret+
			"\nissue_on /screen/\n}\n}\n}\nreverse_proxy "+address+"\n}")
		for range 2 {
			request, err := http.NewRequest(http.MethodGet, site.URL+"/screen/", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Host = c.host
			if c.forwarded != "" {
				request.Header.Set("X-Forwarded-Proto", c.forwarded)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if len(response.Cookies()) != 1 {
				t.Errorf("%s: %d cookies, want the ticket", c.name, len(response.Cookies()))
			}
		}
		if got := len(site.Logs.With("ticket set without HTTPS; browsers drop it")); got != c.want {
			t.Errorf("%s: warned %d times, want %d (%s)", c.name, got, c.want, c.why)
		}
		site.Unload()
	}
}
