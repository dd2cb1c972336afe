package redact

import (
	"iter"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/websocket/gate"
)

// Logs writes the access and error lines of requests that may hold a credential: those to the routes of a gate, and all that
// ask for another protocol.
//
// Caddy copies the request for its logs before any handler runs. No handler can change what these lines will hold. A handler can
// keep Caddy from writing them, and write them itself: to the same loggers, at the same level, with the same fields.
type Logs struct {
	server    *caddyhttp.Server
	gate      *gate.Gate
	accessLog *zap.Logger // nil if the server writes no access log
	errorLog  *zap.Logger
}

// loaded holds the logs of the gates in all loaded configurations, including those that are shutting down.
var loaded lifecycle.PerServer[*Logs]

// New returns the logs of a gate that is being provisioned. It makes the server use the request's list of loggers for the error
// log too, which the server does only with an access log.
func New(ctx caddy.Context) *Logs {
	l := &Logs{errorLog: lifecycle.Logger(ctx, "http.log.error"), server: lifecycle.Server(ctx)}
	if l.server == nil {
		return l
	}
	if hasAccessLog(l.server) {
		l.accessLog = lifecycle.Logger(ctx, "http.log.access")
	}
	if l.server.Logs == nil {
		l.server.Logs = new(caddyhttp.ServerLogConfig)
	}
	return l
}

// hasAccessLog considers that another gate of the server may have set an empty log configuration.
func hasAccessLog(server *caddyhttp.Server) bool {
	for other := range loaded.Of(server) {
		return other.accessLog != nil
	}
	return server.Logs != nil
}

// Add registers the gate whose requests are logged. Its keys are redacted from now on.
func (l *Logs) Add(g *gate.Gate) {
	l.gate = g
	loaded.Add(l.server, l)
}

// Remove undoes Add when no request reaches the gate any more.
func (l *Logs) Remove() { loaded.Remove(l.server, l) }

// GatesOf yields the gates of a server.
func GatesOf(server *caddyhttp.Server) iter.Seq[*gate.Gate] {
	return func(yield func(*gate.Gate) bool) {
		for logs := range loaded.Of(server) {
			if !yield(logs.gate) {
				return
			}
		}
	}
}
