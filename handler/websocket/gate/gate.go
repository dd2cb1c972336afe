package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/scan2food/usher/handler/websocket/keys"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// Route is one kind of socket that a site offers.
type Route struct {
	// Name appears in logs, metrics and errors.
	Name string
	// Paths match exactly, or, with a final /*, everything below them.
	Paths []string
	// Sources are the places of the credential. Default: the query parameter key.
	Sources []Source
	// Hide removes the credential before the application receives the request. Default: the credential is forwarded.
	Hide bool
	// Upstream replaces the client's credential, which is hidden then. Default: nil.
	Upstream *UpstreamCredential
	// Origins are the pages that may open the socket. Default: those of the site itself.
	Origins Origins
	// Outdated reports whether a page of this generation is too old to open the socket. The page sends its generation in the
	// query; clients that do not send it are allowed. Nil: no page is too old.
	Outdated func(generation string) bool
	// Plain says what happens to requests that stay HTTP. Default: they are rejected.
	Plain PlainPolicy
	// HandshakeTimeout limits the application's response to the handshake. Default 10s; negative: no limit.
	HandshakeTimeout time.Duration
	// Limits are the numbers of open sockets. Default: no limit.
	Limits sockets.Limits
	// MaxAge limits how long a socket stays open. Default: no limit.
	MaxAge time.Duration
	// Idle limits how long a socket may be silent in both directions. Default: no limit.
	Idle time.Duration
	// Rate limits what one socket may send. Default: nil, no limit.
	Rate *sockets.Rate
	// Tickets open the route like keys. Default: nil.
	Tickets *RouteTickets
	// Keyless routes need no key and no ticket: the route is public, or the session alone opens it. Default: a key or a ticket.
	Keyless bool
	// Session binds the sockets to the session of the site, in addition to keys and tickets. Default: nil.
	Session *RouteSession

	challenge  []string // the WWW-Authenticate of its rejections
	allSources []Source // Sources and the cookie of Tickets
}

// DefaultHandshakeTimeout is long for an application and short for a person who waits.
const DefaultHandshakeTimeout = 10 * time.Second

// Config configures a [Gate]. Fields without a default must be set.
type Config struct {
	Routes []*Route
	// Ring holds the keys of the routes; [Gate.SetRing] replaces it.
	Ring *keys.Ring
	// Site distinguishes routes with equal names where several gates share a registry. Default: empty.
	Site string
	// Reject is the way in which handshakes are rejected. Default: with a status.
	Reject Reject
	// Rejecter sends close codes. It must be set unless Reject is [RejectStatus].
	Rejecter *sockets.Rejecter
	// RejectionLimiter limits the rejections of one client. Default: nil, no limit.
	RejectionLimiter *sockets.RejectionLimiter
	// PassUnlisted passes requests for other protocols whose path no route lists. Default: they are rejected.
	PassUnlisted bool
	// ForwardNEL forwards header fields that hold this byte. Default: they are dropped, since some applications split lines at it.
	ForwardNEL bool
	// Registry holds the open sockets.
	Registry *sockets.Registry
	// Owner logs and counts the admitted sockets. Default: nil.
	Owner sockets.Owner
	// External returns the scheme and host of the site as the client sees them. The host may have a port.
	External func(*http.Request) (scheme, host string)
	// Client returns the address of the client, or the zero address if it is unknown.
	Client func(*http.Request) netip.Addr
	// SiteHost returns the configured host of the request, for metrics. Default: nil, no host.
	SiteHost func(*http.Request) string
	// StatusOf returns the HTTP status of an error of a later handler.
	StatusOf func(error) int
	// CauseOf returns the text of such an error for the log, without an ID or a trace.
	CauseOf func(error) string
	// Unhandled reports whether no later handler took the request.
	Unhandled func(*http.Request) bool
	// UsedTickets records used tickets. It must be set if a route has tickets that are good once.
	UsedTickets *keys.UsedTickets
	// Random is the source of the IDs of issued tickets. It must be set if a route issues tickets.
	Random io.Reader
	// SessionKey identifies sessions, and OriginalPath returns the path that the client asked for. Both must be set if a route
	// has a session.
	SessionKey   *SessionKey
	OriginalPath func(*http.Request) string
	// Owns reports the sockets of the site, which the application may close. Default: those with the same Site.
	Owns func(*sockets.Info) bool
	// SiteClosed is called when the site has closed sockets, with their number. Default: nil.
	SiteClosed func(CloseCause, int)
	// Publish lets the other machines of the site carry out an event with [Gate.Apply]. It must return at once. Default: nil.
	Publish func(*SiteEvent)
	// Claim reports whether no other machine has used a single-use ticket that expires at until. Its error rejects the ticket for
	// now. Default: nil, there are no other machines.
	Claim func(ctx context.Context, use keys.UseID, until time.Time) (first bool, err error)
	// Unclaim undoes a Claim whose handshake opened no socket. After an error the ticket stays used. It must be set if Claim is.
	Unclaim func(ctx context.Context, use keys.UseID, until time.Time) error
	// InvalidClose is called when an application sends an invalid Usher-Close, with [ErrCloseCode] if its sockets are closed all the
	// same. Default: nil.
	InvalidClose func(error)
	Now          func() time.Time
}

// RouteError is an error in the configuration of one route.
type RouteError struct {
	Route *Route
	Err   error
}

func (e *RouteError) Error() string { return fmt.Sprintf("route %s: %v", e.Route.Name, e.Err) }
func (e *RouteError) Unwrap() error { return e.Err }

// Gate decides about the requests of one site.
type Gate struct {
	config   Config
	table    *Table
	sources  []Source // of all routes
	cookies  []string // of all tickets
	sessions []string // the cookies of all sessions
	issuers  []*issuer
	checks   bool // a route has PlainCheck
	ring     atomic.Pointer[keys.Ring]
	recent   recentEvents

	ofAnyRequest *Redactor
}

// New validates the configuration and returns a gate. It returns a [RouteError] if two routes have the same name or path.
func New(config Config) (*Gate, error) {
	if len(config.Routes) == 0 {
		return nil, errors.New("no routes: add at least one")
	}
	names := make(map[string]bool)
	g := &Gate{config: config}
	for _, route := range config.Routes {
		if names[route.Name] {
			return nil, &RouteError{route, errors.New("duplicate name: give each route its own")}
		}
		names[route.Name] = true
		if len(route.Sources) == 0 && !route.Keyless {
			route.Sources = []Source{DefaultSource}
		}
		if route.HandshakeTimeout == 0 {
			route.HandshakeTimeout = DefaultHandshakeTimeout
		}
		route.challenge = []string{challenge(route)}
		g.addSources(route)
		if err := g.addSession(route); err != nil {
			return nil, err
		}
		g.checks = g.checks || route.Plain == PlainCheck
	}
	issuers, err := newIssuers(config.Routes)
	if err != nil {
		return nil, err
	}
	g.issuers = issuers
	table, err := NewTable(config.Routes)
	if err != nil {
		return nil, err
	}
	g.table = table
	g.SetRing(config.Ring)
	g.ofAnyRequest = newRedactor(g)
	return g, nil
}

// addSources adds the sources of a route to those of the gate.
func (g *Gate) addSources(route *Route) {
	route.allSources = route.Sources
	for _, source := range route.Sources {
		if !slices.Contains(g.sources, source) {
			g.sources = append(g.sources, source)
		}
	}
	if route.Tickets == nil {
		return
	}
	route.Tickets.setDefaults()
	route.allSources = append(slices.Clone(route.Sources), Source{InCookie, route.Tickets.Cookie})
	if !slices.Contains(g.cookies, route.Tickets.Cookie) {
		g.cookies = append(g.cookies, route.Tickets.Cookie)
	}
}

// Ring returns the current keys.
func (g *Gate) Ring() *keys.Ring { return g.ring.Load() }

// SetRing replaces the keys. Requests that were decided before keep their decision.
func (g *Gate) SetRing(ring *keys.Ring) { g.ring.Store(ring) }

// Standing returns the outcome that an open socket would have now: [Accepted], [KeyExpired], [KeyUnknown], [SessionMissing], or
// [Unlisted] if there is no such route. A socket outlives its ticket while the secret or public key of the ticket is
// configured.
func (g *Gate) Standing(info sockets.Info, now time.Time) Outcome {
	i := slices.IndexFunc(g.config.Routes, func(r *Route) bool { return r.Name == info.Route })
	if i < 0 {
		return Unlisted
	}
	route := g.config.Routes[i]
	switch {
	case route.Session != nil && (info.Bond == nil || info.Bond.Cookie != route.Session.Cookie):
		return SessionMissing
	case route.Keyless, route.Tickets != nil && route.Tickets.Tickets.Has(info.KeyID):
		return Accepted
	}
	return outcomeOf(g.Ring().StatusOf(info.Route, info.KeyID, now))
}
