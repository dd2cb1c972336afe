package gate

import (
	"net/http"
	"time"

	"github.com/scan2food/usher/handler/keys"
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
	// Fault says what is wrong with a malformed handshake; nil with every other outcome.
	Fault *Fault

	// Closed says that the refusal was told by a close code, on a handshake that was completed for it.
	Closed bool
	// RetryAfter is when a client that met a limit may try again; zero: nobody knows.
	RetryAfter time.Duration

	// what was presented, for hiding it
	value, decoded string
}

// Status is the HTTP status of the decision.
func (d *Decision) Status() int {
	if d.Fault != nil {
		return d.Fault.Status
	}
	return d.Outcome.Status()
}

// Decide judges a request and changes nothing. A request that stays HTTP and asks for no route's path is [Passed].
func (g *Gate) Decide(r *http.Request) Decision {
	handshake := ReadHandshake(r)
	route := g.table.Lookup(r.URL)
	switch {
	case handshake == PlainHTTP && route == nil:
		return Decision{}
	case handshake == PlainHTTP:
		return Decision{Outcome: NotWebSocket, Route: route}
	case route == nil && g.config.PassUnlisted && !g.table.Disguised(r.URL):
		return Decision{}
	case handshake == Tunnel:
		return Decision{Outcome: Malformed, Route: route, Fault: &faultTunnel}
	case handshake == OtherProtocol, route == nil:
		return Decision{Outcome: Unlisted, Route: route}
	}
	if fault := CheckHandshake(r); fault != nil {
		return Decision{Outcome: Malformed, Route: route, Fault: fault}
	}
	d := g.decideKey(r, route)
	if d.Outcome == Accepted && !g.admitsOrigin(r, route) {
		d.Outcome = OriginDenied
	}
	return d
}

// decideKey judges what the request presents: exactly one credential, and one that is good on this route now.
func (g *Gate) decideKey(r *http.Request, route *Route) Decision {
	d := Decision{Route: route}
	p, fault := readCredentials(r, route.Sources)
	switch {
	case fault != nil:
		d.Outcome, d.Fault = Malformed, fault
		return d
	case p.count > 1:
		d.Outcome = KeyAmbiguous
		return d
	case p.value == "":
		d.Outcome = KeyMissing
		return d
	}
	d.value, d.decoded = p.value, p.decoded
	ring, now := g.Ring(), g.config.Now()
	verdict := ring.Check(route.Name, p.value, now)
	if verdict.Status == keys.Unknown && p.decoded != "" {
		verdict = ring.Check(route.Name, p.decoded, now)
	}
	d.Key, d.KeyID = verdict.Label, verdict.ID
	d.Outcome = outcomeOf(verdict.Status)
	return d
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
