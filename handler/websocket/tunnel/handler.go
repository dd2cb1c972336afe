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

// Next is the handler that gets what is not a WebSocket handshake.
type Next interface {
	ServeHTTP(http.ResponseWriter, *http.Request) error
}

// Config says how handshakes are made and tunnels are kept.
type Config struct {
	// Upstreams are the addresses of the application. At least one is needed.
	Upstreams []*Upstream
	// Select picks one of the upstreams that may be asked; there is always at least one. Nil takes the first.
	Select func(among []*Upstream, w http.ResponseWriter, r *http.Request) *Upstream
	// Prepare changes the request that goes to the application, for one upstream. original is the client's. Nil
	// changes nothing.
	Prepare func(request, original *http.Request, upstream *Upstream)

	// Tunnels holds the tunnels of the process.
	Tunnels *Set
	// Registry is where a socket is opened that no gate has opened before.
	Registry *sockets.Registry
	// Describe says what to write into the registry about such a socket.
	Describe func(r *http.Request) sockets.Info
	// Rejected is told of a handshake that the application answered otherwise than by a switch. Nil is told nothing.
	Rejected func(r *http.Request)
	// UpstreamChanged is called when an upstream can no longer be reached, with the cause, and with nil when it responds again.
	// Nil does nothing.
	UpstreamChanged func(upstream *Upstream, cause error)

	// DialTimeout bounds a connection to one upstream, TLS included. Default 3s.
	DialTimeout time.Duration
	// HandshakeTimeout bounds the whole handshake, from the first connection to the last byte of the answer's header.
	// A client whose application takes longer gets 504. Default 10s.
	HandshakeTimeout time.Duration
	// WriteTimeout bounds one write to either side. A side that takes no byte for so long is given up. Default 30s.
	WriteTimeout time.Duration
	// Ping is how long a side may be silent before it is asked whether it is still there, and how long it then has to
	// say anything. 0 means that nobody is asked.
	Ping time.Duration
	// MaxFrame is the longest payload of a frame from either side, in bytes. 0 means any.
	MaxFrame uint64

	// NewSource returns a source that reads conn, or nil for connections that it cannot read. Base is the connection below
	// all wrappers. Nil, and nil sources, mean the portable way.
	NewSource func(conn, base net.Conn) Source
	// Dial makes connections. Nil means a [net.Dialer].
	Dial DialFunc
	// Random is where handshake keys come from. Nil means [rand.Reader].
	Random io.Reader
	// Now is the clock. Nil means [time.Now].
	Now func() time.Time
}

// Handler makes tunnels out of WebSocket handshakes.
type Handler struct {
	config Config
	limits *limits
}

// New makes a handler.
func New(config Config) (*Handler, error) {
	switch {
	case len(config.Upstreams) == 0:
		return nil, errors.New("want at least one upstream")
	case config.Tunnels == nil || config.Registry == nil:
		return nil, errors.New("want a pool and a registry")
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

// ServeHTTP makes a tunnel out of a WebSocket handshake, and hands everything else to next. On HTTP/1.1 it returns when
// the tunnel stands; on HTTP/2 and 3 when it has ended. The application's own answer is relayed, whatever it is. An
// [*Error] is returned where the client has not been answered.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next Next) error {
	if !isHandshake(r) {
		return next.ServeHTTP(w, r)
	}
	if err := checkHandshake(r); err != nil {
		return err
	}
	socket := sockets.FromContext(r.Context())
	if socket == nil {
		return h.serveUngated(w, r)
	}
	return h.serve(w, r, socket)
}

// serveUngated opens the socket that the gate would have opened.
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
	hand, err := newHandshake(r, h.config.Random)
	if err != nil {
		return &Error{Status: http.StatusInternalServerError, Err: err}
	}
	answer, upstream, err := h.roundTrip(w, r, hand)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return h.relayResponse(w, r, answer)
	}
	if err := hand.check(answer.Header); err != nil {
		answer.discard()
		return &Error{Status: http.StatusBadGateway, Err: err}
	}
	return h.openTunnel(w, r, socket, upstream, answer)
}

// roundTrip makes the handshake to one upstream after the other, until one answers.
func (h *Handler) roundTrip(w http.ResponseWriter, r *http.Request, hand *handshake) (*response, *Upstream, error) {
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
		answer, err := h.exchange(ctx, upstream, hand.requestFor(h.config.Prepare, r, upstream))
		if err == nil {
			if upstream.Host.reached(h.config.Now()) {
				h.config.UpstreamChanged(upstream, nil)
			}
			return answer, upstream, nil
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

// openTunnel answers the client and starts the tunnel.
func (h *Handler) openTunnel(
	w http.ResponseWriter, r *http.Request, socket *sockets.Socket, upstream *Upstream, answer *response,
) error {
	t := &tunnel{
		set: h.config.Tunnels, socket: socket, host: upstream.Host, limits: h.limits, app: answer.conn,
	}
	t.down.early = answer.bufferedBytes()
	t.down.source = h.newSource(answer.conn, answer.conn)
	header := answer.Header
	answer.releaseReader()
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

// openStream serves a client on HTTP/2 or 3 within its stream, to the end.
func (h *Handler) openStream(w http.ResponseWriter, r *http.Request, t *tunnel, header http.Header) error {
	copySwitchHeader(w.Header(), header)
	delete(w.Header(), "Sec-WebSocket-Accept")
	w.WriteHeader(http.StatusOK)
	client := newStreamClient(w, r.Body, t.socket)
	if err := client.controller.Flush(); err != nil {
		t.app.Close()
		return nil // the client has gone, and was told all there was to tell
	}
	t.client = client
	t.up.source = &streamSource{body: r.Body}
	t.connect()
	t.runHere()
	return nil
}
