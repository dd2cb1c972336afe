package testsite

import (
	"fmt"
	"strings"
	"testing"
)

// The keys of the corpus. They stand nowhere else, so that finding one is finding a leak.
const (
	GoodKey  = "good-key-0123456789"
	OtherKey = "other-route-key-9876"
)

// The base of a handshake, and what makes it one.
const (
	Base    = "Host: localhost\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	Upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
)

func StartGate(t testing.TB, words string) (*Site, *Application) {
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
	`, GoodKey, words, OtherKey, app.Addr))
	return site, app
}

func Get(target, headers string) string {
	return "GET " + target + " HTTP/1.1\r\n" + Base + headers + "\r\n"
}

const Keyed = "/ws/a/?key=" + GoodKey

func LineWith(logs *Logs, text string) string {
	for _, line := range strings.SplitAfter(logs.String(), "\n") {
		if strings.Contains(line, text) {
			return line
		}
	}
	return ""
}

// masked is a text frame from a client, with a mask of zeros.
func Masked(text string) string {
	return string([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}) + text
}

// withoutProxy leaves out what reverse_proxy logs at DEBUG, and the configuration that Caddy logs there. Both show keys.
func LogWithoutProxy(logs *Logs) string {
	return WithoutProxyLines(logs.String())
}

func WithoutProxyLines(log string) string {
	var kept strings.Builder
	for line := range strings.SplitSeq(log, "\n") {
		if !strings.Contains(line, `"adjusted config"`) && !strings.Contains(line, `"logger":"http.handlers.reverse_proxy"`) {
			kept.WriteString(line + "\n")
		}
	}
	return kept.String()
}
