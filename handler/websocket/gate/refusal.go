package gate

import (
	"net/http"
	"strconv"
)

// Values of headers that many refusals have, made once. net/http does not change them.
var (
	plainText    = []string{"text/plain; charset=utf-8"}
	noStore      = []string{"no-store"}
	noSniff      = []string{"nosniff"}
	closeIt      = []string{"close"}
	allowGet     = []string{http.MethodGet}
	upgradeIt    = []string{"Upgrade"}
	webSocketIt  = []string{"websocket"}
	thirteenOnly = []string{"13"}
)

// refuse tells the client, in words that a person at a terminal or a script in a browser can read. What was presented is
// not repeated.
func (g *Gate) refuse(w http.ResponseWriter, r *http.Request, d *Decision) {
	bounded := g.bound(r, d)
	if bounded || !g.tellByClosing(w, r, d) {
		answer(w, r, d)
	}
}

// bound makes too many of a refusal whose client has had its share of them. It is told by status then: the places for
// closings are for others.
func (g *Gate) bound(r *http.Request, d *Decision) bool {
	if g.config.Refusals == nil || d.Outcome == NotWebSocket {
		return false
	}
	ok, retry := g.config.Refusals.Allow(g.config.Client(r), g.config.Now())
	if !ok {
		*d = Decision{Outcome: TooMany, Route: d.Route, Key: d.Key, Detail: "this client was refused too often", RetryAfter: retry}
	}
	return !ok
}

// answer refuses by status.
func answer(w http.ResponseWriter, r *http.Request, d *Decision) {
	header := w.Header()
	header["Content-Type"] = plainText
	header["Cache-Control"] = noStore
	header["X-Content-Type-Options"] = noSniff
	setRefusalHeaders(header, r, d)
	body := bodyOf(d)
	header["Content-Length"] = body.length
	w.WriteHeader(d.Status())
	if r.Method != http.MethodHead {
		_, _ = w.Write(body.text)
	}
}

// setRefusalHeaders sets what the status calls for.
func setRefusalHeaders(header http.Header, r *http.Request, d *Decision) {
	switch d.Status() {
	case http.StatusUnauthorized:
		header["Www-Authenticate"] = d.Route.challenge
	case http.StatusMethodNotAllowed:
		header["Allow"] = allowGet
	case http.StatusTooManyRequests:
		header["Retry-After"] = []string{strconv.Itoa(d.retrySeconds())}
	case http.StatusUpgradeRequired:
		setUpgradeHeaders(header, r, d)
	}
	// Whatever the client sent behind the handshake was meant for a socket that will not open: it must not be read as
	// the next request.
	if r.ProtoMajor == 1 && d.Outcome != NotWebSocket {
		header["Connection"] = closeIt
	}
}

// setUpgradeHeaders says what would be understood. Upgrade and Connection exist on HTTP/1.1 only (RFC 9113, 8.2.2).
func setUpgradeHeaders(header http.Header, r *http.Request, d *Decision) {
	if d.Outcome == Malformed {
		header["Sec-Websocket-Version"] = thirteenOnly
	}
	if r.ProtoMajor == 1 {
		header["Upgrade"] = webSocketIt
		header["Connection"] = upgradeIt
	}
}

// body is that of a refusal.
type body struct {
	text   []byte
	length []string // its Content-Length
}

// bodyOf is the outcome, then a sentence.
func bodyOf(d *Decision) *body {
	if d.Fault != nil {
		return newBody(d.Outcome, d.Fault.Why)
	}
	return bodies[d.Outcome]
}

func newBody(outcome Outcome, why string) *body {
	text := string(outcome) + ": " + why + "\n"
	return &body{[]byte(text), []string{strconv.Itoa(len(text))}}
}

// bodies are those of the outcomes, made once: a refusal should cost nothing.
var bodies = func() map[Outcome]*body {
	made := make(map[Outcome]*body, len(reasons))
	for outcome, why := range reasons {
		made[outcome] = newBody(outcome, why)
	}
	return made
}()

// Reason is the sentence that goes with an outcome, in a body or a close reason (RFC 6455, 5.5.1: at most 123 bytes).
func (o Outcome) Reason() string { return reasons[o] }

var reasons = map[Outcome]string{
	KeyMissing:      "this WebSocket route wants a key, and none was presented",
	KeyUnknown:      "the key that was presented is not known here",
	KeyExpired:      "the key that was presented is not valid now",
	KeyAmbiguous:    "exactly one key is wanted, and more than one was presented",
	KeyOtherRoute:   "the key that was presented belongs to another route",
	OriginDenied:    "pages of this origin may not open this WebSocket",
	PageOutdated:    "the page is older than what this site serves now; load it again",
	TooMany:         "too many sockets or refusals; try again later",
	Malformed:       "this is not a valid WebSocket handshake",
	NotWebSocket:    "this address speaks WebSocket only",
	Unlisted:        "this site has no WebSocket route for this path",
	UpstreamFailed:  "the application could not be reached",
	UpstreamTimeout: "the application did not answer in time",
	UpstreamRefused: "the application refused the handshake",
}
