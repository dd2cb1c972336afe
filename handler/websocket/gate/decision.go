package gate

import (
	"net/http"
	"strings"
	"time"

	"github.com/scan2food/usher/handler/websocket/keys"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// Decision is what the gate does with a request, and why.
type Decision struct {
	Outcome Outcome
	// Route is nil if the request asks for no route.
	Route *Route
	// Plain reports a request that stays HTTP and was checked, or passed to a route.
	Plain bool
	// Key is the label of the key that the request holds, if the gate knows the key; it is never the key itself.
	Key string
	// User is the user that the ticket names. It may be empty.
	User string
	// KeyID distinguishes the key from all others of the process. It serves to close the sockets that the key opened.
	KeyID keys.ID
	// Fault explains the outcome where the outcome alone does not: for every malformed handshake and for few others.
	Fault *Fault
	// Detail is more about the reason, for the log only: the error of a ticket, the limit that was reached, or the origin that
	// was expected. It may be empty.
	Detail string

	// Closed reports that the handshake was completed and closed with a code.
	Closed bool
	// RetryAfter says when a client that exceeds a limit may try again; zero: unknown.
	RetryAfter time.Duration
	// Socket is set by [Gate.ServeHTTP] on an admitted handshake, before it calls the next handler.
	Socket *sockets.Socket
	// Dropped is set by [Gate.ServeHTTP]: the names of the header fields that the application does not get, since they hold the
	// byte 0x85.
	Dropped []string
	// UsedBefore is set by [Gate.ServeHTTP] for a ticket that is good once and was used before.
	UsedBefore bool
	// Issued is set by [Gate.ServeHTTP] on a page that carries a ticket.
	Issued bool
	// NotIssued is set by [Gate.ServeHTTP] on a page that should carry a ticket and does not.
	NotIssued error

	// the session of an accepted handshake
	session sockets.Session
	// the credential of the request, to remove it
	value, decoded string
	// one use of a ticket that is good once, and the end of the ticket; zero for all other credentials
	use           keys.UseID
	until         time.Time
	dropLineBytes bool
	// the request offers another protocol, which the server need not accept (RFC 9110, 7.8)
	ignoresUpgrade bool
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

// passed is the decision about all requests that the gate neither checks nor gives tickets. It is shared; nothing changes it.
var passed = &Decision{}

// Rejected reports whether the gate rejected the request, or the application rejected the handshake. It is final once
// [Gate.ServeHTTP] has returned.
func (d *Decision) Rejected() bool { return d.Outcome != Passed && d.Outcome != Accepted }

// Decide decides about a request and changes nothing. The outcome of a request that stays HTTP and does not ask for the path of
// a route is [Passed]. The decision is on the heap: to grow the small stack of a new connection's goroutine would cost more.
func (g *Gate) Decide(r *http.Request) *Decision {
	handshake := ReadHandshake(r)
	route, fault := g.table.Lookup(r.URL)
	hasPath := hasPathTarget(r, handshake)
	switch {
	case r.URL.Opaque != "":
		return &Decision{Outcome: Malformed, Fault: &faultTarget}
	case handshake == PlainHTTP:
		return g.decideHTTP(r, route)
	case hasTargetBytes(r):
		return &Decision{Outcome: Malformed, Route: route, Fault: &faultTargetBytes}
	case !hasPath && handshake != OtherProtocol: // the server may ignore the offer of another one
		return &Decision{Outcome: Malformed, Route: route, Fault: &faultTarget}
	case route == nil && fault == nil && hasPath && g.config.PassUnlisted && !g.table.Disguised(r.URL) && !readHeaderBytes(r.Header).control:
		if g.drops(readHeaderBytes(r.Header)) {
			return &Decision{dropLineBytes: true}
		}
		return passed
	case handshake == Tunnel:
		return &Decision{Outcome: Malformed, Route: route, Fault: &faultTunnel}
	case handshake == OtherProtocol && fault == nil && offersUpgrade(r) && (route == nil || route.Plain != PlainRefuse):
		d := *g.decideHTTP(r, route)
		d.ignoresUpgrade = true
		return &d
	case handshake == OtherProtocol:
		return &Decision{Outcome: Unlisted, Route: route, Fault: &faultProtocol}
	case route == nil:
		return g.decideUnlisted(r, fault)
	}
	found := readHeaderBytes(r.Header)
	d := &Decision{Route: route, dropLineBytes: g.drops(found)}
	if d.Fault = checkHandshake(r, found); d.Fault != nil {
		d.Outcome = Malformed
		return d
	}
	g.decideAccess(r, d)
	switch {
	case d.Outcome != Accepted:
	case !g.admitsOrigin(r, route):
		d.Outcome, d.Detail = OriginDenied, g.originDetail(r, route)
	case route.Outdated != nil && isOutdated(r, route):
		d.Outcome = PageOutdated
	case fromBrowser(r) && offersCredential(r, route.Sources) && otherSubprotocol(r, route.Sources) == "":
		d.Outcome, d.Fault = Malformed, &faultSubprotocol
	}
	return d
}

// drops reports whether the application does not get the header fields that hold a line byte.
func (g *Gate) drops(found headerBytes) bool { return found.line && !g.config.ForwardNEL }

var faultAdmittedBefore = Fault{http.StatusForbidden,
	"another gate admitted the request and this gate does not list the path: put all routes of a site into one gate, or give each gate a matcher"}

// decideUnlisted explains to an operator why a handshake finds no route.
func (g *Gate) decideUnlisted(r *http.Request, fault *Fault) *Decision {
	d := &Decision{Outcome: Unlisted, Fault: fault}
	switch {
	case fault != nil:
	case sockets.FromContext(r.Context()) != nil:
		d.Fault = &faultAdmittedBefore
	default:
		if path := g.table.Suggest(r.URL); path != "" {
			d.Detail = "did you mean " + path + "?"
		}
	}
	return d
}

// GenerationParameter is the query parameter in which the script of a page sends the generation of the page.
const GenerationParameter = "usher_generation"

func isOutdated(r *http.Request, route *Route) (outdated bool) {
	parameters(r.URL.RawQuery, func(name, value string) {
		outdated = outdated || name == GenerationParameter && value != "" && route.Outdated(value)
	})
	return outdated
}

// decideAccess checks the credential and the session that the route requires.
func (g *Gate) decideAccess(r *http.Request, d *Decision) {
	if d.Outcome = Accepted; !d.Route.Keyless {
		g.decideCredential(r, d)
	}
	if d.Outcome == Accepted && d.Route.Session != nil {
		g.decideSession(r, d)
	}
}

// decideCredential checks the credential of the request: there must be exactly one, valid for this route now. A credential at
// a source of the route takes precedence over the cookie of a ticket, which browsers send by themselves.
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

// originDetail explains to an operator why an origin that looks right is rejected: the client names another scheme, as many
// libraries do, or the site is behind a proxy that is not trusted.
func (g *Gate) originDetail(r *http.Request, route *Route) string {
	scheme, host := g.config.External(r)
	own, origin := siteOrigin(scheme, host), withoutDefaultPort(r.Header["Origin"][0])
	if _, name, _ := strings.Cut(own, "://"); scheme == "https" && origin == "http://"+name {
		return "the client must send Origin: " + own + ", or origins must list " + origin
	}
	if len(route.Origins.Listed) > 0 && !route.Origins.Same {
		return ""
	}
	return "the site's own origin is " + own + ", as far as trusted_proxies tell"
}
