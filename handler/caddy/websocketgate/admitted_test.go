package websocketgate_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/websocketgate"
	"github.com/scan2food/usher/internal/testsite"
)

// The start warns of what admitted handshakes reach: a forward_auth that forwards them, or no handler that can open a socket.
func TestWarnsOfAdmittedHandshakes(t *testing.T) {
	t.Parallel()
	const (
		gated   = "websocket_gate {\nroute a /ws/a/ {\nkey " + testsite.GoodKey + "\n}\n}\n"
		ofRooms = "websocket_gate {\nroute room /ws/room/* {\nkey " + testsite.GoodKey + "\n}\n}\n"
		proxy   = "reverse_proxy 127.0.0.1:1\n"
		auth    = "forward_auth 127.0.0.1:2 {\nuri /\ncopy_headers Remote-User\n}\n"
		asked   = "forward_auth forwards handshakes; its service may accept them"
		unable  = "handshakes over HTTP/1.1 cannot open sockets"
	)
	for _, c := range []struct{ name, site, want, why string }{
		{"proxy", gated + proxy, "", "it gets the handshake"},
		{"forward_auth behind", gated + auth + proxy, asked, "a service that responds with 101 gets the socket"},
		{"forward_auth behind, without Upgrade", gated + strings.Replace(auth, "uri", "header_up -Upgrade\nuri", 1) + proxy, "", "the application gets the handshake"},
		{"forward_auth before the gate", "route {\n" + auth + gated + proxy + "}", "", "another warning names it"},
		{"forward_auth of other paths", gated + strings.Replace(auth, "forward_auth", "forward_auth /admin/*", 1) + proxy, "", "it gets no handshake"},
		{"forward_auth of other requests", "@m remote_ip 10.0.0.0/8\nhandle @m {\n" + gated + proxy + "}\nhandle {\n" + auth + proxy + "}", "", "admitted requests end in the first handle"},
		{"proxy with an error page", gated + "reverse_proxy 127.0.0.1:1 {\n@e status 404\nhandle_response @e {\nvars a b\n}\n}\nfile_server", "", "it is no forward_auth"},
		{"proxy without Upgrade", gated + "reverse_proxy 127.0.0.1:1 {\nheader_up -Upgrade\n}", unable, "the application gets no handshake"},
		{"tunnel of other paths", gated + "websocket_tunnel /live/* 127.0.0.1:1\nfile_server", unable, "the route's path has no tunnel"},
		{"tunnel of a part of the route", ofRooms + "websocket_tunnel /ws/room/a 127.0.0.1:1\nfile_server", "", "some sockets open"},
		{"nothing", gated, unable, "nothing opens a socket"},
		{"files with a fallback before the tunnel", gated + "websocket_tunnel /ws/* 127.0.0.1:1\ntry_files {path} /index.html\nfile_server", unable, "the tunnel sees /index.html"},
		{"files with a fallback in a handle", gated + "handle /ws/* {\nwebsocket_tunnel 127.0.0.1:1\n}\nhandle {\ntry_files {path} /index.html\nfile_server\n}", "", "the tunnel has a handle"},
		{"request_header before the gate", "request_header -Upgrade\n" + gated + proxy, unable, "no handshake is left"},
		{"request_header behind the gate", "route {\n" + gated + "request_header -Conn*\n" + proxy + "}", unable, "the proxy sees no handshake"},
		{"request_header of other paths", "request_header /api/* -Upgrade\n" + gated + proxy, "", "handshakes keep the field"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site, err := testsite.Provision(t, "http://admitted.example {\n"+c.site+"\n}")
			if err != nil {
				t.Fatalf("%v (%s)", err, c.why)
			}
			site.Started()
			for _, message := range []string{asked, unable} {
				lines := site.Logs.With(message)
				if (len(lines) > 0) != (c.want == message) {
					t.Errorf("logged %q: %v, want %q (%s)", message, lines, c.want, c.why)
				} else if len(lines) > 0 && !strings.Contains(lines[0]["source"].(string), "Caddyfile:") {
					t.Errorf("the warning names %v, want a line", lines[0]["source"])
				}
			}
		})
	}
}

// A handler of another module may open sockets, so no warning says that nothing does.
func TestHandlersOfOtherModulesAreUnknown(t *testing.T) {
	t.Parallel()
	for handler, want := range map[any]bool{new(caddyhttp.VarsMiddleware): true, new(websocketgate.Handler): true, new(http.ServeMux): false} {
		if got := websocketgate.IsKnown(handler); got != want {
			t.Errorf("IsKnown(%T) = %t, want %t", handler, got, want)
		}
	}
}
