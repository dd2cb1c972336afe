package websocketgate

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/caddy/redact"
	"github.com/scan2food/usher/handler/caddy/request"
	"github.com/scan2food/usher/handler/caddy/socketlog"
	"github.com/scan2food/usher/handler/shared"
	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// Handler decides which requests may open a WebSocket. It rejects handshakes without exactly one valid key of the route, and
// all other attempts to switch protocols. Plain requests to other paths pass unchanged.
//
// Put it before every handler that could respond. The Caddyfile directive does so by default.
type Handler struct {
	// The sockets that the site offers. At least one.
	Routes []*Route `json:"routes,omitempty"`

	// What to do with an attempt to switch protocols that matches no route: `refuse` (default) or `pass`. Variants of a
	// route's path (other case, percent-encoded, doubled slashes) are rejected with `pass` too.
	Unlisted string `json:"unlisted,omitempty"`

	// Whether header fields with the byte 0x85 are forwarded. Daphne before 4.2.2 splits lines at this byte. Default: such
	// fields, or such pairs of Cookie, are removed, and the log names each field once.
	ForwardNEL bool `json:"forward_nel,omitempty"`

	// How to reject a handshake: `status` (default) sends an HTTP status; `close` completes the handshake and sends a close
	// code, which scripts in a browser can read; `auto` is `close` for browsers and `status` for all other clients.
	Reject string `json:"reject,omitempty"`

	// How many rejections without an accepted handshake make an outage of the route. Default: 20.
	DarkAfter int `json:"dark_after,omitempty"`

	// How long no handshake was accepted before an outage is reported. Default: 1m.
	DarkLasting caddy.Duration `json:"dark_lasting,omitempty"`

	gate     *gate.Gate
	keys     *keySet
	watch    *watch
	owner    *owner
	logger   *zap.Logger
	server   *caddyhttp.Server
	logs     *redact.Logs
	app      *caddyhttp.App
	scope    scope          // the requests that reach the gate
	labelled *hosts         // what metrics tell apart; nil for none
	site     string         // ID of the site, stable across reloads
	exposed  bool           // other paths of the site can switch protocols
	rewrites bool           // a passed request may reach the application with the path of a route
	warnings []startWarning // of routes, for the start
	live     atomic.Bool    // the gate is in service
	started  atomic.Bool    // the gate's configuration has started: all its routes are loaded
	hidden   bool           // from started on: no walk of the server's routes finds the gate, since another module holds it
	retired  sync.Once
	unseen   bool // other handlers may respond to requests of the site that do not reach the gate
	dropped  droppedFields
	plain    sync.Once // a ticket was set without HTTPS
	pooled   lifecycle.Pooled
	node     *shared.Node // nil: other machines share nothing with this one
	leaves   []func()     // end what the gate has from the node
}

// CaddyModule implements caddy.Module.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.websocket_gate",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Cleanup takes the gate out of service. Open sockets pass to the newest gate.
func (g *Handler) Cleanup() error {
	g.leaveOthers()
	if g.keys == nil { // Provision failed
		return g.pooled.Release()
	}
	g.retire()
	g.keys.close()
	g.watch.close()
	g.logs.Remove()
	return g.pooled.Release()
}

// retire runs when the server shuts down, after a reload or when the process stops. It closes the sockets that the new
// configuration does not admit. It closes sockets over HTTP/2 and 3 that no tunnel keeps, since the server waits for its
// streams, without end if there is no grace period. When the process stops, it also closes the sockets of a proxy, between
// two frames, before the proxy cuts them.
func (g *Handler) retire() {
	g.retired.Do(func() {
		reason := "a reload ends sockets that no tunnel keeps"
		if caddy.Exiting() {
			reason = "the server is going away"
		}
		g.live.Store(false)
		g.owner.Stop()
		liveGates.Remove(g.server, g)
		socketlog.Registry().CloseOnReload(func(info sockets.Info) bool {
			return info.Owner == g.owner && info.Major > 1
		}, sockets.CodeGoingAway, reason)
		if !caddy.Exiting() {
			closeRevoked()
			return
		}
		for _, open := range socketlog.Registry().List() {
			if open.Owner == g.owner && !open.SurvivesReloads {
				socketlog.Registry().CloseID(open.ID, sockets.CodeGoingAway, reason)
			}
		}
	})
}

// ServeHTTP decides about the request, then forwards or rejects it. It writes the access and error log lines of requests that
// may contain a credential.
func (g *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	d := g.gate.Decide(r)
	isHandshake := gate.ReadHandshake(r) != gate.PlainHTTP
	log := g.logs.Begin(w, r, d)
	var err error
	defer func() { log.End(err) }()
	err = statusError(g.serve(w, r, d, next))
	if isHandshake && (err != nil || d.Rejected()) {
		return withdrawHandshake(w, r, err)
	}
	return err
}

// withdrawHandshake turns a failed handshake into plain HTTP, so that the routes of handle_errors, or of an intercept around the
// gate, cannot open a socket with it. Caddy restores the method of an extended CONNECT for error routes, so withdrawHandshake
// responds to such a request itself.
func withdrawHandshake(w http.ResponseWriter, r *http.Request, err error) error {
	delete(r.Header, "Upgrade")
	delete(r.Header, "Connection")
	delete(r.Header, ":protocol")
	if r.Method != http.MethodConnect {
		return err
	}
	if err != nil {
		w.WriteHeader(request.ErrorStatus(err))
	}
	r.Method, r.Body = http.MethodGet, http.NoBody
	return nil
}

func (g *Handler) serve(w http.ResponseWriter, r *http.Request, d *gate.Decision, next caddyhttp.Handler) error {
	if r.ProtoMajor > 1 && gate.ReadHandshake(r) == gate.WebSocket {
		defer request.SuspendIdleTimeouts(r.Context())()
	}
	if d.Outcome != gate.Passed {
		setPlaceholders(r, d)
	}
	if d.Plain && d.Outcome == gate.Accepted {
		plainRequests.WithLabelValues(d.Route.Name, g.siteHost(r), string(d.Outcome)).Inc()
	}
	defer func() { // also if a later handler aborts the connection
		if d.Rejected() {
			g.logRejected(r, d)
		}
	}()
	err := g.gate.ServeHTTP(w, r, d, next)
	if d.Dropped != nil {
		for i, name := range d.Dropped {
			d.Dropped[i] = g.gate.RedactText(name)
		}
		g.dropped.log(g.logger, d.Dropped)
	}
	if d.NotIssued != nil {
		g.logNotIssued(r, d.NotIssued)
	}
	if d.Issued {
		tickets.WithLabelValues("issued").Inc()
		g.warnOfPlainCookie(r)
	}
	if d.UsedBefore {
		tickets.WithLabelValues("used_before").Inc()
	}
	return err
}

// Values that outlive a configuration.
var (
	rejecter         = sockets.NewRejecter(0)
	rejectionLimiter = sockets.NewRejectionLimiter(1000, 10*time.Millisecond) // per client: 1000 at once, then 100 per second
)

var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ gate.Next                   = (caddyhttp.Handler)(nil)
)
