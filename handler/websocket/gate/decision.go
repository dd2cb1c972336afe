package gate

import (
	"net/http"
	"time"

	"github.com/scan2food/usher/handler/websocket/keys"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// Decision is what the gate makes of a request, and why.
type Decision struct {
	Outcome Outcome
	// Route is nil where the request asks for none.
	Route *Route
	// Key is the label of the key that was presented, if the gate knows it; never the key.
	Key string
	// KeyID tells the key apart from every other of the process, for closing what it opened.
	KeyID keys.ID
	// Fault says what is wrong where the outcome alone does not: with every malformed handshake, and with few others.
	Fault *Fault
	// Detail is more of the reason, for the log alone: what is wrong with a ticket, which limit was met, or what an origin was
	// compared with. It may be empty.
	Detail string

	// Closed says that the refusal was told by a close code, on a handshake that was completed for it.
	Closed bool
	// RetryAfter is when a client that met a limit may try again; zero: nobody knows.
	RetryAfter time.Duration
	// Socket is set by [Gate.ServeHTTP] on an admitted handshake, before it calls the next handler.
	Socket *sockets.Socket
	// NotIssued is set by [Gate.ServeHTTP] on a page that should carry a ticket and does not.
	NotIssued error

	// what was presented, for hiding it
	value, decoded string
	// one use of a ticket that is good once, and when it ends; zero with every other credential
	use   keys.Use
	until time.Time
	// the tickets that the response to a page may carry
	issuers []*issuer
}

// Status is the HTTP status of the decision.
func (d *Decision) Status() int {
	if d.Fault != nil {
		return d.Fault.Status
	}
	return d.Outcome.Status()
}

// passed is the decision on all requests that the gate neither checks nor gives tickets. It is shared; nothing changes it.
var passed = &Decision{}

// Rejected reports whether the gate rejected the request, or the application rejected the handshake. It is final once
// [Gate.ServeHTTP] has returned.
func (d *Decision) Rejected() bool { return d.Outcome != Passed && d.Outcome != Accepted }

// Decide judges a request and changes nothing. A request that stays HTTP and asks for no route's path is [Passed]. The
// decision is on the heap: the goroutine of a new connection has a small stack, and copying that to a larger one would
// cost more than all of this.
func (g *Gate) Decide(r *http.Request) *Decision {
	handshake := ReadHandshake(r)
	route := g.table.Lookup(r.URL)
	switch {
	case handshake == PlainHTTP && route == nil:
		return g.decidePage(r)
	case handshake == PlainHTTP:
		return &Decision{Outcome: NotWebSocket, Route: route}
	case route == nil && g.config.PassUnlisted && !g.table.Disguised(r.URL) && !hasForbiddenBytes(r.Header):
		return passed
	case handshake == Tunnel:
		return &Decision{Outcome: Malformed, Route: route, Fault: &faultTunnel}
	case handshake == OtherProtocol:
		return &Decision{Outcome: Unlisted, Route: route, Fault: &faultProtocol}
	case route == nil:
		return &Decision{Outcome: Unlisted, Route: route, Fault: faultOfTwoGates(r)}
	}
	d := &Decision{Route: route}
	if d.Fault = CheckHandshake(r); d.Fault != nil {
		d.Outcome = Malformed
		return d
	}
	g.decideCredential(r, d)
	switch {
	case d.Outcome != Accepted:
	case !g.admitsOrigin(r, route):
		d.Outcome, d.Detail = OriginDenied, g.originDetail(r, route)
	case route.Outdated != nil && isOutdated(r, route):
		d.Outcome = PageOutdated
	}
	return d
}

var faultAdmittedBefore = Fault{http.StatusForbidden,
	"another gate has admitted this, and this one does not list it: all routes of a site stand in one gate, or each gate has a matcher"}

// faultOfTwoGates tells the operator of a site why nothing comes through its two gates.
func faultOfTwoGates(r *http.Request) *Fault {
	if sockets.FromContext(r.Context()) == nil {
		return nil
	}
	return &faultAdmittedBefore
}

// GenerationParameter is the word of the query in which a page's script says at which generation the page was served.
const GenerationParameter = "usher_generation"

func isOutdated(r *http.Request, route *Route) (outdated bool) {
	parameters(r.URL.RawQuery, func(name, value string) {
		outdated = outdated || name == GenerationParameter && value != "" && route.Outdated(value)
	})
	return outdated
}

// decideCredential judges what the request presents: exactly one credential, and one that is good on this route now. What
// a client says itself comes before the cookie that its browser sends along.
func (g *Gate) decideCredential(r *http.Request, d *Decision) {
	p, fault := readCredentials(r, d.Route.Sources)
	inCookie := fault == nil && p.count < 2 && p.value == "" && d.Route.Tickets != nil
	if inCookie {
		p = d.Route.readTicket(r)
	}
	switch {
	case fault != nil:
		d.Outcome, d.Fault = Malformed, fault
		return
	case p.count > 1:
		d.Outcome = KeyAmbiguous
		return
	case p.value == "":
		d.Outcome = KeyMissing
		return
	}
	d.value, d.decoded = p.value, p.decoded
	if !inCookie {
		g.decideKey(d)
	}
	if inCookie || d.Outcome == KeyUnknown && d.Route.Tickets != nil && keys.LooksLikeTicket(p.value) {
		g.decideTicket(r, d, p.value)
	}
}

// decideKey judges a key.
func (g *Gate) decideKey(d *Decision) {
	ring, now := g.Ring(), g.config.Now()
	verdict := ring.Check(d.Route.Name, d.value, now)
	if verdict.Status == keys.Unknown && d.decoded != "" {
		verdict = ring.Check(d.Route.Name, d.decoded, now)
	}
	d.Key, d.KeyID = verdict.Label, verdict.ID
	d.Outcome = outcomeOf(verdict.Status)
}

func outcomeOf(status keys.Status) Outcome {
	switch status {
	case keys.Good:
		return Accepted
	case keys.Expired:
		return KeyExpired
	case keys.OtherRoute:
		return KeyOtherRoute
	default:
		return KeyUnknown
	}
}

func (g *Gate) admitsOrigin(r *http.Request, route *Route) bool {
	origin := r.Header["Origin"]
	if len(origin) == 0 {
		return true
	}
	scheme, host := g.config.External(r)
	return route.Origins.admits(origin[0], scheme, host)
}

// originDetail tells the operator of a site behind a proxy that nobody trusts why its own pages are refused.
func (g *Gate) originDetail(r *http.Request, route *Route) string {
	if len(route.Origins.Listed) > 0 {
		return ""
	}
	return "the site's own is " + siteOrigin(g.config.External(r)) + ", as far as trusted_proxies tell"
}
