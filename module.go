// Package usher plugs three handlers into Caddy: a gate that decides who may open a WebSocket, a tunnel that carries
// the admitted sockets to the application, and a server of static assets that keeps each for as long as its URL has
// earned. The work itself is in handler/..., which knows nothing of Caddy.
package usher

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/scan2food/usher/handler/caddy/redact"
	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/handler/caddy/websocketgate"
	"github.com/scan2food/usher/handler/caddy/websockettunnel"
)

// Everything that is plugged into Caddy.
func init() {
	caddy.RegisterModule(new(websocketgate.Handler))
	httpcaddyfile.RegisterDirective("websocket_gate", parseWebSocketGate)
	// tracing is the first of Caddy's own directives: nothing answers before the gate.
	httpcaddyfile.RegisterDirectiveOrder("websocket_gate", httpcaddyfile.Before, "tracing")

	caddy.RegisterModule(new(redact.Encoder))

	caddy.RegisterModule(new(versionedassets.Handler))
	httpcaddyfile.RegisterHandlerDirective("versioned_assets", parseVersionedAssets)
	// After encode, so that what the site compresses is compressed once; before everything that could answer.
	httpcaddyfile.RegisterDirectiveOrder("versioned_assets", httpcaddyfile.After, "encode")

	caddy.RegisterModule(new(websockettunnel.Handler))
	caddy.RegisterModule(new(websockettunnel.ListenerWrapper))
	httpcaddyfile.RegisterHandlerDirective("websocket_tunnel", parseWebSocketTunnel)
	// It passes everything but handshakes on, most often to reverse_proxy.
	httpcaddyfile.RegisterDirectiveOrder("websocket_tunnel", httpcaddyfile.Before, "reverse_proxy")
}
