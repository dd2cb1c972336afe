package tunnel

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// Next handles requests that are not WebSocket handshakes.
type Next interface {
	ServeHTTP(http.ResponseWriter, *http.Request) error
}

// Config configures handshakes and tunnels.
type Config struct {
	// Upstreams are the addresses of the application. At least one is required.
	Upstreams []*Upstream
	// Select selects one of the available upstreams, of which there is at least one. Nil selects the first.
	Select func(among []*Upstream, w http.ResponseWriter, r *http.Request) *Upstream
	// Prepare changes the request to the application, for one upstream. original is the client's request. Nil changes nothing.
	Prepare func(request, original *http.Request, upstream *Upstream)

	// Tunnels holds the tunnels of the process.
	Tunnels *Set
	// Registry is where sockets without a gate are opened.
	Registry *sockets.Registry
	// Describe returns the registry's entry for a socket without a gate.
	Describe func(r *http.Request) sockets.Info
	// Rejected is called for a handshake that the application rejected. May be nil.
	Rejected func(r *http.Request)
	// UpstreamChanged is called with the cause when an upstream becomes unreachable, and with nil when it responds again. May
	// be nil.
	UpstreamChanged func(upstream *Upstream, cause error)

	// DialTimeout is the timeout of a connection to one upstream, including TLS. Default 3s.
	DialTimeout time.Duration
	// HandshakeTimeout is the timeout of the whole handshake, up to the end of the response's header. Then the client gets 504.
	// Default 10s.
	HandshakeTimeout time.Duration
	// WriteTimeout is how long a write to either side may make no progress. Then the tunnel is closed. Default 30s.
	WriteTimeout time.Duration
	// Ping is how long a side may be silent before it gets a ping, and how long it then has to send anything. The second time
	// starts when the side's kernel has taken the bytes before the ping. 0 means no pings.
	Ping time.Duration
	// MaxFrame is the maximum payload of a frame from either side, in bytes. 0 means any.
	MaxFrame uint64

	// NewSource returns a source that reads conn, or nil for connections that it cannot read. Base is the connection below all
	// wrappers. Nil functions and nil sources mean portable reads.
	NewSource func(conn, base net.Conn) Source
	// Dial opens connections. Nil means a [net.Dialer].
	Dial DialFunc
	// Random is the source of handshake keys. Nil means [rand.Reader].
	Random io.Reader
	// Now is the clock. Nil means [time.Now].
	Now func() time.Time
}

// Handler opens tunnels for WebSocket handshakes.
type Handler struct {
	config Config
	limits *limits
}

// New returns a handler.
func New(config Config) (*Handler, error) {
	switch {
	case len(config.Upstreams) == 0:
		return nil, errors.New("no upstream: at least one is required")
	case config.Tunnels == nil || config.Registry == nil:
		return nil, errors.New("no tunnels or registry: both are required")
	}
	for _, upstream := range config.Upstreams {
		if upstream.Host == nil {
			upstream.Host = new(Host)
		}
	}
	setDefault(&config.DialTimeout, 3*time.Second)
	setDefault(&config.HandshakeTimeout, 10*time.Second)
	setDefault(&config.WriteTimeout, 30*time.Second)
	if config.Select == nil {
		config.Select = func(among []*Upstream, _ http.ResponseWriter, _ *http.Request) *Upstream { return among[0] }
	}
	if config.Prepare == nil {
		config.Prepare = func(*http.Request, *http.Request, *Upstream) {}
	}
	if config.Describe == nil {
		config.Describe = func(r *http.Request) sockets.Info { return sockets.Info{Protocol: r.Proto, Major: r.ProtoMajor} }
	}
	if config.Rejected == nil {
		config.Rejected = func(*http.Request) {}
	}
	if config.UpstreamChanged == nil {
		config.UpstreamChanged = func(*Upstream, error) {}
	}
	if config.Dial == nil {
		config.Dial = new(net.Dialer).DialContext
	}
	if config.Random == nil {
		config.Random = rand.Reader
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Handler{config: config, limits: &limits{
		pingTicks:   config.Tunnels.ticks(config.Ping),
		stuckTicks:  config.Tunnels.ticks(config.WriteTimeout),
		lingerTicks: config.Tunnels.ticks(lingerTimeout),
		maxFrame:    config.MaxFrame,
	}}, nil
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}

// ServeHTTP opens a tunnel for a WebSocket handshake, and calls next for other requests. On HTTP/1.1 it returns when the tunnel
// is open, and on HTTP/2 and 3 when it has ended. It relays any response of the application. If it returns an [*Error], the
// client has no response yet.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next Next) error {
	if !isHandshake(r) {
		return next.ServeHTTP(w, r)
	}
	if err := checkHandshake(r); err != nil {
		return err
	}
	socket := sockets.FromContext(r.Context())
	if socket == nil {
		if err := sockets.CheckSwitch(w); err != nil { // another handler has made a plain request a handshake
			return err
		}
		return h.serveUngated(w, r)
	}
	return h.serve(w, r, socket)
}

// serveUngated opens a socket without a gate.
func (h *Handler) serveUngated(w http.ResponseWriter, r *http.Request) error {
	socket, err := h.config.Registry.Open(h.config.Describe(r), sockets.Limits{})
	if err != nil {
		return &Error{Status: http.StatusServiceUnavailable, Err: err}
	}
	defer func() {
		if !socket.Detached() {
			socket.End()
		}
	}()
	if r.ProtoMajor > 1 {
		r.Body = socket.Body(r.Body)
	}
	return h.serve(socket.ResponseWriter(w), r, socket)
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, socket *sockets.Socket) error {
	socket.SurviveReloads()
	handshake, err := newHandshake(r, h.config.Random)
	if err != nil {
		return &Error{Status: http.StatusInternalServerError, Err: err}
	}
	response, upstream, err := h.roundTrip(w, r, handshake)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return h.relayResponse(w, r, response)
	}
	if err := handshake.check(response.Header); err != nil {
		response.discard()
		return &Error{Status: http.StatusBadGateway, Err: err}
	}
	return h.openTunnel(w, r, socket, upstream, response)
}

// roundTrip tries one upstream after the other until one responds.
func (h *Handler) roundTrip(w http.ResponseWriter, r *http.Request, handshake *handshake) (*response, *Upstream, error) {
	ctx, cancel := context.WithTimeout(r.Context(), h.config.HandshakeTimeout)
	defer cancel()
	var tried []*Upstream
	var failure error
	for {
		now := h.config.Now()
		left := candidates(h.config.Upstreams, tried, now)
		if len(left) == 0 {
			if failure == nil {
				return nil, nil, &Error{Status: http.StatusServiceUnavailable, Err: errAllDrained}
			}
			return nil, nil, newError(r.Context(), ctx, failure)
		}
		upstream := h.config.Select(left, w, r)
		tried = append(tried, upstream)
		if err := h.waitTurn(ctx, upstream.Host); err != nil {
			return nil, nil, newError(r.Context(), ctx, err)
		}
		response, err := h.exchange(ctx, upstream, handshake.requestFor(h.config.Prepare, r, upstream))
		if err == nil {
			if upstream.Host.reached(h.config.Now()) {
				h.config.UpstreamChanged(upstream, nil)
			}
			return response, upstream, nil
		}
		if ctx.Err() == nil && isRetriable(err) {
			if upstream.Host.failed(now) {
				h.config.UpstreamChanged(upstream, err)
			}
			if failure = err; len(tried) < len(h.config.Upstreams) {
				continue
			}
		}
		return nil, nil, newError(r.Context(), ctx, err)
	}
}

// openTunnel sends the response and starts the tunnel.
func (h *Handler) openTunnel(
	w http.ResponseWriter, r *http.Request, socket *sockets.Socket, upstream *Upstream, response *response,
) error {
	t := &tunnel{
		set: h.config.Tunnels, socket: socket, host: upstream.Host, limits: h.limits, app: response.conn,
	}
	t.down.early = response.bufferedBytes()
	t.down.source = h.newSource(response.conn, response.conn)
	header := response.Header
	response.releaseReader()
	if r.ProtoMajor > 1 {
		return h.openStream(w, r, t, header)
	}
	copySwitchHeader(w.Header(), header)
	w.Header()["Connection"] = []string{"Upgrade"}
	w.Header()["Upgrade"] = []string{"websocket"}
	w.WriteHeader(http.StatusSwitchingProtocols)
	client, err := takeOver(w, socket)
	if err != nil {
		t.app.Close()
		return &Error{Status: http.StatusInternalServerError, Err: err}
	}
	socket.Detach()
	t.client, t.up.early = client, client.early
	client.early = nil
	t.up.source = h.newSource(client.Conn, client.base)
	t.connect()
	t.start()
	return nil
}

// openStream serves a client on HTTP/2 or 3 until its stream ends.
func (h *Handler) openStream(w http.ResponseWriter, r *http.Request, t *tunnel, header http.Header) error {
	copySwitchHeader(w.Header(), header)
	delete(w.Header(), "Sec-WebSocket-Accept")
	w.WriteHeader(http.StatusOK)
	client := newStreamClient(w, r.Body, t.socket)
	if err := client.controller.Flush(); err != nil {
		t.app.Close()
		return nil // the client is gone, and the response was sent
	}
	t.client = client
	t.up.source = &streamSource{body: r.Body}
	t.connect()
	t.runHere()
	return nil
}
