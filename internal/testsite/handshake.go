package testsite

import (
	"fmt"
	"strings"
	"testing"
)

// Keys of the sites of StartGate. They appear nowhere else, so a key in a log is a leak.
const (
	GoodKey  = "good-key-0123456789"
	OtherKey = "other-route-key-9876"
)

// Header fields of every request, and the fields that make it a handshake.
const (
	Base    = "Host: localhost\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	Upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
)

// StartGate starts a site with the routes a and b in front of an application. Route a has more options.
func StartGate(t testing.TB, options string) (*Site, *Application) {
	t.Helper()
	app := StartApplication(t)
	site := Start(t, fmt.Sprintf(`
		http://localhost
		log
		websocket_gate {
			route a /ws/a/ {
				key %s a-2026
				%s
			}
			route b /ws/b/* {
				key %s b-2026
			}
		}
		reverse_proxy %s
	`, GoodKey, options, OtherKey, app.Addr))
	return site, app
}

// Get returns a GET request with header lines.
func Get(target, headers string) string {
	return "GET " + target + " HTTP/1.1\r\n" + Base + headers + "\r\n"
}

// Keyed is the URL of route a with its key.
const Keyed = "/ws/a/?key=" + GoodKey

// LineWith returns the first log line that contains a text, "" if there is none.
func LineWith(logs *Logs, text string) string {
	for _, line := range strings.SplitAfter(logs.String(), "\n") {
		if strings.Contains(line, text) {
			return line
		}
	}
	return ""
}

// Masked returns a text frame of a client, with a mask of zeros.
func Masked(text string) string {
	return string([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}) + text
}

// LogWithoutProxy returns the log without the lines of reverse_proxy and without the configuration, which Caddy logs at DEBUG.
// Both contain keys.
func LogWithoutProxy(logs *Logs) string {
	return WithoutProxyLines(logs.String())
}

// WithoutProxyLines is LogWithoutProxy for a text.
func WithoutProxyLines(log string) string {
	var kept strings.Builder
	for line := range strings.SplitSeq(log, "\n") {
		if !strings.Contains(line, `"adjusted config"`) && !strings.Contains(line, `"logger":"http.handlers.reverse_proxy"`) {
			kept.WriteString(line + "\n")
		}
	}
	return kept.String()
}
