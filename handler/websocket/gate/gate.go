package gate

import (
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
	// Name stands in logs, metrics and errors.
	Name string
	// Paths are taken whole, or, with a final /*, with all below them.
	Paths []string
	// Sources are where the credential may stand. Default: the query parameter key.
	Sources []Source
	// Hide keeps the credential from the application. Default: it is forwarded as it came.
	Hide bool
	// Upstream is what the application gets instead of the client's credential, which is hidden then. Default: nothing.
	Upstream *UpstreamCredential
	// Origins are the pages that may open the socket. Default: those of the site itself.
	Origins Origins
	// Outdated tells of the generation that a page was served at, as its script presents it in the query, whether the page is
	// too old to open the socket. A client that presents none is not asked. Nil: no page is too old.
	Outdated func(generation string) bool
	// HandshakeTimeout is how long the application may take to answer the handshake. Default 10s; negative: no limit.
	HandshakeTimeout time.Duration
	// Limits are how many sockets may be open at once. Default: no limit.
	Limits sockets.Limits
	// MaxAge is how long a socket may be open. Default: no limit.
	MaxAge time.Duration
	// Idle is how long a socket may be silent both ways. Default: no limit.
	Idle time.Duration
	// Tickets open the route as keys do. Nil: there are none.
	Tickets *RouteTickets

	challenge []string // the WWW-Authenticate of its refusals
	places    []Source // Sources and the cookie of Tickets
}

// DefaultHandshakeTimeout is long for an application, and short for a person who waits.
const DefaultHandshakeTimeout = 10 * time.Second

// Config is what a [Gate] is made of. Every field without a default must be set.
type Config struct {
	Routes []*Route
	// Ring holds the keys of the routes; [Gate.SetRing] replaces it.
	Ring *keys.Ring
	// Site tells routes of one name apart where several gates share a registry. It may be empty.
	Site string
	// Reject is how a refusal is told. Default: by status.
	Reject Reject
	// Closer completes handshakes in order to refuse them. It must be set where Reject is not [RejectStatus].
	Closer *sockets.Closer
	// Refusals bounds how often one client is refused at length; nil: there is no bound.
	Refusals *sockets.Refusals
	// PassUnlisted lets attempts to switch protocols through that no route lists. Default: they are refused.
	PassUnlisted bool
	// Registry is told of every socket.
	Registry *sockets.Registry
	// Owner is notified of every socket that the gate admitted. May be nil.
	Owner sockets.Owner
	// External tells scheme and host (with a port, if the client named one) of the site as the client sees it.
	External func(*http.Request) (scheme, host string)
	// Client tells the address of the client, as far as it can be trusted.
	Client func(*http.Request) netip.Addr
	// StatusOf tells the HTTP status that an error of a later handler stands for.
	StatusOf func(error) int
	// Spent remembers tickets that are good once. It must be set where there are such.
	Spent *keys.Spent
	// Random is the source of the IDs of issued tickets. It must be set where some are issued.
	Random io.Reader
	Now    func() time.Time
}

// RouteError says what is wrong with one route of a configuration.
type RouteError struct {
	Route *Route
	Err   error
}

func (e *RouteError) Error() string { return fmt.Sprintf("route %s: %v", e.Route.Name, e.Err) }
func (e *RouteError) Unwrap() error { return e.Err }

// Gate judges the requests of one site.
type Gate struct {
	config  Config
	table   *Table
	sources []Source // of all routes
	cookies []string // of all tickets
	issuers []*issuer
	ring    atomic.Pointer[keys.Ring]
}

// New checks the configuration and builds a gate. It is an error to have no route, and a [RouteError] to have two of one
// name, or one path twice.
func New(config Config) (*Gate, error) {
	if len(config.Routes) == 0 {
		return nil, errors.New("want at least one route")
	}
	names := make(map[string]bool)
	g := &Gate{config: config}
	for _, route := range config.Routes {
		if names[route.Name] {
			return nil, &RouteError{route, errors.New("want a name of its own, got that of a route before it")}
		}
		names[route.Name] = true
		if len(route.Sources) == 0 {
			route.Sources = []Source{DefaultSource}
		}
		if route.HandshakeTimeout == 0 {
			route.HandshakeTimeout = DefaultHandshakeTimeout
		}
		route.challenge = []string{challenge(route)}
		g.note(route)
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
	return g, nil
}

// note adds the places where the credentials of a route may stand to those of the gate.
func (g *Gate) note(route *Route) {
	route.places = route.Sources
	for _, source := range route.Sources {
		if !slices.Contains(g.sources, source) {
			g.sources = append(g.sources, source)
		}
	}
	if route.Tickets == nil {
		return
	}
	route.Tickets.setTicketDefaults()
	route.places = append(slices.Clone(route.Sources), Source{InCookie, route.Tickets.Cookie})
	if !slices.Contains(g.cookies, route.Tickets.Cookie) {
		g.cookies = append(g.cookies, route.Tickets.Cookie)
	}
}

// Ring is the set of keys in force.
func (g *Gate) Ring() *keys.Ring { return g.ring.Load() }

// SetRing puts another set of keys in force. Requests under way keep the decision they got.
func (g *Gate) SetRing(ring *keys.Ring) { g.ring.Store(ring) }

// Standing is what the key that opened a socket of a route would be told now: [Accepted], [KeyExpired], [KeyUnknown], or
// [Unlisted] where there is no such route. A socket outlives the ticket that opened it, as long as what signed that is
// still there.
func (g *Gate) Standing(route string, id keys.ID, now time.Time) Outcome {
	i := slices.IndexFunc(g.config.Routes, func(r *Route) bool { return r.Name == route })
	if i < 0 {
		return Unlisted
	}
	if tickets := g.config.Routes[i].Tickets; tickets != nil && tickets.Tickets.Has(id) {
		return Accepted
	}
	return outcomeOf(g.Ring().Standing(route, id, now))
}
