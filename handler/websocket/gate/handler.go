package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// Next is the next handler. Caddy's handlers implement it.
type Next interface {
	ServeHTTP(http.ResponseWriter, *http.Request) error
}

// StatusError is an error of the gate with an HTTP status.
type StatusError struct {
	Status int
	Err    error
}

func (e *StatusError) Error() string { return e.Err.Error() }
func (e *StatusError) Unwrap() error { return e.Err }

// errHandshakeTimeout is the cause of a context that ended before the application responded.
var errHandshakeTimeout = errors.New("the application did not respond to the WebSocket handshake in time")

// rootPathHeader sets the root path of Daphne, which accepts the header from any client: with it, a request with any path
// reaches any route.
const rootPathHeader = "Daphne-Root-Path"

// ServeHTTP carries out the decision that [Gate.Decide] made about r: it rejects r, or calls next and accounts for the
// socket that next opens. When it returns, d is final: it holds the outcome that the caller logs and counts.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request, d *Decision, next Next) error {
	delete(r.Header, rootPathHeader)
	delete(r.Header, closeHeader)
	delete(r.Header, userHeader)
	if d.dropLineBytes && !d.Rejected() {
		d.Dropped = dropLineBytes(r.Header)
	}
	if d.ignoresUpgrade && !d.Rejected() {
		ignoreUpgrade(r.Header)
	}
	switch d.Outcome {
	case Passed:
		if len(d.issuers) > 0 {
			requireWholePage(r)
			return g.pass(w, r, &pageWriter{ResponseWriter: w, gate: g, request: r, decision: d}, next)
		}
		return g.pass(w, r, nil, next)
	case Accepted:
		if d.Plain {
			return g.servePlain(w, r, d, next)
		}
		return g.admit(w, r, d, next)
	default:
		g.reject(w, r, d)
		return nil
	}
}

// admit registers the socket and forwards the handshake.
func (g *Gate) admit(w http.ResponseWriter, r *http.Request, d *Decision, next Next) error {
	socket, err := g.config.Registry.Open(g.info(r, d), d.Route.Limits)
	if err != nil {
		d.Outcome, d.Detail = TooMany, err.Error()
		g.reject(w, r, d)
		return nil
	}
	defer func() {
		if !socket.Detached() {
			socket.End()
		}
	}()
	if g.spend(r, d); d.Rejected() {
		g.reject(w, r, d)
		return nil
	}
	d.Socket = socket
	return g.forward(w, r, d, socket, next)
}

// maxLogged bounds what a client can have the registry hold for the lines of a socket.
const maxLogged = 255

// ofSocket copies a part of the request, since a socket lives longer than its request.
func ofSocket(text string) string { return strings.Clone(text[:min(len(text), maxLogged)]) }

func (g *Gate) info(r *http.Request, d *Decision) sockets.Info {
	redactor := g.Redactor(r, d)
	info := sockets.Info{
		Host:        ofSocket(redactor.Name(r.Host)),
		Path:        ofSocket(redactor.RequestPath(r.URL)),
		Site:        g.config.Site,
		Route:       d.Route.Name,
		Key:         d.Key,
		KeyID:       d.KeyID,
		User:        d.User,
		Client:      g.config.Client(r),
		Protocol:    protocolOf(r),
		Major:       r.ProtoMajor,
		IdleTimeout: d.Route.Idle,
		Rate:        d.Route.Rate,
		Owner:       g.config.Owner,
	}
	if g.config.SiteHost != nil {
		info.SiteHost = g.config.SiteHost(r)
	}
	info.OriginalPath = g.originalPath(r, info.Path, redactor)
	info.Bond = g.bondOf(r, d, redactor)
	// The end of the key is not copied, since it may change while the socket is open.
	if d.Route.MaxAge > 0 {
		info.Until = g.config.Now().Add(d.Route.MaxAge)
		info.UntilCode, info.UntilReason = sockets.CodeGoingAway, "the socket has reached max_age"
	}
	if origin := r.Header["Origin"]; len(origin) > 0 {
		info.Origin = redactor.Name(origin[0])
	}
	return info
}

// originalPath returns the path before rewrites, "" if it is too long or holds a credential. Without rewrites it is the same
// string as path, the redacted path of the request, since each socket keeps both.
func (g *Gate) originalPath(r *http.Request, path string, redactor *Redactor) string {
	if g.config.OriginalPath == nil {
		return ""
	}
	if original := g.config.OriginalPath(r); original != r.URL.Path {
		path = ofSocket(redactor.Path(original))
	}
	if isUnknown(path) {
		return ""
	}
	return path
}

// protocolOf returns the HTTP version. On HTTP/3, r.Proto holds the :protocol of an extended CONNECT.
func protocolOf(r *http.Request) string {
	if r.ProtoMajor == 3 {
		return "HTTP/3.0"
	}
	return r.Proto
}

// forward calls next with an admitted handshake. The context of the request ends if the application does not respond in time,
// and with the socket.
func (g *Gate) forward(w http.ResponseWriter, r *http.Request, d *Decision, socket *sockets.Socket, next Next) error {
	ctx, cancel := context.WithCancelCause(sockets.NewContext(r.Context(), socket))
	defer func() {
		if !socket.Detached() {
			cancel(nil)
		}
	}()
	socket.OnClose(func() { cancel(errors.New("the gate closed the socket")) })
	response := &responseWriter{
		site:           g.siteRequest(r),
		ResponseWriter: socket.ResponseWriter(w),
		sources:        d.Route.Sources,
		other:          otherSubprotocol(r, d.Route.Sources),
		offered:        offersCredential(r, d.Route.Sources),
	}
	if r.ProtoMajor == 1 {
		response.accept = sockets.AcceptValue(r.Header.Get("Sec-WebSocket-Key"))
	}
	if timeout := d.Route.HandshakeTimeout; timeout > 0 {
		response.deadline = time.AfterFunc(timeout, func() { cancel(errHandshakeTimeout) })
		defer response.deadline.Stop()
	}

	r = r.WithContext(ctx)
	prepare(r, d)
	if r.ProtoMajor > 1 {
		r.Body = socket.Body(r.Body)
	}
	err := g.callNext(response, r, d, socket, next)
	if !socket.Detached() {
		stripSiteHeaders(w.Header()) // trailers
	}
	if socket.Opened() {
		return err
	}
	if response.invalid && err == nil {
		err = &StatusError{http.StatusBadGateway, fmt.Errorf("route %s: %w", d.Route.Name, errAccept)}
	}
	if clientLeft(ctx, socket) {
		d.Outcome = ClientGone
		return &StatusError{statusClientGone, fmt.Errorf("route %s: %s", d.Route.Name, reasons[ClientGone])}
	}
	var busy interface{ RetryAfter() time.Duration }
	if errors.As(err, &busy) && busy.RetryAfter() > 0 && socket.Status() == 0 {
		d.Outcome, d.RetryAfter = UpstreamBusy, busy.RetryAfter()
		delete(w.Header(), "Retry-After")
		if !g.rejectWithClose(w, r, d) {
			rejectWithStatus(w, r, d)
		}
		return nil
	}
	return g.conclude(r, d, socket.Status(), context.Cause(ctx), err)
}

// callNext calls next. If no socket opens, a ticket that is good once stays good. The panic with which a handler aborts the
// connection goes on, with the outcome set.
func (g *Gate) callNext(w http.ResponseWriter, r *http.Request, d *Decision, socket *sockets.Socket, next Next) error {
	returned := false
	defer func() {
		if socket.Opened() {
			return
		}
		switch {
		case returned:
		case clientLeft(r.Context(), socket):
			d.Outcome = ClientGone
		case refused(socket): // a proxy aborts if the client leaves before it has read the body
			d.Outcome, d.Fault = UpstreamRefused, &Fault{Status: socket.Status(), Why: reasons[UpstreamRefused]}
		default:
			d.Outcome, d.Fault = UpstreamRefused, &Fault{Status: socket.Status(), Why: "a later handler aborted the connection"}
		}
		g.unspend(r.Context(), d)
	}()
	err := next.ServeHTTP(w, r)
	returned = true
	return err
}

// clientLeft reports whether the context of the handshake was cancelled by its client, before the application responded, and not by
// the gate.
func clientLeft(ctx context.Context, socket *sockets.Socket) bool {
	_, closed := socket.Closed()
	return ctx.Err() != nil && !closed && !refused(socket) && !errors.Is(context.Cause(ctx), errHandshakeTimeout)
}

// refused reports whether the application or a later handler responded with a status that opens no socket. Caddy's reverse_proxy writes
// 499 for a client that left.
func refused(socket *sockets.Socket) bool {
	return socket.Refused() && socket.Status() != statusClientGone
}

// The faults of a handshake that got no response.
var (
	faultNoResponse = Fault{
		http.StatusBadGateway, "no handler responded to the handshake; a websocket_tunnel or reverse_proxy is missing",
	}
	faultSwitch = Fault{http.StatusBadGateway, "the 101 of the application is invalid; want Upgrade: websocket"}
)

// conclude sets the outcome of an admitted handshake that opened no socket.
func (g *Gate) conclude(r *http.Request, d *Decision, status int, cause, err error) error {
	switch {
	case errors.Is(cause, errHandshakeTimeout):
		d.Outcome = UpstreamTimeout
		err = &StatusError{http.StatusGatewayTimeout, fmt.Errorf("route %s: %w", d.Route.Name, errHandshakeTimeout)}
	case err != nil && g.config.StatusOf(err) == http.StatusGatewayTimeout:
		d.Outcome = UpstreamTimeout
	case status > 0 && (err == nil || cause != nil): // the client may leave before it has read the body
		d.Outcome, d.Fault = UpstreamRefused, &Fault{Status: status, Why: reasons[UpstreamRefused]}
	case err == nil:
		// A proxy returns no error if the application switches to another protocol. The server would respond with 200.
		d.Outcome, d.Fault = UpstreamFailed, &faultSwitch
		if g.config.Unhandled(r) {
			d.Fault = &faultNoResponse
		}
		err = &StatusError{d.Fault.Status, fmt.Errorf("route %s: %s", d.Route.Name, d.Fault.Why)}
	default:
		g.concludeError(r, d, err)
	}
	return err
}

// concludeError sets the outcome of a handshake that ended in an error of a later handler. It is logged with the status of the
// error, which may be the site's own: `error 503` during maintenance. The detail names the upstream and the cause.
func (g *Gate) concludeError(r *http.Request, d *Decision, err error) {
	d.Outcome, d.Detail = UpstreamFailed, g.Redactor(r, d).Text(g.config.CauseOf(err))
	status := g.config.StatusOf(err)
	if own := new(StatusError); errors.As(err, &own) {
		status = own.Status
	}
	switch {
	case status >= 400 && status < 500:
		d.Outcome, d.Fault = UpstreamRefused, &Fault{Status: status, Why: "a later handler rejected the handshake"}
	case status != http.StatusBadGateway:
		d.Fault = &Fault{Status: status, Why: "a later handler failed"}
	}
}

// prepare changes the request to what the application is to receive.
func prepare(r *http.Request, d *Decision) {
	if r.ProtoMajor == 1 {
		// Proxies drop every header that Connection names (RFC 9110, 7.6.1): the client must not choose them.
		r.Header["Connection"] = []string{"Upgrade"}
		r.Header["Upgrade"] = []string{"websocket"}
	} else if r.Header["Sec-Websocket-Version"] == nil {
		r.Header["Sec-Websocket-Version"] = []string{"13"}
	}
	replaceCredential(r, d)
}

// replaceCredential removes the client's credential, or replaces it with the application's, if the route says so.
func replaceCredential(r *http.Request, d *Decision) {
	if !d.Route.Keyless && (d.Route.Hide || d.Route.Upstream != nil) {
		strip(r, d)
	}
	if d.Route.Upstream != nil {
		d.Route.Upstream.replace(r)
	}
}
