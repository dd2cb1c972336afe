package gate

import (
	"io"
	"net/http"
	"strconv"
)

// retryAfter is how long a client that met a limit is asked to wait.
const retryAfter = "10"

// refuse answers by status, in words that a person at a terminal can read. What the client presented is not repeated.
func (g *Gate) refuse(w http.ResponseWriter, r *http.Request, d Decision) {
	header := w.Header()
	header["Content-Type"] = []string{"text/plain; charset=utf-8"}
	header["Cache-Control"] = []string{"no-store"}
	header["X-Content-Type-Options"] = []string{"nosniff"}
	setRefusalHeaders(header, r, d)
	body := explain(d)
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(d.Status())
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, body)
	}
	g.config.Refused(r, d)
}

// setRefusalHeaders sets what the status calls for.
func setRefusalHeaders(header http.Header, r *http.Request, d Decision) {
	switch d.Status() {
	case http.StatusUnauthorized:
		header["Www-Authenticate"] = []string{challenge(d.Route)}
	case http.StatusMethodNotAllowed:
		header["Allow"] = []string{http.MethodGet}
	case http.StatusTooManyRequests:
		header["Retry-After"] = []string{retryAfter}
	case http.StatusUpgradeRequired:
		setUpgradeHeaders(header, r, d)
	}
	// Whatever the client sent behind the handshake was meant for a socket that will not open: it must not be read as
	// the next request.
	if r.ProtoMajor == 1 && d.Outcome != NotWebSocket {
		header["Connection"] = []string{"close"}
	}
}

// setUpgradeHeaders says what would be understood. Upgrade and Connection exist on HTTP/1.1 only (RFC 9113, 8.2.2).
func setUpgradeHeaders(header http.Header, r *http.Request, d Decision) {
	if d.Outcome == Malformed {
		header["Sec-Websocket-Version"] = []string{"13"}
	}
	if r.ProtoMajor == 1 {
		header["Upgrade"] = []string{"websocket"}
		header["Connection"] = []string{"Upgrade"}
	}
}

// explain is the body of a refusal: the outcome, then a sentence.
func explain(d Decision) string {
	why := reasons[d.Outcome]
	if d.Fault != nil {
		why = d.Fault.Why
	}
	return string(d.Outcome) + ": " + why + "\n"
}

// Reason is the sentence that goes with an outcome, in a body or a close reason (RFC 6455, 5.5.1: at most 123 bytes).
func (o Outcome) Reason() string { return reasons[o] }

var reasons = map[Outcome]string{
	KeyMissing:      "this WebSocket route wants a key, and none was presented",
	KeyUnknown:      "the key that was presented is not known here",
	KeyExpired:      "the key that was presented is not valid now",
	KeyAmbiguous:    "exactly one key is wanted, and more than one was presented",
	KeyOtherRoute:   "the key that was presented belongs to another route",
	OriginDenied:    "pages of this origin may not open this WebSocket",
	TooMany:         "too many sockets or refusals; try again later",
	Malformed:       "this is not a valid WebSocket handshake",
	NotWebSocket:    "this address speaks WebSocket only",
	Unlisted:        "no route of this site switches protocols here",
	UpstreamFailed:  "the application could not be reached",
	UpstreamTimeout: "the application did not answer in time",
	UpstreamRefused: "the application refused the handshake",
}
