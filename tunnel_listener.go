package usher

import (
	"net"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/scan2food/usher/handler/websocket/tunnel"
)

// WebSocketTunnelListener is for servers whose sockets talk much, over TLS: it stands below that, and spares their tunnels calls
// of the kernel. It must come before `tls` among the server's listener wrappers, with nothing between the two. Everything else on
// the server is served as without it.
type WebSocketTunnelListener struct{}

// CaddyModule tells Caddy of the module.
func (*WebSocketTunnelListener) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "caddy.listeners.websocket_tunnel",
		New: func() caddy.Module { return new(WebSocketTunnelListener) },
	}
}

// UnmarshalCaddyfile reads the listener wrapper, which has no words of its own:
//
//	websocket_tunnel
func (*WebSocketTunnelListener) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() || d.NextBlock(d.Nesting()) {
		return d.Errf("websocket_tunnel: want nothing behind it among listener_wrappers, got %q", d.Val())
	}
	return nil
}

// WrapListener makes the listener's connections ready for tunnels.
func (*WebSocketTunnelListener) WrapListener(listener net.Listener) net.Listener {
	return tunnelListener{listener}
}

type tunnelListener struct{ net.Listener }

func (l tunnelListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return tunnel.BelowTLS(conn), nil
}

var (
	_ caddy.ListenerWrapper = (*WebSocketTunnelListener)(nil)
	_ caddyfile.Unmarshaler = (*WebSocketTunnelListener)(nil)
)
