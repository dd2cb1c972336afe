package usher

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/dustin/go-humanize"
)

func parseWebSocketTunnel(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	t := new(WebSocketTunnel)
	return t, t.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile reads the directive:
//
//	websocket_tunnel [<matcher>] <upstream>... {
//		lb_policy <policy> ...
//		dial_timeout <duration>
//		handshake_timeout <duration>
//		write_timeout <duration>
//		header_up [+|-]<field> [<value|regexp> [<replacement>]]
//		ping <duration>
//		max_frame <size>
//		drain <duration>
//	}
func (t *WebSocketTunnel) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if err := t.unmarshalUpstreams(d); err != nil {
		return err
	}
	once := seen{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch word := d.Val(); word {
		case "lb_policy":
			err = t.unmarshalPolicy(d, once)
		case "dial_timeout":
			err = once.duration(d, &t.DialTimeout)
		case "handshake_timeout":
			err = once.duration(d, &t.HandshakeTimeout)
		case "write_timeout":
			err = once.duration(d, &t.WriteTimeout)
		case "header_up":
			err = t.unmarshalHeader(d)
		case "ping":
			err = once.duration(d, &t.Ping)
		case "max_frame":
			err = t.unmarshalMaxFrame(d, once)
		case "drain":
			err = once.duration(d, &t.Drain)
		default:
			err = unknownWord(d, "websocket_tunnel", "lb_policy", "dial_timeout", "handshake_timeout", "write_timeout",
				"header_up", "ping", "max_frame", "drain")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *WebSocketTunnel) unmarshalUpstreams(d *caddyfile.Dispenser) error {
	t.Upstreams = d.RemainingArgs()
	if len(t.Upstreams) == 0 {
		return d.Err("websocket_tunnel: want at least one upstream, such as 127.0.0.1:8001 or unix//run/daphne.sock, got none")
	}
	for _, upstream := range t.Upstreams {
		if strings.Contains(upstream, "{") {
			continue // resolved when the configuration loads
		}
		if _, err := parseTunnelUpstream(upstream); err != nil {
			return d.Errf("websocket_tunnel: upstream %s: %v", upstream, err)
		}
	}
	return nil
}

func (t *WebSocketTunnel) unmarshalPolicy(d *caddyfile.Dispenser, once seen) error {
	if err := once.first(d); err != nil {
		return err
	}
	if !d.NextArg() {
		return d.Err("lb_policy: want a policy, such as least_conn, got none")
	}
	name := d.Val()
	module, err := caddyfile.UnmarshalModule(d, "http.reverse_proxy.selection_policies."+name)
	if err != nil {
		return err
	}
	selector, ok := module.(reverseproxy.Selector)
	if !ok {
		return d.Errf("lb_policy: want a selection policy, got %s", name)
	}
	t.SelectionPolicyRaw = caddyconfig.JSONModuleObject(selector, "policy", name, nil)
	return nil
}

func (t *WebSocketTunnel) unmarshalHeader(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if t.Headers == nil {
		t.Headers = new(headers.HeaderOps)
	}
	var err error
	switch len(args) {
	case 1:
		err = headers.CaddyfileHeaderOp(t.Headers, args[0], "", nil)
	case 2:
		err = headers.CaddyfileHeaderOp(t.Headers, args[0], args[1], nil)
	case 3:
		err = headers.CaddyfileHeaderOp(t.Headers, args[0], args[1], &args[2])
	default:
		return d.Errf("header_up: want a field, and perhaps a value or a regular expression and its replacement, got %q", args)
	}
	if err != nil {
		return d.Errf("header_up: %v", err)
	}
	return nil
}

func (t *WebSocketTunnel) unmarshalMaxFrame(d *caddyfile.Dispenser, once seen) error {
	var size string
	if err := once.one(d, &size); err != nil {
		return err
	}
	var err error
	t.MaxFrame, err = humanize.ParseBytes(size)
	if err != nil || t.MaxFrame == 0 {
		return d.Errf("max_frame: want a size such as 1MiB, got %q", size)
	}
	return nil
}

// tunnelAddress is one address of an upstream. The server name is that of its certificate; cleartext has none.
type tunnelAddress struct{ network, address, serverName string }

// parseTunnelUpstream reads an upstream as reverse_proxy writes it. One with a range of ports is several.
func parseTunnelUpstream(written string) ([]tunnelAddress, error) {
	secure, rest, port, err := splitScheme(written)
	if err != nil {
		return nil, err
	}
	parsed, err := caddy.ParseNetworkAddressWithDefaults(rest, "tcp", port)
	if err != nil {
		return nil, err
	}
	switch parsed.Network {
	case "unix":
		if parsed.Host == "" || strings.Contains(parsed.Host, "|") {
			return nil, fmt.Errorf("want the path of a socket, as in unix//run/app.sock, got %q", parsed.Host)
		}
		return []tunnelAddress{{network: "unix", address: parsed.Host}}, nil
	case "unix+h2c":
		return nil, errH2C
	case "tcp", "tcp4", "tcp6":
	default:
		return nil, fmt.Errorf("want a tcp or unix address, got %s", parsed.Network)
	}
	var addresses []tunnelAddress
	for offset := range parsed.PortRangeSize() {
		one := tunnelAddress{network: parsed.Network, address: parsed.JoinHostPort(offset)}
		if secure {
			one.serverName = parsed.Host
		}
		addresses = append(addresses, one)
	}
	return addresses, nil
}

var errH2C = errors.New("want an upstream that speaks HTTP/1.1, not h2c: that is what the handshake is made in")

func splitScheme(written string) (secure bool, rest string, port uint, err error) {
	scheme, rest, found := strings.Cut(written, "://")
	if !found {
		return false, written, 80, nil
	}
	if rest == "" || strings.ContainsAny(rest, "/?#@") {
		return false, "", 0, errors.New("want scheme, host and port alone, such as https://app.example.com:8443")
	}
	switch scheme {
	case "http":
		return false, rest, 80, nil
	case "https":
		return true, rest, 443, nil
	case "h2c":
		return false, "", 0, errH2C
	default:
		return false, "", 0, fmt.Errorf("want http:// or https://, got %s://", scheme)
	}
}

var _ caddyfile.Unmarshaler = (*WebSocketTunnel)(nil)
