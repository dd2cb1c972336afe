package gate

import (
	"net/http"
	"strconv"
)

// Header values of rejections, made once. net/http does not change them.
var (
	plainText         = []string{"text/plain; charset=utf-8"}
	noStore           = []string{"no-store"}
	noSniff           = []string{"nosniff"}
	allowGet          = []string{http.MethodGet}
	connectionClose   = []string{"close"}
	connectionUpgrade = []string{"Upgrade"}
	closeAndUpgrade   = []string{"close", "Upgrade"} // net/http looks for close in the first
	upgradeWebSocket  = []string{"websocket"}
	version13         = []string{"13"}
)

// rejectWithStatus responds with the status of the decision and one line of text.
func rejectWithStatus(w http.ResponseWriter, r *http.Request, d *Decision) {
	header := w.Header()
	header["Content-Type"] = plainText
	header["Cache-Control"] = noStore
	header["X-Content-Type-Options"] = noSniff
	setStatusHeaders(header, r, d)
	body := bodyOf(d)
	header["Content-Length"] = body.length
	w.WriteHeader(d.Status())
	if r.Method != http.MethodHead {
		_, _ = w.Write(body.text)
	}
}

// setStatusHeaders sets the headers that the status requires.
func setStatusHeaders(header http.Header, r *http.Request, d *Decision) {
	switch d.Status() {
	case http.StatusUnauthorized:
		header["Www-Authenticate"] = d.challenge()
	case http.StatusMethodNotAllowed:
		header["Allow"] = allowGet
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		header["Retry-After"] = []string{strconv.Itoa(d.retrySeconds())}
	case http.StatusUpgradeRequired:
		setUpgradeHeaders(header, r, d)
	}
	// The server must not read what follows the handshake as the next request: the client meant it for the socket.
	switch {
	case r.ProtoMajor != 1 || d.Outcome == NotWebSocket || d.Plain:
	case header["Upgrade"] != nil:
		header["Connection"] = closeAndUpgrade // Upgrade is invalid without it (RFC 9110, 7.8)
	default:
		header["Connection"] = connectionClose
	}
}

// setUpgradeHeaders names the supported protocol and version. Upgrade and Connection exist only in HTTP/1.1 (RFC 9113, 8.2.2).
func setUpgradeHeaders(header http.Header, r *http.Request, d *Decision) {
	if d.Outcome == Malformed {
		header["Sec-Websocket-Version"] = version13
	}
	if r.ProtoMajor == 1 {
		header["Upgrade"] = upgradeWebSocket
		header["Connection"] = connectionUpgrade
	}
}

// body is the body of a rejection.
type body struct {
	text   []byte
	length []string // its Content-Length
}

// bodyOf is the outcome and one sentence.
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

// bodies are made once, so that a rejection allocates little.
var bodies = func() map[Outcome]*body {
	made := make(map[Outcome]*body, len(reasons))
	for outcome, why := range reasons {
		made[outcome] = newBody(outcome, why)
	}
	return made
}()
