package websocketgate

import (
	"net/http"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/scan2food/usher/handler/caddy/request"
	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// admitted records an opened socket. A reload during the handshake may have removed its key or route, or the gate.
func (g *Handler) admitted(info sockets.Info, now time.Time) {
	lastUse.Touch(info.KeyID, now)
	if info.Key == gate.TicketLabel {
		tickets.WithLabelValues("accepted").Inc()
	}
	if outage := g.watch.outages[info.Route]; outage != nil {
		outage.Accepted(now)
	}
	if !g.live.Load() || g.gate.Standing(info, now) != gate.Accepted {
		go closeRevoked()
	}
}

// logRejected counts and logs a request that the gate or the application rejected.
func (g *Handler) logRejected(r *http.Request, d *gate.Decision) {
	route := ""
	if d.Route != nil {
		route = d.Route.Name
	}
	g.count(route, g.siteHost(r), d)
	if entry := g.logger.Check(zapcore.WarnLevel, "WSREJECT"); entry != nil {
		writeRejected(entry, r, route, g.gate.Redactor(r, d), d)
	}
}

// count counts a rejection. Requests that stay HTTP are counted apart, and say nothing about an outage of sockets.
func (g *Handler) count(route, host string, d *gate.Decision) {
	if d.Plain {
		plainRequests.WithLabelValues(route, host, string(d.Outcome)).Inc()
		return
	}
	if d.Route != nil {
		g.watch.outages[route].Rejected(d.Outcome)
	}
	g.owner.Count(route, host, d.Outcome)
}

// writeRejected writes WSREJECT. It omits the query, which may contain a credential.
func writeRejected(entry *zapcore.CheckedEntry, r *http.Request, route string, redactor *gate.Redactor, d *gate.Decision) {
	reason, code := d.Outcome.Reason(), uint16(0)
	if d.Closed {
		code = d.Outcome.CloseCode()
	}
	if d.Fault != nil {
		reason = d.Fault.Why
	}
	if d.Detail != "" {
		reason += ": " + redactor.Text(d.Detail) // it may name the host and the origin
	}
	id := uint64(0) // the gate rejected the request before it had one
	if d.Socket != nil {
		id = d.Socket.Snapshot().ID
	}
	entry.Write(
		zap.Uint64("id", id),
		zap.String("host", redactor.Name(r.Host)),
		zap.String("route", route),
		zap.String("outcome", string(d.Outcome)),
		zap.Int("status", d.Status()),
		zap.Uint16("close_code", code), // 0: rejected by status
		zap.String("key", d.Key),
		zap.String("user", d.User),
		zap.String("client", request.Client(r).String()),
		zap.String("origin", redactor.Name(r.Header.Get("Origin"))),
		zap.String("path", redactor.RequestPath(r.URL)),
		zap.String("reason", reason),
		zap.Bool("plain_http", d.Plain),
	)
}
