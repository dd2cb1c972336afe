// Package websockettunnel is the Caddy module http.handlers.websocket_tunnel: it carries admitted WebSockets to the
// application.
package websockettunnel

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
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
	"github.com/scan2food/usher/handler/websocket/tunnel/directread"
)

// Handler carries WebSockets to the application with a fraction of the memory of `reverse_proxy`, and keeps them open
// through configuration reloads. It accepts WebSocket handshakes over HTTP/1.1, 2 and 3, and passes all other requests to
// the next handler. It relays the application's response. Only a valid 101 response opens a socket.
//
// An open socket ends when either side ends it, when the gate no longer admits it, when no configuration names its upstream
// any more, or when the process stops. In the last two cases clients get close code 1001, spread over `drain`.
type Handler struct {
	// Addresses of the application, as in `reverse_proxy`: `host:port`, `host:8001-8004`, `unix//path`,
	// `https://host:port`. Placeholders such as `{env.APP}` are replaced when the configuration loads.
	Upstreams []string `json:"upstreams,omitempty"`

	// How to choose among several upstreams: one of Caddy's selection policies. Default: `random`. The policies
	// `least_conn` and `random_choose` count open sockets.
	SelectionPolicyRaw json.RawMessage `json:"selection_policy,omitempty" caddy:"namespace=http.reverse_proxy.selection_policies inline_key=policy"`

	// Changes to the header fields of the handshake that the application gets.
	Headers *headers.HeaderOps `json:"headers,omitempty"`

	// TLS settings for `https://` upstreams, as in the transport of `reverse_proxy`. Default: the system's root certificates.
	TLS *reverseproxy.TLSConfig `json:"tls,omitempty"`

	// Timeout for connecting to one upstream. Default: 3s. After a failure the next upstream is tried.
	DialTimeout caddy.Duration `json:"dial_timeout,omitempty"`

	// Timeout for the application's response to the handshake. After it the client gets 504. Default: 10s.
	HandshakeTimeout caddy.Duration `json:"handshake_timeout,omitempty"`

	// Timeout for one write to either side. After it the socket ends. Default: 30s.
	WriteTimeout caddy.Duration `json:"write_timeout,omitempty"`

	// A side that was silent for this long gets a ping, and must send something within the same time. That time starts when
	// the side's kernel has taken the data before the ping. Default: no pings.
	Ping caddy.Duration `json:"ping,omitempty"`

	// Maximum payload of one frame, in bytes. A longer frame ends the socket, with 1009 if the client sent it.
	// Default: no limit.
	MaxFrame uint64 `json:"max_frame,omitempty"`

	// How many handshakes one upstream gets in each `pace_period`. More wait in order, until 2 s before `handshake_timeout`.
	// Then the client gets 503. Default: no limit.
	Pace int `json:"pace,omitempty"`

	// The period of `pace`. Required with it.
	PacePeriod caddy.Duration `json:"pace_period,omitempty"`

	// When the process stops, sockets are closed spread over this time. Default: 3s.
	Drain caddy.Duration `json:"drain,omitempty"`

	// Whether tunnels read only with Go's portable calls, at two system calls for each message instead of one.
	// Default: false. Remove the listener wrapper `websocket_tunnel` as well.
	PortableReads bool `json:"portable_reads,omitempty"`

	handler  *tunnel.Handler
	selector reverseproxy.Selector
	choices  map[*tunnel.Upstream]*reverseproxy.Upstream
	hosts    []*host
	pooled   lifecycle.Pooled
	owner    *socketlog.Owner // for sockets without a gate
}

// CaddyModule implements caddy.Module.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.websocket_tunnel",
		New: func() caddy.Module { return new(Handler) },
	}
}

// defaultDrain leaves room for the last socket to close within 5 s of the stop, when Caddy's packaged systemd unit kills the
// process (TimeoutStopSec=5s).
const defaultDrain = 3 * time.Second

// Provision resolves the upstreams and builds the tunnel.
func (t *Handler) Provision(ctx caddy.Context) error {
	if t.Drain == 0 {
		t.Drain = caddy.Duration(defaultDrain)
	}
	if err := t.loadSelector(ctx); err != nil {
		return err
	}
	if err := t.Headers.Provision(ctx); err != nil {
		return fmt.Errorf("websocket_tunnel: header_up: %w", err)
	}
	upstreams, err := t.buildUpstreams(ctx)
	if err != nil {
		return fmt.Errorf("websocket_tunnel: %w", err)
	}
	logger := ctx.Logger(t)
	t.owner = socketlog.NewOwner(lifecycle.Logger(ctx, "http.handlers.websocket_gate"), nil, nil, nil)
	if err := lifecycle.RegisterMetrics(ctx, append(socketlog.Collectors(), upstreamUp, upstreamGauges{})...); err != nil {
		return fmt.Errorf("websocket_tunnel: %w", err)
	}
	t.handler, err = tunnel.New(tunnel.Config{
		Upstreams:        upstreams,
		Select:           t.choose,
		Prepare:          t.prepare,
		Tunnels:          openTunnels,
		Registry:         socketlog.Registry(),
		Describe:         t.describeSocket,
		Rejected:         func(r *http.Request) { t.count(r, gate.UpstreamRefused) },
		DialTimeout:      time.Duration(t.DialTimeout),
		HandshakeTimeout: time.Duration(t.HandshakeTimeout),
		WriteTimeout:     time.Duration(t.WriteTimeout),
		Ping:             time.Duration(t.Ping),
		MaxFrame:         t.MaxFrame,
		NewSource:        t.newSource(),
		UpstreamChanged:  func(u *tunnel.Upstream, cause error) { logUpstream(logger, u, cause) },
	})
	if err != nil {
		return fmt.Errorf("websocket_tunnel: %w", err)
	}
	t.drainWithServer(ctx)
	t.owner.Start()
	return lifecycle.OnStarted(ctx, func() { // a configuration that fails to load must not change the running one
		for _, host := range t.hosts {
			t.configure(host)
		}
	})
}

// newSource returns the source that reads a connection.
func (t *Handler) newSource() func(conn, base net.Conn) tunnel.Source {
	if t.PortableReads {
		return nil
	}
	return func(conn, base net.Conn) tunnel.Source {
		if source := directReads.Source(conn, base); source != nil {
			return source
		}
		return nil
	}
}

// UpstreamAddresses returns the addresses of the upstreams as reverse_proxy dials them.
func (t *Handler) UpstreamAddresses() (addresses []string) {
	for _, written := range t.Upstreams {
		_, address, found := strings.Cut(written, "://")
		if !found {
			address = written
		}
		addresses = append(addresses, address)
	}
	return addresses
}

// buildUpstreams resolves the addresses and loads the process's entry of each.
func (t *Handler) buildUpstreams(ctx caddy.Context) ([]*tunnel.Upstream, error) {
	t.choices = make(map[*tunnel.Upstream]*reverseproxy.Upstream)
	var upstreams []*tunnel.Upstream
	for _, written := range t.Upstreams {
		resolved, err := caddy.NewReplacer().ReplaceOrErr(written, true, true)
		if err != nil {
			return nil, fmt.Errorf("upstream %s: %w", written, err)
		}
		addresses, err := parseUpstream(resolved)
		if err != nil {
			return nil, fmt.Errorf("upstream %s: %w", written, err)
		}
		for _, address := range addresses {
			upstream, err := t.buildUpstream(ctx, address)
			if err != nil {
				return nil, fmt.Errorf("upstream %s: %w", written, err)
			}
			upstreams = append(upstreams, upstream)
			t.choices[upstream] = &reverseproxy.Upstream{Dial: upstream.String(), Host: new(reverseproxy.Host)}
		}
	}
	return upstreams, nil
}

func (t *Handler) buildUpstream(ctx caddy.Context, address address) (*tunnel.Upstream, error) {
	host, err := t.takeHost(address)
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

// clientTLS returns the TLS configuration for an upstream. It offers HTTP/1.1 alone, since the handshake needs it.
func (t *Handler) clientTLS(ctx caddy.Context, serverName string) (*tls.Config, error) {
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

// Validate rejects negative durations, which only a JSON configuration can hold.
func (t *Handler) Validate() error {
	if t.Pace < 0 || (t.Pace > 0) != (t.PacePeriod > 0) {
		return errors.New("websocket_tunnel: pace: want a number of handshakes and a period, both above zero")
	}
	for _, option := range []struct {
		name     string
		duration caddy.Duration
	}{
		{"dial_timeout", t.DialTimeout}, {"handshake_timeout", t.HandshakeTimeout}, {"write_timeout", t.WriteTimeout},
		{"ping", t.Ping}, {"drain", t.Drain},
	} {
		if option.duration < 0 {
			return fmt.Errorf("websocket_tunnel: %s: want a duration, got %s", option.name, time.Duration(option.duration))
		}
	}
	return nil
}

// Cleanup releases the upstreams. A socket stays open while another configuration names its upstream.
func (t *Handler) Cleanup() error {
	if t.owner != nil {
		t.owner.Stop()
	}
	return t.pooled.Release()
}

// ServeHTTP tunnels a WebSocket handshake, and passes all other requests to the next handler.
func (t *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.ProtoMajor > 1 && r.Method == http.MethodConnect {
		defer request.SuspendIdleTimeouts(r.Context())()
	}
	err := t.handler.ServeHTTP(w, r, next)
	var own *tunnel.Error
	if !errors.As(err, &own) {
		return err
	}
	t.count(r, outcomeOf(own))
	if own.Retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((own.Retry+time.Second-1)/time.Second)))
	}
	return caddyhttp.Error(own.Status, own)
}

// count counts the outcome of a handshake, unless a gate counts it.
func (t *Handler) count(r *http.Request, outcome gate.Outcome) {
	if sockets.FromContext(r.Context()) == nil {
		t.owner.Count("", "", outcome)
	}
}

// outcomeOf returns the gate's outcome for a tunnel error.
func outcomeOf(err *tunnel.Error) gate.Outcome {
	switch {
	case err.Status == http.StatusGatewayTimeout:
		return gate.UpstreamTimeout
	case err.Retry > 0:
		return gate.UpstreamBusy
	case err.ClientGone():
		return gate.ClientGone
	case err.Malformed():
		return gate.Malformed
	default:
		return gate.UpstreamFailed
	}
}

// prepare sets the forwarded header fields of the handshake to the application, then applies header_up.
func (t *Handler) prepare(request, original *http.Request, upstream *tunnel.Upstream) {
	setForwarded(request, original)
	if upstream.TLS != nil {
		request.Host = upstream.Address // as reverse_proxy does for TLS upstreams
	}
	if t.Headers == nil {
		return
	}
	if replacer, ok := original.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		replacer.Set("http.reverse_proxy.upstream.hostport", upstream.Address)
		replacer.Set("http.reverse_proxy.upstream.address", upstream.String())
		host, port, err := net.SplitHostPort(upstream.Address)
		if err != nil {
			host = upstream.Address // the path of a Unix socket
		}
		replacer.Set("http.reverse_proxy.upstream.host", host)
		replacer.Set("http.reverse_proxy.upstream.port", port)
	}
	t.Headers.ApplyToRequest(request)
}

// describeSocket returns the registry entry of a socket that no gate admitted.
func (t *Handler) describeSocket(r *http.Request) sockets.Info {
	info := sockets.Info{Host: r.Host, Client: request.Client(r), Protocol: r.Proto, Major: r.ProtoMajor, Origin: r.Header.Get("Origin"), Owner: t.owner}
	if r.ProtoMajor == 3 {
		info.Protocol = "HTTP/3.0" // r.Proto holds :protocol in HTTP/3
	}
	return info
}

// openTunnels holds the tunnels of the process. A tunnel may outlive the configuration that opened it, and
// every later one that could hold it in a usage pool.
var openTunnels = tunnel.NewSet(0)

// directReads creates the sources of all tunnels of the process.
var directReads directread.Reader

var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ tunnel.Next                 = (caddyhttp.Handler)(nil)
)
