package websocketgate_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// Plain requests of socket libraries on the path of a route reach the application with a key, and not without one.
func TestPlainHTTPOnTheSocketsPath(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	site := testsite.Start(t, fmt.Sprintf(`
		http://localhost
		log
		websocket_gate {
			route socket_io /socket.io/* {
				key %[1]s
				plain_http check
			}
			route graphql /graphql {
				key %[1]s
				plain_http pass
			}
			route sockjs /stomp/* {
				key %[1]s
				plain_http check
			}
			route chat /ws/chat/ {
				key %[1]s
			}
		}
		reverse_proxy %[2]s
	`, testsite.GoodKey, app.Addr))
	query := "&key=" + testsite.GoodKey
	post := func(target, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", target, len(body), body)
	}
	for _, c := range []struct {
		name, raw string
		status    int
	}{
		{"socket.io begins by polling", testsite.Get("/socket.io/?EIO=4&transport=polling"+query, ""), 200},
		{"socket.io sends by POST", post("/socket.io/?EIO=4&transport=polling&sid=x"+query, "40"), 200},
		{"socket.io without a key", testsite.Get("/socket.io/?EIO=4&transport=polling", ""), 401},
		{"socket.io from another page", testsite.Get("/socket.io/?EIO=4"+query, "Origin: https://evil.example\r\n"), 403},
		{"socket.io in another spelling", testsite.Get("/Socket.IO//?EIO=4", ""), 403},
		{"GraphQL's query", post("/graphql", `{"query":"{ hello }"}`), 200},
		{"SockJS's /info", testsite.Get("/stomp/info?t=1"+query, ""), 200},
		{"SockJS's /info without a key", testsite.Get("/stomp/info?t=1", ""), 401},
		{"a route that does not say", testsite.Get("/ws/chat/?x=1"+query, ""), 426},
	} {
		response := testsite.Exchange(t, site.Addr, c.raw)
		if response.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d", c.name, response.StatusCode, c.status)
		}
		if reached := len(app.Seen()) > 0; reached != (c.status == http.StatusOK) {
			t.Errorf("%s: the application got the request: %t", c.name, reached)
		}
	}
	for _, line := range append(site.Logs.With("handled request"), site.Logs.With("WSREJECT")...) {
		if strings.Contains(fmt.Sprint(line), testsite.GoodKey) {
			t.Errorf("a line shows the key: %v", line)
		}
	}
}
