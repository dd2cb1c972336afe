package websocketgate_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

const exposedMessage = "other paths can switch protocols without a gate"

// A configuration does not load if requests for a route do not reach the gate. The start warns if other paths can open sockets.
func TestGateInForce(t *testing.T) {
	t.Parallel()
	const (
		gated    = "websocket_gate {\nroute a /ws/a/ {\nkey " + testsite.GoodKey + "\n}\n}\n"
		proxy    = "reverse_proxy 127.0.0.1:1\n"
		notFirst = "path /ws/a/ does not reach the gate"
		errors   = "handle_errors can switch protocols without a gate"
	)
	at := func(matcher string) string {
		return strings.Replace(gated, "websocket_gate ", "websocket_gate "+matcher+" ", 1)
	}
	for _, c := range []struct {
		name, site, want string // "": the configuration loads
		warns            bool
		why              string
	}{
		{"in front", gated + proxy, "", false, "the gate is before all"},
		{"proxy before the gate", "route {\n" + proxy + gated + "}", notFirst, false, "the proxy responds"},
		{"proxy before the gate, other path", "route {\nreverse_proxy /api/* 127.0.0.1:1\n" + gated + proxy + "}", "", true, "the proxy has another path"},
		{"another handle", "handle /api/* {\n" + gated + "}\nhandle {\n" + proxy + "}", notFirst, false, "the second handle responds"},
		{"handle of the sockets", "handle /ws/* {\n" + gated + proxy + "}\nhandle {\n" + proxy + "}", "", true, "pages have another handle"},
		{"handle of the sockets, static rest", "handle /ws/* {\n" + gated + proxy + "}\nhandle {\nfile_server\n}", "", false, "file_server switches no protocol"},
		{"matcher", at("/ws/*") + proxy, "", true, "/live/x reaches the proxy"},
		{"matcher of other paths", at("/live/*") + proxy, notFirst, false, "the gate never sees its route"},
		{"matcher by host", at("@h") + "@h host localhost\n" + proxy, "", true, "other hosts do not reach the gate"},
		{"two gates", at("/ws/*") + strings.Replace(at("/live/*"), "route a /ws/a/", "route b /live/b/", 1) + proxy, "", true, "other paths are unguarded"},
		{"handle_path", "handle_path /app/* {\n" + gated + proxy + "}\nhandle {\nrespond 404\n}", "", false, "the gate sees the stripped path"},
		{"handle_path, and a proxy", "handle_path /app/* {\n" + gated + proxy + "}\nhandle {\n" + proxy + "}", "", true, "other paths are unguarded"},
		{"handle_path around all", "handle_path /app/* {\nroute {\n" + proxy + gated + "}\n}", "path /app/ws/a/ does not reach the gate", false, "the proxy responds"},
		{"invoked", "invoke gated\n" + proxy + "}\n&(gated) {\n" + gated, "", false, "the gate is before all"},
		{"invoked too late", "route {\n" + proxy + "invoke gated\n}\n}\n&(gated) {\n" + gated, notFirst, false, "the proxy responds"},
		{"invoked proxy", "route {\ninvoke proxied\n" + gated + "}\n}\n&(proxied) {\n" + proxy, notFirst, false, "the proxy responds"},
		{"subroutes", "route {\nroute {\n" + gated + "}\nroute {\n" + proxy + "}\n}", "", false, "the gate is first"},
		{"forward_auth", "route {\nforward_auth 127.0.0.1:1 {\nuri /\n}\n" + gated + proxy + "}", "", false, "forward_auth sends no handshake on"},
		{"FastCGI", "route {\nphp_fastcgi 127.0.0.1:1\n" + gated + "}", "", false, "it switches no protocol"},
		{"hosts", "@a host a.example\n@b host b.example\nhandle @b {\n" + proxy + "}\nhandle @a {\n" + gated + proxy + "}", "", true, "it may be intended"},
		{"other site", gated + proxy + "}\nhttp://b.example {\n" + proxy, "", false, "another site"},
		{"rewrite", "route {\nrewrite /old /ws/a/\n" + gated + proxy + "}", "", false, "gate and proxy get the same requests"},
		{"error page", gated + proxy + "handle_errors {\nrewrite * /{err.status_code}.html\nfile_server\n}", "", false, "file_server switches no protocol"},
		{"error proxy", gated + proxy + "handle_errors {\n" + proxy + "}", errors, false, "a request may fail before the gate"},
		{"error proxy for a status", gated + proxy + "handle_errors 502 {\n" + proxy + "}", errors, false, "a request may fail before the gate"},
		{"error proxy without Upgrade", gated + proxy + "handle_errors {\nreverse_proxy 127.0.0.1:1 {\nheader_up -Upgrade\n}\n}", "", false, "it sends no handshake"},
		{"error proxy that sets Upgrade", gated + proxy + "handle_errors {\nreverse_proxy 127.0.0.1:1 {\nheader_up upgrade websocket\nheader_up -upgrade\n}\n}", errors, false,
			"both set and delete the field"},
		{"error proxy without Connection", gated + proxy + "handle_errors {\nreverse_proxy 127.0.0.1:1 {\nheader_up -Connection\n}\n}", errors, false,
			"some applications need Upgrade alone"},
		{"proxy without Upgrade", "route {\nreverse_proxy /api/* 127.0.0.1:1 {\nheader_up -Upgrade\n}\n" + gated + proxy + "}", "", false, "it sends no handshake"},
		{"error proxy of another site", gated + proxy + "}\nhttp://b.example {\nhandle_errors {\n" + proxy + "}\n", "", false, "another site"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site, err := testsite.Provision(t, "http://localhost {\n"+c.site+"\n}")
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "Caddyfile:") {
					t.Errorf("loads with %v, want %q and a line (%s)", err, c.want, c.why)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v (%s)", err, c.why)
			}
			site.Started()
			if lines := site.Logs.With(exposedMessage); (len(lines) > 0) != c.warns {
				t.Errorf("warned %v, want %t (%s)", lines, c.warns, c.why)
			} else if c.warns && !strings.Contains(lines[0]["source"].(string), "Caddyfile:") {
				t.Errorf("the warning names %v, want a line", lines[0]["source"])
			}
		})
	}
}

// An admitted handshake that fails reaches handle_errors as plain HTTP, so no error route can open a socket.
func TestErrorRoutesGetNoHandshake(t *testing.T) {
	t.Parallel()
	site := testsite.Start(t, `
		http://localhost
		websocket_gate {
			route a /ws/a/ {
				key `+testsite.GoodKey+`
			}
		}
		reverse_proxy 127.0.0.1:1
		handle_errors {
			respond "{http.request.header.Upgrade}{http.request.header.Connection} {err.status_code}" 502
		}`)
	response := testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade))
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusBadGateway || string(body) != " 502" {
		t.Errorf("%s %q, want an error page without Upgrade", response.Status, body)
	}
}

// An error route with header_up -Upgrade opens no socket for a handshake that failed before the gate.
func TestErrorProxyWithoutUpgradeOpensNoSocket(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	site := testsite.Start(t, fmt.Sprintf(`
		http://localhost
		route {
			error /ws/b/* 421
			websocket_gate {
				route a /ws/a/ {
					key %s
				}
			}
			reverse_proxy %s
		}
		handle_errors {
			reverse_proxy %s {
				header_up -Upgrade
			}
		}`, testsite.GoodKey, app.Addr, app.Addr))
	response := testsite.Exchange(t, site.Addr, testsite.Get("/ws/b/", testsite.Upgrade))
	if body, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK || string(body) != "plain" {
		t.Errorf("%s %q, want the page of the application", response.Status, body)
	}
	testsite.OverHTTP3(t, site)(t, "/ws/b/", "websocket", nil).Close() // a response without a tunnel
	seen := app.Seen()
	if len(seen) != 2 {
		t.Errorf("the application got %d requests, want 2", len(seen))
	}
	for _, request := range seen {
		if request.Header.Get("Upgrade") != "" {
			t.Errorf("the application got a handshake: %v", request.Header)
		}
	}
}
