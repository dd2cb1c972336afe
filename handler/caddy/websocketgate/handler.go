package websocketgate

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/caddy/redact"
	"github.com/scan2food/usher/handler/caddy/request"
	"github.com/scan2food/usher/handler/caddy/socketlog"
	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/keys"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// WebSocketGate decides which requests may open a WebSocket. It refuses, at once and in words, whatever does not present
// exactly one good key of the route that it asks for, and every other attempt to leave HTTP. Plain requests to other
// paths pass it untouched.
//
// Put it in front of everything that could answer; the Caddyfile directive orders itself so.
type Handler struct {
	// The sockets that the site offers. At least one.
	Routes []*Route `json:"routes,omitempty"`

	// What becomes of an attempt to switch protocols that no route lists: `refuse` (default) or `pass`. With `pass` an
	// attempt that is a route's path in disguise (other case, encoded, doubled slashes) is refused all the same.
	Unlisted string `json:"unlisted,omitempty"`

	// Whether the application gets header fields that hold the byte 0x85, at which Daphne before 4.2.2 splits lines. Default:
	// they are left out, of Cookie the pairs alone, and the log names them once.
	ForwardNEL bool `json:"forward_nel,omitempty"`

	// How a refusal is told: by `status` (default), by `close` (the handshake is completed, then closed with a code that
	// scripts in a browser can read), or `auto`: by `close` to browsers, by `status` to everybody else.
	Reject string `json:"reject,omitempty"`

	// After how many refusals in a row a route is reported as dark. Default: 20.
	DarkAfter int `json:"dark_after,omitempty"`

	// How long no handshake must have been accepted for that. Default: 1m.
	DarkLasting caddy.Duration `json:"dark_lasting,omitempty"`

	gate    *gate.Gate
	keys    *keySet
	watch   *watch
	owner   *socketlog.Owner
	logger  *zap.Logger
	server  *caddyhttp.Server
	logs    *redact.Logs
	app     *caddyhttp.App
	place   string      // the addresses and hosts of its site
	site    string      // tells its sockets from those of other gates, also after a reload
	exposed bool        // other paths of the site can switch protocols
	live    atomic.Bool // the configuration that this gate belongs to is in force
	retired sync.Once
	dropped droppedFields
}

// CaddyModule tells Caddy of the module.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.websocket_gate",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision resolves the keys and builds the gate. A key that resolves to nothing, or to too little, is an error.
func (g *Handler) Provision(ctx caddy.Context) error {
	g.logger = ctx.Logger()
	if err := g.checkNulls(); err != nil {
		return err
	}
	g.server, g.logs = lifecycle.Server(ctx), redact.New(ctx)
	g.warnOfSecrets()
	known, err := newGateKeys(g)
	if err != nil {
		return err
	}
	ring, err := known.ring()
	if err != nil {
		return g.placed(err)
	}
	g.warnOfShared(ring)
	g.warnOfExpired(ring, time.Now())
	g.warnOfLabels(ring)
	g.app, g.place = lifecycle.HTTPApp(ctx), placeOf(g)
	g.site = siteOf(g, slices.Collect(liveGates.All()))
	g.owner = socketlog.NewOwner(g.logger, g.routeNames(), g.admitted)
	config, err := g.coreConfig(ring, g.server)
	if err != nil {
		return err
	}
	if g.gate, err = gate.New(config); err != nil {
		return g.placed(err)
	}
	if g.exposed, err = g.checkInForce(); err != nil {
		return err
	}
	if err := g.begin(ctx, known); err != nil {
		return fmt.Errorf("websocket_gate: %w", err)
	}
	return nil
}

func (g *Handler) routeNames() []string {
	var names []string
	for _, route := range g.Routes {
		names = append(names, route.Name)
	}
	return names
}

// coreConfig turns the configuration into that of the core.
func (g *Handler) coreConfig(ring *keys.Ring, server *caddyhttp.Server) (gate.Config, error) {
	routes, err := g.coreRoutes()
	if err != nil {
		return gate.Config{}, err
	}
	if err := g.coreGenerations(routes, server); err != nil {
		return gate.Config{}, err
	}
	if err := g.coreTickets(routes); err != nil {
		return gate.Config{}, err
	}
	reject, err := gate.ParseReject(g.Reject)
	if err != nil {
		return gate.Config{}, fmt.Errorf("websocket_gate: reject: %w", err)
	}
	return gate.Config{
		Routes:       routes,
		Ring:         ring,
		Site:         g.site,
		Reject:       reject,
		Closer:       refusalCloser,
		Refusals:     refusalBound,
		PassUnlisted: g.Unlisted == "pass",
		ForwardNEL:   g.ForwardNEL,
		Registry:     socketlog.Registry(),
		Owner:        g.owner,
		External:     request.ExternalOrigin,
		Client:       request.Client,
		StatusOf:     request.ErrorStatus,
		Spent:        spentTickets,
		Random:       rand.Reader,
		Now:          time.Now,
	}, nil
}

// begin puts a gate that is complete into service.
func (g *Handler) begin(ctx caddy.Context, known *keySet) error {
	if err := lifecycle.RegisterMetrics(ctx, append(socketlog.Collectors(), gauges{}, plainRequests)...); err != nil {
		return err
	}
	watch, err := newGateWatch(ctx, g)
	if err != nil {
		return err
	}
	if err := lifecycle.OnStarted(ctx, func() { g.started(ctx) }); err != nil {
		return err
	}
	g.keys, g.watch = known, watch
	g.live.Store(true)
	g.owner.Start()
	liveGates.Add(g.server, g)
	g.logs.Add(g.gate)
	g.keys.followFiles(g.gate)
	g.watch.start()
	if g.server != nil {
		g.server.RegisterOnShutdown(g.retire)
	}
	return nil
}

// started looks at the configuration as a whole, which a gate that is being provisioned cannot.
func (g *Handler) started(ctx caddy.Context) {
	g.warnOfDebug(ctx)
	g.warnOfExposed()
	g.warnOfGenerations()
}

// Cleanup leaves the sockets that live on to the newest gate.
func (g *Handler) Cleanup() error {
	if g.keys == nil {
		return nil // it was never complete
	}
	g.retire()
	g.keys.close()
	g.watch.close()
	g.logs.Remove()
	return nil
}

// retire is called when the server begins to shut down, because a new configuration is in force or because the process
// ends. It closes the sockets that the new one would not admit, and those within streams of HTTP/2 and 3 that no tunnel
// keeps: the server waits for its streams, for ever if no grace period is set. At the end of the process it closes all that a
// proxy holds: at a boundary between frames, and before the proxy breaks them off.
func (g *Handler) retire() {
	g.retired.Do(func() {
		const reason = "the server is going away"
		g.live.Store(false)
		g.owner.Stop()
		liveGates.Remove(g.server, g)
		socketlog.Registry().CloseUnkept(func(info sockets.Info) bool {
			return info.Owner == g.owner && info.Major > 1
		}, sockets.CodeGoingAway, reason)
		if !caddy.Exiting() {
			closeRevoked()
			return
		}
		for _, open := range socketlog.Registry().List() {
			if open.Owner == g.owner && !open.Kept {
				socketlog.Registry().CloseID(open.ID, sockets.CodeGoingAway, reason)
			}
		}
	})
}

// Validate checks what a JSON configuration could hold and a Caddyfile could not.
func (g *Handler) Validate() error {
	if g.Unlisted != "" && g.Unlisted != "refuse" && g.Unlisted != "pass" {
		return fmt.Errorf("websocket_gate: unlisted: want refuse or pass, got %q", g.Unlisted)
	}
	if g.DarkAfter < 0 || g.DarkLasting < 0 {
		return errors.New("websocket_gate: dark_after: want a number and a duration that are not negative")
	}
	return nil
}

// ServeHTTP decides about the request, and hands it on or rejects it. It writes the access and error lines of the requests that may
// hold a credential.
func (g *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	d := g.gate.Decide(r)
	isHandshake := gate.ReadHandshake(r) != gate.PlainHTTP
	log := g.logs.Begin(w, r, d)
	var err error
	defer func() { log.End(err) }()
	if err = statusError(g.serve(w, r, d, next)); err != nil && isHandshake {
		return withdrawHandshake(w, r, err)
	}
	return err
}

// withdrawHandshake makes plain HTTP of a handshake that failed, in place: the routes of handle_errors get this request, and must not
// open a socket with it. Caddy gives them the method of an extended CONNECT back, so such a request is answered here.
func withdrawHandshake(w http.ResponseWriter, r *http.Request, err error) error {
	if r.Method == http.MethodConnect {
		w.WriteHeader(request.ErrorStatus(err))
		return nil
	}
	delete(r.Header, "Upgrade")
	delete(r.Header, "Connection")
	return err
}

func (g *Handler) serve(w http.ResponseWriter, r *http.Request, d *gate.Decision, next caddyhttp.Handler) error {
	if r.ProtoMajor > 1 && gate.ReadHandshake(r) == gate.WebSocket {
		defer request.SuspendIdleTimeouts(r.Context())()
	}
	if d.Outcome != gate.Passed {
		setGatePlaceholders(r, d)
	}
	if d.Plain && d.Outcome == gate.Accepted {
		plainRequests.WithLabelValues(d.Route.Name, string(d.Outcome)).Inc()
	}
	err := g.gate.ServeHTTP(w, r, d, next)
	if d.Rejected() {
		g.refused(r, d)
	}
	if d.Dropped != nil {
		g.dropped.log(g.logger, d.Dropped)
	}
	if d.NotIssued != nil {
		g.notIssued(r, d.NotIssued)
	}
	return err
}

// What outlives configurations, as sockets do.
var (
	refusalCloser = sockets.NewCloser(0)
	refusalBound  = sockets.NewRefusals(1000, 10*time.Millisecond) // of one client: a thousand at once, then 100 a second
)

var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ gate.Next                   = (caddyhttp.Handler)(nil)
)
