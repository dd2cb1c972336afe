package gate

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/scan2food/usher/handler/websocket/keys"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// TicketLabel is the label of a ticket in logs, since tickets have no names.
const TicketLabel = "ticket"

// DefaultTicketCookie is the default cookie of tickets. Because of the prefix, browsers accept it from this host alone and over
// TLS (RFC 6265bis, 4.1.3.2).
const DefaultTicketCookie = "__Host-usher"

// RouteTickets are the tickets of a route.
type RouteTickets struct {
	// Tickets verifies and issues tickets. It must be set.
	Tickets *keys.Tickets
	// Cookie holds a ticket of a browser. It is read if the sources of the route are empty; they may hold a ticket too.
	// Default [DefaultTicketCookie].
	Cookie string
	// Bind says what Tickets are bound to.
	Bind keys.Bind
	// Once says that Tickets are good once.
	Once bool
	// Lifetime is the lifetime of an issued ticket and of its cookie. Default [keys.DefaultTicketLifetime].
	Lifetime time.Duration
	// Pages are the paths of pages that carry a ticket in the cookie; with a final /*, all below them. Routes with the same
	// cookie have the same tickets, since a browser keeps one cookie of a name.
	Pages []string
}

// faultEarly protects tickets that are good once: an attacker can replay early data (RFC 8470, 5.2).
var faultEarly = Fault{http.StatusTooEarly, "a ticket that is good once must not be sent in early data"}

// inEarlyData reports whether an attacker may have replayed the request (RFC 8470, 5.1).
func inEarlyData(r *http.Request) bool {
	return r.Header["Early-Data"] != nil || r.TLS != nil && !r.TLS.HandshakeComplete
}

// readTicket reads the cookie of the route's tickets.
func (route *Route) readTicket(r *http.Request) (p presented) {
	cookies(r.Header["Cookie"], func(name, value string) {
		if name == route.Tickets.Cookie {
			p.add(value)
		}
	})
	return p
}

func (g *Gate) decideTicket(r *http.Request, d *Decision, token string) {
	tickets := d.Route.Tickets
	if tickets.Once && inEarlyData(r) {
		d.Outcome, d.Fault = Malformed, &faultEarly
		return
	}
	origin := ""
	if lines := r.Header["Origin"]; len(lines) > 0 {
		origin = withoutDefaultPort(lines[0])
	}
	verdict := tickets.Tickets.Verify(token, d.Route.Name, keys.BindingOf(tickets.Bind, sockets.ClientNetwork(g.config.Client(r)), origin), g.config.Now())
	d.Outcome, d.Detail = outcomeOf(verdict.Status), verdict.Reason
	if verdict.Status != keys.Unknown {
		d.Key, d.KeyID, d.User = TicketLabel, verdict.ID, verdict.User
	}
	d.use, d.until = verdict.UseID, verdict.Until
}

// faultNotClaimed rejects a ticket while nothing is known of its use on other machines.
var faultNotClaimed = Fault{http.StatusServiceUnavailable, "whether the ticket was used before is not known at the moment; try again later"}

// spend uses a ticket that is good once, before the handshake is forwarded: of concurrent handshakes only one is.
func (g *Gate) spend(r *http.Request, d *Decision) {
	if d.use == (keys.UseID{}) {
		return
	}
	switch g.config.UsedTickets.MarkUsed(d.use, d.until, g.config.Now()) {
	case keys.AlreadyUsed:
		d.Outcome, d.Detail, d.UsedBefore = KeyExpired, "ticket was used before", true
	case keys.NoCapacity:
		d.Outcome, d.Detail = TooMany, "too many tickets that are good once are in use"
	case keys.FirstUse:
		if g.config.Claim != nil {
			g.claim(r, d)
		}
	}
}

// claim asks the other machines whether the ticket was used there. An error rejects the ticket, since an attacker may have made
// the storage unreachable.
func (g *Gate) claim(r *http.Request, d *Decision) {
	first, err := g.config.Claim(r.Context(), d.use, d.until)
	switch {
	case err != nil:
		g.config.UsedTickets.Unmark(d.use)
		d.Outcome, d.Fault, d.Detail = TooMany, &faultNotClaimed, "shared storage: "+err.Error()
	case !first:
		d.Outcome, d.Detail, d.UsedBefore = KeyExpired, "ticket was used before on another machine", true
	}
}

// unspend makes the ticket of a handshake that opened no socket good again. The ticket stays used if the other machines may still
// reject it: a late removal of the claim would let two machines accept it.
func (g *Gate) unspend(ctx context.Context, d *Decision) {
	if d.use == (keys.UseID{}) {
		return
	}
	if g.config.Unclaim != nil && g.config.Unclaim(context.WithoutCancel(ctx), d.use, d.until) != nil {
		return
	}
	g.config.UsedTickets.Unmark(d.use)
}

// issuer adds the tickets of one cookie to pages.
type issuer struct {
	RouteTickets
	routes []string
}

// newIssuers groups the routes by the cookie of their tickets.
func newIssuers(routes []*Route) ([]*issuer, error) {
	var issuers []*issuer
	for _, route := range routes {
		t := route.Tickets
		if t == nil || len(t.Pages) == 0 {
			continue
		}
		i := slices.IndexFunc(issuers, func(other *issuer) bool { return other.Cookie == t.Cookie })
		if i < 0 {
			issuers = append(issuers, &issuer{*t, []string{route.Name}})
			continue
		}
		if issuers[i].Tickets != t.Tickets || !slices.Equal(issuers[i].Pages, t.Pages) {
			return nil, &RouteError{route, fmt.Errorf("ticket: cookie %[2]s is also that of route %[1]s: use the same secrets and issue_on, or another cookie",
				issuers[i].routes[0], t.Cookie)}
		}
		issuers[i].routes = append(issuers[i].routes, route.Name)
	}
	return issuers, nil
}

// issuesOn reports whether the page of a path may carry tickets.
func (i *issuer) issuesOn(path string) bool {
	return slices.ContainsFunc(i.Pages, func(page string) bool {
		below, isPrefix := strings.CutSuffix(page, "*")
		return page == path || isPrefix && strings.HasPrefix(path, below)
	})
}

// decidePage decides which tickets the response may carry. A path that servers may clean or decode further gets none: access
// control before the gate may have seen another path than the application.
func (g *Gate) decidePage(r *http.Request) *Decision {
	if len(g.issuers) == 0 || r.Method != http.MethodGet && r.Method != http.MethodHead || !isPlainPath(r.URL) {
		return passed
	}
	var issuers []*issuer
	for _, i := range g.issuers {
		if i.issuesOn(r.URL.Path) {
			issuers = append(issuers, i)
		}
	}
	if len(issuers) == 0 {
		return passed
	}
	return &Decision{issuers: issuers}
}

func (t *RouteTickets) setDefaults() {
	t.Cookie = cmp.Or(t.Cookie, DefaultTicketCookie)
	t.Lifetime = cmp.Or(t.Lifetime, keys.DefaultTicketLifetime)
}
