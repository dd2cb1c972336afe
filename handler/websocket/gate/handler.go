package gate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// Next is the handler behind the gate. Caddy's handlers fit it.
type Next interface {
	ServeHTTP(http.ResponseWriter, *http.Request) error
}

// StatusError is an error of the gate's own that stands for an HTTP status.
type StatusError struct {
	Status int
	Err    error
}

func (e *StatusError) Error() string { return e.Err.Error() }
func (e *StatusError) Unwrap() error { return e.Err }

// errHandshakeTimeout is the cause of a context that ended before the application answered.
var errHandshakeTimeout = errors.New("the application did not answer the WebSocket handshake in time")

// rootPathHeader is one from which Daphne takes its root path, whoever sends it: with it a request reaches any route by
// any path.
const rootPathHeader = "Daphne-Root-Path"

// ServeHTTP carries out the decision that [Gate.Decide] made about r: it rejects r, or calls next and accounts for the
// socket that next opens. When it returns, d is final: it holds the outcome that the caller logs and counts.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request, d *Decision, next Next) error {
	delete(r.Header, rootPathHeader)
	switch d.Outcome {
	case Passed:
		if len(d.issuers) > 0 {
			w = &pageWriter{ResponseWriter: w, gate: g, request: r, decision: d}
		}
		return next.ServeHTTP(w, r)
	case Accepted:
		return g.admit(w, r, d, next)
	default:
		g.refuse(w, r, d)
		return nil
	}
}

// admit takes a place in the registry and hands the handshake on.
func (g *Gate) admit(w http.ResponseWriter, r *http.Request, d *Decision, next Next) error {
	socket, err := g.config.Registry.Open(g.info(r, d), d.Route.Limits)
	if err != nil {
		d.Outcome, d.Detail = TooMany, err.Error()
		g.refuse(w, r, d)
		return nil
	}
	defer func() {
		if !socket.Detached() {
			socket.End()
		}
	}()
	if !g.spend(d) {
		d.Outcome, d.Detail = KeyExpired, "ticket was used before"
		g.refuse(w, r, d)
		return nil
	}
	d.Socket = socket
	return g.forward(w, r, d, socket, next)
}

func (g *Gate) info(r *http.Request, d *Decision) sockets.Info {
	info := sockets.Info{
		Site:     g.config.Site,
		Route:    d.Route.Name,
		Key:      d.Key,
		KeyID:    d.KeyID,
		Client:   g.config.Client(r),
		Protocol: protocolOf(r),
		Idle:     d.Route.Idle,
		Owner:    g.config.Owner,
	}
	// When its key ends is not noted: that may change while the socket is open.
	if d.Route.MaxAge > 0 {
		info.Until = g.config.Now().Add(d.Route.MaxAge)
		info.UntilCode, info.UntilReason = sockets.CodeGoingAway, "this socket has been open for as long as it may be"
	}
	if origin := r.Header["Origin"]; len(origin) > 0 {
		info.Origin = origin[0]
	}
	return info
}

// protocolOf names the version of HTTP: on HTTP/3 the server puts :protocol in r.Proto.
func protocolOf(r *http.Request) string {
	if r.ProtoMajor == 3 {
		return "HTTP/3.0"
	}
	return r.Proto
}

// forward hands an admitted handshake on, for as long as the application may take to answer it, and the socket after
// it for as long as it lives.
func (g *Gate) forward(w http.ResponseWriter, r *http.Request, d *Decision, socket *sockets.Socket, next Next) error {
	ctx, cancel := context.WithCancelCause(sockets.NewContext(r.Context(), socket))
	defer func() {
		if !socket.Detached() {
			cancel(nil)
		}
	}()
	socket.OnClose(func() { cancel(errors.New("the socket was closed at the gate")) })
	answer := &answerWriter{
		ResponseWriter: socket.ResponseWriter(w),
		sources:        d.Route.Sources,
		other:          otherSubprotocol(r, d.Route.Sources),
	}
	if r.ProtoMajor == 1 {
		answer.accept = sockets.AcceptOf(r)
	}
	if timeout := d.Route.HandshakeTimeout; timeout > 0 {
		answer.deadline = time.AfterFunc(timeout, func() { cancel(errHandshakeTimeout) })
		defer answer.deadline.Stop()
	}

	r = r.WithContext(ctx)
	prepare(r, d)
	if r.ProtoMajor > 1 {
		r.Body = socket.Body(r.Body)
	}
	err := next.ServeHTTP(answer, r)
	if socket.Opened() {
		return err
	}
	if answer.refused && err == nil {
		err = &StatusError{http.StatusBadGateway, fmt.Errorf("route %s: %w", d.Route.Name, errAccept)}
	}
	return g.concludeRefused(d, socket.Status(), context.Cause(ctx), err)
}

var faultUnanswered = Fault{
	http.StatusBadGateway, "nothing behind the gate answered the handshake, as a websocket_tunnel or a reverse_proxy would",
}

// concludeRefused says what became of a handshake that the gate admitted and the application did not.
func (g *Gate) concludeRefused(d *Decision, status int, cause, err error) error {
	switch {
	case errors.Is(cause, errHandshakeTimeout):
		d.Outcome = UpstreamTimeout
		err = &StatusError{http.StatusGatewayTimeout, fmt.Errorf("route %s: %w", d.Route.Name, errHandshakeTimeout)}
	case err != nil && g.config.StatusOf(err) == http.StatusGatewayTimeout:
		d.Outcome = UpstreamTimeout
	case err == nil && status > 0:
		d.Outcome, d.Fault = UpstreamRefused, &Fault{Status: status, Why: "the application refused the handshake"}
	case err == nil:
		// Proxies say nothing where the application switches to another protocol, nor does anybody where there is none: the
		// server would make a 200 of it.
		d.Outcome, d.Fault = UpstreamFailed, &faultUnanswered
		err = &StatusError{http.StatusBadGateway, fmt.Errorf("route %s: %s", d.Route.Name, faultUnanswered.Why)}
	default:
		d.Outcome = UpstreamFailed
	}
	return err
}

// prepare makes of the request what the application is to see.
func prepare(r *http.Request, d *Decision) {
	if r.ProtoMajor == 1 {
		// Proxies drop every header that Connection names (RFC 9110, 7.6.1): the client must not choose which.
		r.Header["Connection"] = []string{"Upgrade"}
		r.Header["Upgrade"] = []string{"websocket"}
	} else if r.Header["Sec-Websocket-Version"] == nil {
		r.Header["Sec-Websocket-Version"] = []string{"13"}
	}
	if d.Route.Hide || d.Route.Upstream != nil {
		hide(r, d)
	}
	if d.Route.Upstream != nil {
		d.Route.Upstream.replace(r)
	}
}

// answerWriter sees the application's answer to a handshake go by.
type answerWriter struct {
	http.ResponseWriter
	sources  []Source
	other    string // a subprotocol that was offered and is no credential
	accept   string // the Sec-WebSocket-Accept that answers the handshake; "" where a proxy makes up its own key
	refused  bool   // it was not that
	deadline *time.Timer
}

var errAccept = errors.New("the application's Sec-WebSocket-Accept does not answer this handshake")

// Unwrap lets http.ResponseController reach the socket's writer.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader ends the wait for an answer, and never echoes a credential that was offered as a subprotocol. What switches
// protocols without having understood the handshake (RFC 6455, 4.2.2) is not let through.
func (w *answerWriter) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		if w.deadline != nil {
			w.deadline.Stop()
		}
		w.hideSubprotocol()
	}
	if status == http.StatusSwitchingProtocols && w.accept != "" && !w.accepts() {
		w.refused = true
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

// Hijack takes the connection over, unless the application did not answer the handshake.
func (w *answerWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.refused {
		return nil, nil, errAccept
	}
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// accepts compares. What does not, goes: a refusal takes its place. Proxies write the header's name in more than one way.
func (w *answerWriter) accepts() bool {
	for name, values := range w.Header() {
		if strings.EqualFold(name, "Sec-WebSocket-Accept") && len(values) == 1 && values[0] == w.accept {
			return true
		}
	}
	for name := range w.Header() {
		if strings.HasPrefix(strings.ToLower(name), "sec-websocket-") || name == "Upgrade" || name == "Connection" {
			delete(w.Header(), name)
		}
	}
	return false
}

// hideSubprotocol replaces a credential that the application selected by the first subprotocol that was offered beside
// it: a browser that offered any wants to hear one of them. Proxies write the header's name in more than one way.
func (w *answerWriter) hideSubprotocol() {
	for name, selected := range w.Header() {
		if !strings.EqualFold(name, "Sec-WebSocket-Protocol") || !slices.ContainsFunc(selected, w.isCredential) {
			continue
		}
		delete(w.Header(), name)
		if w.other != "" {
			w.Header()[name] = []string{w.other}
		}
	}
}

func (w *answerWriter) isCredential(element string) bool {
	return isSubprotocolCredential(w.sources, element)
}

func isSubprotocolCredential(sources []Source, element string) bool {
	for _, source := range sources {
		if source.Place != InSubprotocol {
			continue
		}
		if _, ok := subprotocolCredential(element, source.Name); ok {
			return true
		}
	}
	return false
}

// otherSubprotocol is the first subprotocol that the client offered and that is no credential.
func otherSubprotocol(r *http.Request, sources []Source) (other string) {
	elements(r.Header["Sec-Websocket-Protocol"], func(element string) {
		if other == "" && !isSubprotocolCredential(sources, element) {
			other = element
		}
	})
	return other
}
