package websocketgate_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/scan2food/usher/internal/testsite"
)

// A reload that removes a key or a route closes its sockets. A reload that keeps both closes none.
func TestReloadClosesRevokedSockets(t *testing.T) {
	address := testsite.StartEcho(t)
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

// expectOfReload opens a socket with the old key. The reload must close the socket with the code; 0: keep it open.
func expectOfReload(t *testing.T, before, after string, code websocket.StatusCode) {
	t.Helper()
	first := testsite.Start(t, before)
	conn := testsite.OpenSocket(t, first, oldKey)
	testsite.Start(t, after)
	first.Unload()
	if code == 0 {
		if !testsite.StillOpen(t, conn) {
			t.Error("a reload that admits the socket closed it")
		}
		return
	}
	if got := testsite.CloseCode(t, conn); got != code {
		t.Errorf("closed with %d, want %d", got, code)
	}
}

// Limits survive a reload, also if other routes are added and removed.
func TestReloadKeepsCounting(t *testing.T) {
	address := testsite.StartEcho(t)
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
	before := testsite.Start(t, config(""))
	testsite.OpenSocket(t, before, oldKey)
	after := testsite.Start(t, config("route orders /ws/orders/ {\nkey "+newKey+"\n}"))
	before.Unload()
	response := testsite.Exchange(t, after.Addr, testsite.Get("/ws/chat/?key="+oldKey, testsite.Upgrade))
	if response.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a second socket with max_open 1: status %d, want 429", response.StatusCode)
	}
}

// Sites that differ only in hosts and keys keep their sockets when other sites are added, removed or reordered.
func TestReloadKeepsSitesApart(t *testing.T) {
	const thirdKey = "the-third-key-0123456789"
	address := testsite.StartEcho(t)
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
