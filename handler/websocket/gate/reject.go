package gate

import (
	"fmt"
	"net/http"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// Reject is how a refusal is told.
type Reject uint8

// The ways. A close code is for scripts in a browser, which never see the status of a refused handshake.
const (
	// RejectStatus answers by status.
	RejectStatus Reject = iota
	// RejectClose completes the handshake and closes it with a code.
	RejectClose
	// RejectAuto does that for browsers, and answers everybody else by status.
	RejectAuto
)

// ParseReject reads status, close or auto; nothing is status.
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

// byClosing reports whether a refusal of this request is told by a close code. What is no valid handshake, and so has
// no code, cannot be completed.
func (reject Reject) byClosing(r *http.Request, outcome Outcome) bool {
	return outcome.CloseCode() != 0 && (reject == RejectClose || reject == RejectAuto && fromBrowser(r))
}

// fromBrowser recognises a page's handshake: browsers always send Origin (RFC 6455, 4.1), and say what the request is
// for where the address is trustworthy to them.
func fromBrowser(r *http.Request) bool {
	mode := r.Header["Sec-Fetch-Mode"]
	return len(r.Header["Origin"]) > 0 || len(mode) == 1 && mode[0] == "websocket"
}

// tellByClosing completes the handshake and closes it with the code of the outcome. False: it is to be told by status.
func (g *Gate) tellByClosing(w http.ResponseWriter, r *http.Request, d *Decision) bool {
	if !g.config.Reject.byClosing(r, d.Outcome) {
		return false
	}
	var sources []Source
	if d.Route != nil {
		sources = d.Route.Sources
	}
	d.Closed = g.config.Closer.Close(w, r, otherSubprotocol(r, sources), sockets.Code(d.Outcome.CloseCode()), closeReason(d))
	return d.Closed
}

// closeReason is the outcome and its sentence; a client that met a limit reads in it how long to wait, as a status has a
// header for it.
func closeReason(d *Decision) string {
	if d.Outcome == TooMany {
		return fmt.Sprintf("%s: retry after %d s", d.Outcome, d.retrySeconds())
	}
	return string(d.Outcome) + ": " + d.Outcome.Reason()
}

// defaultRetry is how long a client that met a limit is asked to wait where nobody can know when there will be room.
const defaultRetry = 10 * time.Second

// retrySeconds rounds up: a client that comes back on the second must find room.
func (d *Decision) retrySeconds() int {
	wait := d.RetryAfter
	if wait <= 0 {
		wait = defaultRetry
	}
	return int((wait + time.Second - 1) / time.Second)
}
