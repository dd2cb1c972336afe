package usher

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/caddy/request"
	"github.com/scan2food/usher/handler/caddy/socketlog"
	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/sockets"
	"github.com/scan2food/usher/handler/websocket/tunnel"
)

// WebSocketTunnel carries WebSockets to the application at a small part of what `reverse_proxy` needs for them, and
// keeps them open through any number of configuration reloads. It takes WebSocket handshakes (over HTTP/1.1, 2 and 3)
// and passes everything else on. The application's answer is relayed, whatever it is; only a true 101 opens a socket.
//
// An open socket ends with either side, when the gate no longer admits it, when no configuration names its upstream
// any more, or when the process stops. In the last two cases clients are told 1001, spread over `drain`.
type WebSocketTunnel struct {
	// Addresses of the application, written as in `reverse_proxy`: `host:port`, `host:8001-8004`, `unix//path`,
	// `https://host:port`. Placeholders that are known when the configuration loads, such as `{env.APP}`, are replaced.
	Upstreams []string `json:"upstreams,omitempty"`

	// How to choose among several upstreams: one of Caddy's own selection policies. Default: `random`. For `least_conn`
	// and `random_choose` it is the open sockets that count.
	SelectionPolicyRaw json.RawMessage `json:"selection_policy,omitempty" caddy:"namespace=http.reverse_proxy.selection_policies inline_key=policy"`

	// What to change about the headers of the handshake that the application gets.
	Headers *headers.HeaderOps `json:"headers,omitempty"`

	// How to speak TLS with `https://` upstreams; as in the transport of `reverse_proxy`. Default: as a browser would.
	TLS *reverseproxy.TLSConfig `json:"tls,omitempty"`

	// How long connecting to one upstream may take. Default: 3s. What fails is tried with another one.
	DialTimeout caddy.Duration `json:"dial_timeout,omitempty"`

	// How long the application may take to answer the handshake before the client gets 504. Default: 10s.
	HandshakeTimeout caddy.Duration `json:"handshake_timeout,omitempty"`

	// How long one write to either side may take before that side is given up. Default: 30s.
	WriteTimeout caddy.Duration `json:"write_timeout,omitempty"`

	// How long a side may be silent before it is pinged, and how long it then has to say anything. Default: no pings.
	Ping caddy.Duration `json:"ping,omitempty"`

	// The longest payload of a frame, in bytes. A longer one ends the socket, with 1009 if the client sent it.
	// Default: any.
	MaxFrame uint64 `json:"max_frame,omitempty"`

	// Over how long the closing of all sockets is spread when the process stops. Default: 5s.
	Drain caddy.Duration `json:"drain,omitempty"`

	handler  *tunnel.Handler
	selector reverseproxy.Selector
	choices  map[*tunnel.Upstream]*reverseproxy.Upstream
	hosts    []*tunnelHost
	owner    *socketlog.Owner // of sockets that no gate admitted
}

// CaddyModule tells Caddy of the module.
func (*WebSocketTunnel) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.websocket_tunnel",
		New: func() caddy.Module { return new(WebSocketTunnel) },
	}
}

const defaultDrain = 5 * time.Second

// Provision resolves the upstreams and builds the handler.
func (t *WebSocketTunnel) Provision(ctx caddy.Context) error {
	if t.Drain == 0 {
		t.Drain = caddy.Duration(defaultDrain)
	}
	if err := t.loadSelector(ctx); err != nil {
		return err
	}
	if err := t.Headers.Provision(ctx); err != nil {
		return fmt.Errorf("websocket_tunnel: header_up: %w", err)
	}
	upstreams, err := t.coreUpstreams(ctx)
	if err != nil {
		return fmt.Errorf("websocket_tunnel: %w", err)
	}
	t.owner = socketlog.NewOwner(ctx.Logger(new(WebSocketGate)), nil, nil)
	if err := lifecycle.RegisterMetrics(ctx, socketlog.Collectors()...); err != nil {
		return fmt.Errorf("websocket_tunnel: %w", err)
	}
	t.handler, err = tunnel.New(tunnel.Config{
		Upstreams:        upstreams,
		Select:           t.choose,
		Prepare:          t.prepare,
		Pool:             openTunnels,
		Registry:         socketlog.Registry(),
		Describe:         t.describeSocket,
		Refused:          func(r *http.Request) { t.count(r, gate.UpstreamRefused) },
		DialTimeout:      time.Duration(t.DialTimeout),
		HandshakeTimeout: time.Duration(t.HandshakeTimeout),
		WriteTimeout:     time.Duration(t.WriteTimeout),
		Ping:             time.Duration(t.Ping),
		MaxFrame:         t.MaxFrame,
	})
	if err != nil {
		return fmt.Errorf("websocket_tunnel: %w", err)
	}
	t.drainWithServer(ctx)
	t.owner.Start()
	return nil
}

// coreUpstreams resolves the addresses and takes the process's entry for each.
func (t *WebSocketTunnel) coreUpstreams(ctx caddy.Context) ([]*tunnel.Upstream, error) {
	t.choices = make(map[*tunnel.Upstream]*reverseproxy.Upstream)
	var upstreams []*tunnel.Upstream
	for _, written := range t.Upstreams {
		resolved, err := caddy.NewReplacer().ReplaceOrErr(written, true, true)
		if err != nil {
			return nil, fmt.Errorf("upstream %s: %w", written, err)
		}
		addresses, err := parseTunnelUpstream(resolved)
		if err != nil {
			return nil, fmt.Errorf("upstream %s: %w", written, err)
		}
		for _, address := range addresses {
			upstream, err := t.coreUpstream(ctx, address)
			if err != nil {
				return nil, fmt.Errorf("upstream %s: %w", written, err)
			}
			upstreams = append(upstreams, upstream)
			t.choices[upstream] = &reverseproxy.Upstream{Dial: upstream.String(), Host: new(reverseproxy.Host)}
		}
	}
	return upstreams, nil
}

func (t *WebSocketTunnel) coreUpstream(ctx caddy.Context, address tunnelAddress) (*tunnel.Upstream, error) {
	host, err := takeTunnelHost(address, time.Duration(t.Drain))
	if err != nil {
		return nil, err
	}
	t.hosts = append(t.hosts, host)
	upstream := &tunnel.Upstream{Network: address.network, Address: address.address, Host: &host.Host}
	if address.serverName == "" {
		return upstream, nil
	}
	upstream.TLS, err = t.clientTLS(ctx, address.serverName)
	return upstream, err
}

// clientTLS is HTTP/1.1 alone: a handshake cannot be made over anything else here.
func (t *WebSocketTunnel) clientTLS(ctx caddy.Context, serverName string) (*tls.Config, error) {
	config := new(tls.Config)
	if t.TLS != nil {
		made, err := t.TLS.MakeTLSClientConfig(ctx)
		if err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		if made != nil {
			config = made
		}
	}
	config.NextProtos = []string{"http/1.1"}
	config.ServerName = cmp.Or(config.ServerName, serverName)
	return config, nil
}

// Validate checks what a JSON configuration could hold and a Caddyfile could not.
func (t *WebSocketTunnel) Validate() error {
	for name, duration := range map[string]caddy.Duration{
		"dial_timeout": t.DialTimeout, "handshake_timeout": t.HandshakeTimeout, "write_timeout": t.WriteTimeout,
		"ping": t.Ping, "drain": t.Drain,
	} {
		if duration < 0 {
			return fmt.Errorf("websocket_tunnel: %s: want a duration, got %s", name, time.Duration(duration))
		}
	}
	return nil
}

// Cleanup gives the upstreams up. Open sockets stay, as long as another configuration names theirs.
func (t *WebSocketTunnel) Cleanup() error {
	if t.owner != nil {
		t.owner.Stop()
	}
	var errs []error
	for _, host := range t.hosts {
		errs = append(errs, releaseTunnelHost(host))
	}
	return errors.Join(errs...)
}

// ServeHTTP makes a tunnel out of a WebSocket handshake, and passes everything else on.
func (t *WebSocketTunnel) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.ProtoMajor > 1 && r.Method == http.MethodConnect {
		defer request.SuspendIdleTimeouts(r.Context())()
	}
	err := t.handler.ServeHTTP(w, r, next)
	var own *tunnel.Error
	if !errors.As(err, &own) {
		return err
	}
	t.count(r, outcomeOf(own))
	return caddyhttp.Error(own.Status, own.Err)
}

// count counts what became of a handshake, unless a gate does.
func (t *WebSocketTunnel) count(r *http.Request, outcome gate.Outcome) {
	if sockets.FromContext(r.Context()) == nil {
		t.owner.Count("", outcome)
	}
}

// outcomeOf says in the gate's words what became of a handshake that no gate has judged.
func outcomeOf(err *tunnel.Error) gate.Outcome {
	switch {
	case err.Status == http.StatusGatewayTimeout:
		return gate.UpstreamTimeout
	case err.Malformed():
		return gate.Malformed
	default:
		return gate.UpstreamFailed
	}
}

// prepare makes of the handshake what the application is to see: the forwarded headers first, then the operator's words.
func (t *WebSocketTunnel) prepare(request, original *http.Request, upstream *tunnel.Upstream) {
	setForwarded(request, original)
	if upstream.TLS != nil {
		request.Host = upstream.Address // as reverse_proxy does: a secure upstream goes by its own name
	}
	if t.Headers == nil {
		return
	}
	if replacer, ok := original.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		replacer.Set("http.reverse_proxy.upstream.hostport", upstream.Address)
		replacer.Set("http.reverse_proxy.upstream.address", upstream.String())
		host, port, err := net.SplitHostPort(upstream.Address)
		if err != nil {
			host = upstream.Address // the path of a socket
		}
		replacer.Set("http.reverse_proxy.upstream.host", host)
		replacer.Set("http.reverse_proxy.upstream.port", port)
	}
	t.Headers.ApplyToRequest(request)
}

// describeSocket is what the registry holds of a socket that no gate admitted.
func (t *WebSocketTunnel) describeSocket(r *http.Request) sockets.Info {
	info := sockets.Info{Client: request.Client(r), Protocol: r.Proto, Origin: r.Header.Get("Origin"), Owner: t.owner}
	if r.ProtoMajor == 3 {
		info.Protocol = "HTTP/3.0" // r.Proto is the :protocol there
	}
	return info
}

// openTunnels is the process's pool: it outlives configurations, as tunnels do.
var openTunnels = tunnel.NewPool(0)

var (
	_ caddy.Provisioner           = (*WebSocketTunnel)(nil)
	_ caddy.Validator             = (*WebSocketTunnel)(nil)
	_ caddy.CleanerUpper          = (*WebSocketTunnel)(nil)
	_ caddyhttp.MiddlewareHandler = (*WebSocketTunnel)(nil)
	_ tunnel.Next                 = (caddyhttp.Handler)(nil)
)
