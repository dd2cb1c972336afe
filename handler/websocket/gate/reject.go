package gate

import (
	"fmt"
	"net/http"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// Reject is the way in which the gate rejects a handshake.
type Reject uint8

// The ways. A close code is for scripts in a browser: they cannot see the status of a rejected handshake.
const (
	// RejectStatus responds with an HTTP status.
	RejectStatus Reject = iota
	// RejectClose completes the handshake and closes the socket with a code.
	RejectClose
	// RejectAuto is RejectClose for browsers and RejectStatus for all other clients.
	RejectAuto
)

// ParseReject parses status, close or auto. The empty word is status.
func ParseReject(word string) (Reject, error) {
	switch word {
	case "", "status":
		return RejectStatus, nil
	case "close":
		return RejectClose, nil
	case "auto":
		return RejectAuto, nil
	default:
		return RejectStatus, fmt.Errorf("want status, close or auto, got %q", word)
	}
}

// usesClose reports whether a request with this outcome is rejected with a close code. Invalid handshakes cannot be completed,
// so their outcomes have no code.
func (reject Reject) usesClose(r *http.Request, outcome Outcome) bool {
	return outcome.CloseCode() != 0 && (reject == RejectClose || reject == RejectAuto && fromBrowser(r))
}

// fromBrowser recognises the handshake of a page. Browsers always send Origin (RFC 6455, 4.1), and send Sec-Fetch-Mode to
// secure addresses.
func fromBrowser(r *http.Request) bool {
	mode := r.Header["Sec-Fetch-Mode"]
	return len(r.Header["Origin"]) > 0 || len(mode) == 1 && mode[0] == "websocket"
}

// reject rejects the request with a close code or a status. It never repeats the credential.
func (g *Gate) reject(w http.ResponseWriter, r *http.Request, d *Decision) {
	if g.limitRejects(r, d) || !g.rejectWithClose(w, r, d) {
		rejectWithStatus(w, r, d)
	}
}

// limitRejects changes the outcome to [TooMany] if the client was rejected too often. The response is a status then, since the
// places for close codes are limited.
func (g *Gate) limitRejects(r *http.Request, d *Decision) bool {
	if g.config.RejectionLimiter == nil || d.Outcome == NotWebSocket {
		return false
	}
	ok, retry := g.config.RejectionLimiter.Allow(g.config.Client(r), g.config.Now())
	if !ok {
		*d = Decision{Outcome: TooMany, Route: d.Route, Plain: d.Plain, Key: d.Key, Detail: "this client was rejected too often", RetryAfter: retry}
	}
	return !ok
}

// rejectWithClose completes the handshake and closes the socket with the code of the outcome. It returns false, and writes
// nothing, if the request must be rejected with a status.
func (g *Gate) rejectWithClose(w http.ResponseWriter, r *http.Request, d *Decision) bool {
	if d.Plain || !g.config.Reject.usesClose(r, d.Outcome) {
		return false
	}
	var sources []Source
	if d.Route != nil {
		sources = d.Route.Sources
	}
	d.Closed = g.config.Rejecter.Reject(w, r, otherSubprotocol(r, sources), sockets.Code(d.Outcome.CloseCode()), closeReason(d))
	return d.Closed
}

// closeReason is the reason of the Close frame. Like Retry-After in a response, the reason says when a client that exceeds a
// limit may try again.
func closeReason(d *Decision) string {
	if d.Outcome == TooMany || d.Outcome == UpstreamBusy {
		return fmt.Sprintf("%s: retry after %d s", d.Outcome, d.retrySeconds())
	}
	return string(d.Outcome) + ": " + d.Outcome.Reason()
}

// defaultRetry is the Retry-After where no time is known.
const defaultRetry = 10 * time.Second

// retrySeconds rounds up, so that a client that retries after exactly this time is admitted.
func (d *Decision) retrySeconds() int {
	wait := d.RetryAfter
	if wait <= 0 {
		wait = defaultRetry
	}
	return int((wait + time.Second - 1) / time.Second)
}
