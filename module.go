// Package usher registers Caddy modules: a gate that decides which requests may open a WebSocket, a tunnel that carries
// admitted sockets to the application, and a server for versioned static assets. Packages below handler/caddy hold the
// modules. Packages below handler/websocket and handler/static do the work and do not import Caddy.
package usher

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/scan2food/usher/handler/caddy/admin"
	"github.com/scan2food/usher/handler/caddy/app"
	"github.com/scan2food/usher/handler/caddy/command"
	"github.com/scan2food/usher/handler/caddy/redact"
	"github.com/scan2food/usher/handler/caddy/statuspage"
	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/handler/caddy/websocketgate"
	"github.com/scan2food/usher/handler/caddy/websockettunnel"
)

// init registers all modules and directives.
func init() {
	caddy.RegisterModule(new(websocketgate.Handler))
	httpcaddyfile.RegisterDirective("websocket_gate", parseWebSocketGate)
	// tracing is the first of Caddy's own directives, so no handler responds before the gate.
	httpcaddyfile.RegisterDirectiveOrder("websocket_gate", httpcaddyfile.Before, "tracing")

	caddy.RegisterModule(new(app.App))
	httpcaddyfile.RegisterGlobalOption("usher", parseUsher)

	caddy.RegisterModule(new(redact.Encoder))
	caddy.RegisterModule(new(admin.API))
	caddycmd.RegisterCommand(command.Command())

	caddy.RegisterModule(new(versionedassets.Handler))
	httpcaddyfile.RegisterHandlerDirective("versioned_assets", parseVersionedAssets)
	// After encode, so that responses are compressed only once. Before every handler that could respond.
	httpcaddyfile.RegisterDirectiveOrder("versioned_assets", httpcaddyfile.After, "encode")

	caddy.RegisterModule(new(statuspage.Handler))
	httpcaddyfile.RegisterHandlerDirective("usher_status", parseUsherStatus)
	// After basic_auth and encode, and before the assets, which may serve all paths.
	httpcaddyfile.RegisterDirectiveOrder("usher_status", httpcaddyfile.After, "encode")

	caddy.RegisterModule(new(websockettunnel.Handler))
	caddy.RegisterModule(new(websockettunnel.ListenerWrapper))
	httpcaddyfile.RegisterHandlerDirective("websocket_tunnel", parseWebSocketTunnel)
	// Before reverse_proxy, which usually gets the requests that the tunnel passes on.
	httpcaddyfile.RegisterDirectiveOrder("websocket_tunnel", httpcaddyfile.Before, "reverse_proxy")
}
