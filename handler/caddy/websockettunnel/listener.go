package websockettunnel

import (
	"net"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/scan2food/usher/handler/websocket/tunnel/directread"
)

// ListenerWrapper saves system calls for sockets over TLS with much traffic: tunnels read below TLS. It must stand
// immediately before `tls` among the server's listener wrappers. It does not change how other requests are served.
type ListenerWrapper struct{}

// CaddyModule implements caddy.Module.
func (*ListenerWrapper) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "caddy.listeners.websocket_tunnel",
		New: func() caddy.Module { return new(ListenerWrapper) },
	}
}

// UnmarshalCaddyfile parses the listener wrapper, which has no options:
//
//	websocket_tunnel
func (*ListenerWrapper) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() || d.NextBlock(d.Nesting()) {
		return d.Errf("websocket_tunnel: no options after websocket_tunnel in listener_wrappers: remove %q", d.Val())
	}
	return nil
}

// WrapListener implements caddy.ListenerWrapper.
func (*ListenerWrapper) WrapListener(wrapped net.Listener) net.Listener {
	return listener{wrapped}
}

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return directread.BelowTLS(conn), nil
}

var (
	_ caddy.ListenerWrapper = (*ListenerWrapper)(nil)
	_ caddyfile.Unmarshaler = (*ListenerWrapper)(nil)
)
