package usher

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/gate"
	"github.com/scan2food/usher/handler/keys"
	"github.com/scan2food/usher/handler/sockets"
)

// WebSocketGate decides which requests may open a WebSocket. It refuses, at once and in words, whatever does not present
// exactly one good key of the route that it asks for, and every other attempt to leave HTTP. Plain requests to other
// paths pass it untouched.
//
// Put it in front of everything that could answer; the Caddyfile directive orders itself so.
type WebSocketGate struct {
	// The sockets that the site offers. At least one.
	Routes []*GateRoute `json:"routes,omitempty"`

	// What becomes of an attempt to switch protocols that no route lists: `refuse` (default) or `pass`. With `pass` an
	// attempt that is a route's path in disguise (other case, encoded, doubled slashes) is refused all the same.
	Unlisted string `json:"unlisted,omitempty"`

	// How a refusal is told: by `status` (default), by `close` (the handshake is completed, then closed with a code that
	// scripts in a browser can read), or `auto`: by `close` to browsers, by `status` to everybody else.
	Reject string `json:"reject,omitempty"`

	// After how many refusals in a row a route is reported as dark. Default: 20.
	DarkAfter int `json:"dark_after,omitempty"`

	// How long no handshake must have been accepted for that. Default: 1m.
	DarkLasting caddy.Duration `json:"dark_lasting,omitempty"`

	gate    *gate.Gate
	keys    *gateKeys
	watch   *gateWatch
	metrics gateCounters
	logger  *zap.Logger
	logs    *redactedLogs
	site    string      // tells its sockets from those of other gates, also after a reload
	live    atomic.Bool // the configuration that this gate belongs to is in force
	retired sync.Once
}

// GateRoute is one kind of socket.
type GateRoute struct {
	// The route's name in logs, metrics and errors. Letters, digits, `_`, `-` and `.`.
	Name string `json:"name"`

	// The paths of the route: `/ws/chat/` is that path alone, `/ws/chat/*` is all below it.
	Paths []string `json:"paths"`

	// The keys that open it. At least one, or a file of keys, or tickets.
	Keys []*GateKey `json:"keys,omitempty"`

	// Files of keys: a label and a secret a line (and perhaps `from` and `until`), or a dotenv file. They are followed as
	// they change; a change that cannot be used leaves the last good keys in force.
	KeysFiles []string `json:"keys_files,omitempty"`

	// Where the key may stand. Default: the query parameter `key`.
	Credentials []GateCredential `json:"credentials,omitempty"`

	// Whether the key is kept from the application. Default: it is forwarded as it came.
	HideCredentials bool `json:"hide_credentials,omitempty"`

	// What the application gets instead of the client's key, which is hidden then.
	UpstreamCredential *GateUpstreamCredential `json:"upstream_credential,omitempty"`

	// Signed credentials that end soon, beside keys or instead of them.
	Ticket *GateTicket `json:"ticket,omitempty"`

	// Which pages may open it: `same` (default: those of this site), `any`, or origins such as `https://example.com`,
	// `https://*.example.com` and `null`. A request without Origin comes from no browser and is not judged.
	Origins []string `json:"origins,omitempty"`

	// Which pages are recent enough to open it, by the generation of the assets that they were served with (`versioned_assets`
	// with `stamp html`): `current`, or `previous` for that and the one before. A client that names none is not asked.
	// Default: all.
	MinGeneration string `json:"min_generation,omitempty"`

	// How long the application may take to answer the handshake before the client gets 504. Default: 10s.
	HandshakeTimeout caddy.Duration `json:"handshake_timeout,omitempty"`

	// How many sockets of the route may be open at once. Default: no limit.
	MaxOpen int `json:"max_open,omitempty"`

	// How many of them one client may have open: an IPv4 address or an IPv6 /64, trusted proxies considered. Default: no
	// limit.
	MaxOpenPerClient int `json:"max_open_per_client,omitempty"`

	// How many of them may be open by one key. Default: no limit.
	MaxOpenPerKey int `json:"max_open_per_key,omitempty"`

	// How long a socket may be open before it is closed with 1001. Default: no limit.
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	// How long a socket may be silent both ways before it is closed with 1001. Default: no limit.
	IdleTimeout caddy.Duration `json:"idle_timeout,omitempty"`

	// Where the route stands in a configuration file, for error messages.
	Source string `json:"source,omitempty"`
}

// GateKey is one key of a route.
type GateKey struct {
	// The key: a placeholder such as `{env.CHAT_WS_KEY}` or `{file./run/secrets/chat}` (preferred: the configuration
	// then holds no secret), a literal of at least 16 characters, or `sha256:` and the 64 hex digits of its digest.
	Secret string `json:"secret"`

	// The key's name in logs. Default: the route's name, and from the second key on its number (chat, chat-2).
	Label string `json:"label,omitempty"`

	// The key is not good before this time. Default: always.
	From time.Time `json:"from,omitzero"`

	// The key is not good from this time on, and the sockets that it opened are closed. Default: never.
	Until time.Time `json:"until,omitzero"`

	// Where the key stands in a configuration file, for error messages.
	Source string `json:"source,omitempty"`
}

// GateCredential is a place where a key may stand.
type GateCredential struct {
	// `query`, `header`, `cookie`, `subprotocol` or `bearer`.
	In string `json:"in"`

	// The name of the parameter, header or cookie, or what stands before the dot in the subprotocol. None for `bearer`.
	Name string `json:"name,omitempty"`
}

// GateUpstreamCredential is what the application gets instead of the client's key.
type GateUpstreamCredential struct {
	// `query` or `header`.
	In string `json:"in"`

	// The name of the parameter or header.
	Name string `json:"name"`

	// The secret, written as a key's.
	Secret string `json:"secret"`
}

// CaddyModule tells Caddy of the module.
func (*WebSocketGate) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.websocket_gate",
		New: func() caddy.Module { return new(WebSocketGate) },
	}
}

// Provision resolves the keys and builds the gate. A key that resolves to nothing, or to too little, is an error.
func (g *WebSocketGate) Provision(ctx caddy.Context) error {
	g.logger = ctx.Logger()
	g.logs = newRedactedLogs(ctx)
	g.warnOfSecrets(ctx)
	known, err := newGateKeys(g)
	if err != nil {
		return err
	}
	ring, err := known.ring()
	if err != nil {
		return fmt.Errorf("websocket_gate: %w", err)
	}
	g.warnOfShared(ring)
	routes, err := g.coreRoutes()
	if err != nil {
		return err
	}
	if err := g.coreGenerations(routes, serverOf(ctx.Value)); err != nil {
		return err
	}
	if err := g.coreTickets(routes); err != nil {
		return err
	}
	reject, err := gate.ParseReject(g.Reject)
	if err != nil {
		return fmt.Errorf("websocket_gate: reject: %w", err)
	}
	g.site = liveGates.siteOf(g)
	g.gate, err = gate.New(gate.Config{
		Routes:       routes,
		Ring:         ring,
		Site:         g.site,
		Reject:       reject,
		Closer:       refusalCloser,
		Refusals:     refusalBound,
		PassUnlisted: g.Unlisted == "pass",
		Registry:     openSockets,
		Owner:        g,
		External:     externalOrigin,
		Client:       clientAddress,
		StatusOf:     errorStatus,
		Refused:      g.refused,
		Admitted:     noteAdmitted,
		Spent:        spentTickets,
		Random:       rand.Reader,
		NotIssued:    g.notIssued,
		Now:          time.Now,
	})
	if err != nil {
		return fmt.Errorf("websocket_gate: %w", err)
	}
	if err := g.begin(ctx, known); err != nil {
		return fmt.Errorf("websocket_gate: %w", err)
	}
	return nil
}

// begin puts a gate that is complete into service.
func (g *WebSocketGate) begin(ctx caddy.Context, known *gateKeys) error {
	if err := registerMetrics(ctx); err != nil {
		return err
	}
	watch, err := newGateWatch(ctx, g)
	if err != nil {
		return err
	}
	g.metrics = countersOf(g.Routes)
	g.live.Store(true)
	newestGate.Store(g)
	openSockets.SetHooks(socketOpened, socketEnded)
	g.keys, g.watch = known, watch
	liveGates.add(g)
	g.keys.followFiles(g.gate)
	g.watch.start()
	if g.logs.server != nil {
		g.logs.server.RegisterOnShutdown(g.retire)
	}
	return nil
}

// Cleanup leaves the sockets that live on to the newest gate.
func (g *WebSocketGate) Cleanup() error {
	if g.keys == nil {
		return nil // it was never complete
	}
	g.retire()
	g.keys.close()
	g.watch.close()
	return nil
}

// retire is called when the server begins to shut down, because a new configuration is in force or because the process
// ends. It closes the sockets that the new one would not admit, and those within streams of HTTP/2 and 3 that no tunnel
// keeps: the server waits for its streams, for ever if no grace period is set. At the end of the process it closes all that a
// proxy holds: at a boundary between frames, and before the proxy breaks them off.
func (g *WebSocketGate) retire() {
	g.retired.Do(func() {
		const reason = "the server is going away"
		g.live.Store(false)
		liveGates.remove(g)
		openSockets.CloseUnkept(func(info sockets.Info) bool {
			return info.Owner == g && info.Protocol != "HTTP/1.1"
		}, sockets.CodeGoingAway, reason)
		if !caddy.Exiting() {
			closeRevoked()
			return
		}
		for _, open := range openSockets.List() {
			if open.Owner == g && !open.Kept {
				openSockets.CloseID(open.ID, sockets.CodeGoingAway, reason)
			}
		}
	})
}

// Validate checks what a JSON configuration could hold and a Caddyfile could not.
func (g *WebSocketGate) Validate() error {
	if g.Unlisted != "" && g.Unlisted != "refuse" && g.Unlisted != "pass" {
		return fmt.Errorf("websocket_gate: unlisted: want refuse or pass, got %q", g.Unlisted)
	}
	return nil
}

func (k *GateKey) resolve(label string) (keys.Key, error) {
	secret, err := resolveSecret(k.Secret)
	if err != nil {
		return keys.Key{}, err
	}
	return keys.NewKey(label, secret, k.From, k.Until)
}

// resolveSecret replaces placeholders. What resolves to nothing is an error: an unset variable must not become the key.
func resolveSecret(secret string) (string, error) {
	resolved, err := caddy.NewReplacer().ReplaceOrErr(secret, true, true)
	if err != nil {
		return "", err
	}
	if resolved == "" {
		return "", errors.New("the secret is empty")
	}
	return resolved, nil
}

// labelOf is the name of key i in logs.
func (r *GateRoute) labelOf(i int) string {
	switch {
	case r.Keys[i].Label != "":
		return r.Keys[i].Label
	case i == 0:
		return r.Name
	default:
		return fmt.Sprintf("%s-%d", r.Name, i+1)
	}
}

func (r *GateRoute) errorf(format string, args ...any) error {
	return fmt.Errorf("websocket_gate: route %s: %w%s", r.Name, fmt.Errorf(format, args...), at(r.Source))
}

func (r *GateRoute) keyErrorf(key *GateKey, err error) error {
	return fmt.Errorf("websocket_gate: route %s: key: %w%s", r.Name, err, at(key.Source))
}

func at(source string) string {
	if source == "" {
		return ""
	}
	return ", at " + source
}

// coreRoutes turns the routes of the configuration into those of the gate.
func (g *WebSocketGate) coreRoutes() ([]*gate.Route, error) {
	var routes []*gate.Route
	for _, r := range g.Routes {
		route, err := r.core()
		if err != nil {
			return nil, r.errorf("%w", err)
		}
		routes = append(routes, route)
	}
	return routes, nil
}

// coreGenerations has routes ask the assets of their site which pages are outdated.
func (g *WebSocketGate) coreGenerations(routes []*gate.Route, server *caddyhttp.Server) error {
	for i, r := range g.Routes {
		switch r.MinGeneration {
		case "":
			continue
		case "current", "previous":
		default:
			return r.errorf("min_generation: want current or previous, got %q", r.MinGeneration)
		}
		previousToo := r.MinGeneration == "previous"
		routes[i].Outdated = func(generation string) bool {
			return servedGenerations.outdated(server, generation, previousToo)
		}
	}
	return nil
}

func (r *GateRoute) core() (*gate.Route, error) {
	if r.Name == "" || strings.Trim(r.Name, nameCharacters) != "" {
		return nil, fmt.Errorf("want a name of letters, digits, _, - and ., got %q", r.Name)
	}
	if len(r.Paths) == 0 {
		return nil, errors.New("want at least one path")
	}
	if r.MaxOpen < 0 || r.MaxOpenPerClient < 0 || r.MaxOpenPerKey < 0 {
		return nil, errors.New("max_open: want numbers that are not negative")
	}
	route := &gate.Route{
		Name:             r.Name,
		Paths:            r.Paths,
		Hide:             r.HideCredentials,
		HandshakeTimeout: time.Duration(r.HandshakeTimeout),
		Limits:           sockets.Limits{Route: r.MaxOpen, Client: r.MaxOpenPerClient, Key: r.MaxOpenPerKey},
		MaxAge:           time.Duration(r.MaxAge),
		Idle:             time.Duration(r.IdleTimeout),
	}
	for _, credential := range r.Credentials {
		source, err := credential.core()
		if err != nil {
			return nil, err
		}
		route.Sources = append(route.Sources, source)
	}
	var err error
	if route.Origins, err = coreOrigins(r.Origins); err != nil {
		return nil, err
	}
	route.Upstream, err = r.UpstreamCredential.core()
	return route, err
}

const nameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."

func (c GateCredential) core() (gate.Source, error) {
	place := gate.Place(c.In)
	switch place {
	case gate.InBearer:
		if c.Name != "" {
			return gate.Source{}, fmt.Errorf("credential bearer: want no name, got %q", c.Name)
		}
		return gate.Source{Place: place}, nil
	case gate.InHeader:
		if c.Name == "" {
			break
		}
		return gate.Source{Place: place, Name: http.CanonicalHeaderKey(c.Name)}, nil
	case gate.InQuery, gate.InCookie, gate.InSubprotocol:
		if c.Name == "" {
			break
		}
		return gate.Source{Place: place, Name: c.Name}, nil
	default:
		return gate.Source{}, fmt.Errorf("credential: want query, header, cookie, subprotocol or bearer, got %q", c.In)
	}
	return gate.Source{}, fmt.Errorf("credential %s: want a name", c.In)
}

func (u *GateUpstreamCredential) core() (*gate.UpstreamCredential, error) {
	if u == nil {
		return nil, nil
	}
	secret, err := resolveSecret(u.Secret)
	if err != nil {
		return nil, fmt.Errorf("upstream_credential: %w", err)
	}
	credential := &gate.UpstreamCredential{Place: gate.Place(u.In), Name: u.Name, Secret: secret}
	switch {
	case u.Name == "":
		return nil, errors.New("upstream_credential: want a name")
	case credential.Place == gate.InHeader:
		credential.Name = http.CanonicalHeaderKey(u.Name)
	case credential.Place != gate.InQuery:
		return nil, fmt.Errorf("upstream_credential: want query or header, got %q", u.In)
	}
	return credential, nil
}

func coreOrigins(words []string) (gate.Origins, error) {
	var origins gate.Origins
	for _, word := range words {
		switch word {
		case "any", "same":
			if len(words) > 1 {
				return origins, fmt.Errorf("origins: want %s alone, or a list of origins, got %q", word, words)
			}
			origins.Any = word == "any"
		default:
			pattern, err := gate.ParseOrigin(word)
			if err != nil {
				return origins, fmt.Errorf("origins: %w", err)
			}
			origins.Listed = append(origins.Listed, pattern)
		}
	}
	return origins, nil
}

// ServeHTTP judges the request and hands it on, or answers it.
func (g *WebSocketGate) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	d := g.gate.Decide(r)
	if g.mayBeLogged(d) {
		return g.serveLogged(w, r, d, next)
	}
	return statusError(g.serve(w, r, d, next))
}

func (g *WebSocketGate) serveLogged(w http.ResponseWriter, r *http.Request, d *gate.Decision, next caddyhttp.Handler) error {
	log := g.logs.begin(g.gate, w, r)
	if log == nil {
		return statusError(g.serve(w, r, d, next))
	}
	defer log.end()
	log.err = statusError(g.serve(log.writer, r, d, next))
	return log.err
}

// mayBeLogged leaves out the refusals of a site without an access log: they end in no error, and so in no line of
// Caddy's.
func (g *WebSocketGate) mayBeLogged(d *gate.Decision) bool {
	return g.logs.accessLog != nil || d.Outcome == gate.Passed || d.Outcome == gate.Accepted
}

func (g *WebSocketGate) serve(w http.ResponseWriter, r *http.Request, d *gate.Decision, next caddyhttp.Handler) error {
	if r.ProtoMajor > 1 && gate.ReadHandshake(r) == gate.WebSocket {
		defer keepSilentStream(r.Context())()
	}
	return g.gate.ServeHTTP(w, r, d, next)
}

// keepSilentStream lifts the server's idle timeouts from the stream of an extended CONNECT: to Caddy a socket on which
// nothing is said for a minute looks like a stalled request body.
func keepSilentStream(ctx context.Context) func() {
	const forGood = 10 * 365 * 24 * time.Hour
	reader, writer := caddyhttp.IdleTimeoutsFromContext(ctx)
	restore := []func(){}
	if reader != nil {
		restore = append(restore, reader.Override(forGood, 0))
	}
	if writer != nil {
		restore = append(restore, writer.Override(forGood, 0, 0))
	}
	return func() {
		for _, undo := range restore {
			undo()
		}
	}
}

// statusError makes Caddy's error of one of the gate's, so that handle_errors and the error log understand it.
func statusError(err error) error {
	var own *gate.StatusError
	if errors.As(err, &own) {
		return caddyhttp.Error(own.Status, own.Err)
	}
	return err
}

func errorStatus(err error) int {
	var handlerError caddyhttp.HandlerError
	if errors.As(err, &handlerError) {
		return handlerError.StatusCode
	}
	return http.StatusInternalServerError
}

// clientAddress is the address that Caddy holds for the client's, trusted proxies considered.
func clientAddress(r *http.Request) netip.Addr {
	ip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return netip.Addr{}
	}
	return address
}

// externalOrigin is scheme and host as the client sees them. Only a trusted proxy is believed about them.
func externalOrigin(r *http.Request) (scheme, host string) {
	scheme, host = "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); !trusted {
		return scheme, host
	}
	if forwarded := r.Header.Get("X-Forwarded-Proto"); forwarded == "http" || forwarded == "https" {
		scheme = forwarded
	}
	if forwarded := r.Header.Get("X-Forwarded-Host"); forwarded != "" {
		host = forwarded
	}
	return scheme, host
}

// noteAdmitted is told of a socket before its handshake is handed on.
func noteAdmitted(r *http.Request, d *gate.Decision, socket *sockets.Socket) {
	setGatePlaceholders(r, d)
	if log, ok := r.Context().Value(redactedRequestKey{}).(*redactedRequest); ok {
		log.socket = socket
	}
}

// setGatePlaceholders lets later handlers and logs name what was admitted or refused.
func setGatePlaceholders(r *http.Request, d *gate.Decision) {
	replacer, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return
	}
	replacer.Map(func(key string) (any, bool) {
		switch key {
		case "http.websocket_gate.route":
			if d.Route == nil {
				return nil, false
			}
			return d.Route.Name, true
		case "http.websocket_gate.key":
			return d.Key, true
		case "http.websocket_gate.outcome":
			return string(d.Outcome), true
		default:
			return nil, false
		}
	})
}

// What outlives configurations, as sockets do.
var (
	openSockets   = sockets.NewRegistry(time.Now)
	refusalCloser = sockets.NewCloser(0)
	refusalBound  = sockets.NewRefusals(1000, 10*time.Millisecond) // of one client: a thousand at once, then 100 a second
)

var (
	_ caddy.Provisioner           = (*WebSocketGate)(nil)
	_ caddy.Validator             = (*WebSocketGate)(nil)
	_ caddy.CleanerUpper          = (*WebSocketGate)(nil)
	_ caddyhttp.MiddlewareHandler = (*WebSocketGate)(nil)
	_ gate.Next                   = (caddyhttp.Handler)(nil)
)
