package usher

import (
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/scan2food/usher/handler/caddy/request"
	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/keys"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// newestGate is that of the newest configuration: a socket may end long after the one that admitted it is gone.
var newestGate atomic.Pointer[WebSocketGate]

// loggerOf is the logger of the gate that admitted the socket, as long as that is in force.
func loggerOf(info sockets.Info) *zap.Logger {
	if owner, ok := info.Owner.(*WebSocketGate); ok && owner.live.Load() {
		return owner.logger
	}
	return newestGate.Load().logger
}

// socketOpened is told of every handshake that has succeeded.
func socketOpened(s *sockets.Socket) {
	info, now := s.Info(), time.Now()
	if owner, ok := info.Owner.(*WebSocketGate); ok {
		owner.metrics.count(info.Route, gate.Accepted)
		if owner.gate != nil {
			owner.opened(info, now)
		}
	}
	logOpened(s)
}

// opened is told of a socket that this gate admitted. Its key, or its route, may have gone while the application made up its
// mind: then it is closed as those were that were open at that moment.
func (g *WebSocketGate) opened(info sockets.Info, now time.Time) {
	keys.Accepted.Touch(info.KeyID, now)
	if darkness := g.watch.routes[info.Route]; darkness != nil {
		darkness.Accepted(now)
	}
	if standing(liveGates.all(), info, now) != gate.Accepted {
		go closeRevoked()
	}
}

// socketEnded is told of every such socket that has ended.
func socketEnded(ended sockets.Ended) {
	countEnded(ended)
	logEnded(ended)
}

// logOpened writes WSCONNECT, the word that operators of Daphne grep for.
func logOpened(s *sockets.Socket) {
	if entry := loggerOf(s.Info()).Check(zapcore.InfoLevel, "WSCONNECT"); entry != nil {
		entry.Write(append(socketFields(s.Info()), zap.String("outcome", string(gate.Accepted)))...)
	}
}

// logEnded writes WSDISCONNECT.
func logEnded(ended sockets.Ended) {
	entry := loggerOf(ended.Info).Check(zapcore.InfoLevel, "WSDISCONNECT")
	if entry == nil {
		return
	}
	entry.Write(append(socketFields(ended.Info),
		zap.Duration("duration", ended.Duration),
		zap.Int64("bytes_in", ended.In),
		zap.Int64("bytes_out", ended.Out),
		zap.Uint16("close_code", uint16(ended.Code)),
		zap.String("closed_by", ended.By),
	)...)
}

func socketFields(info sockets.Info) []zap.Field {
	return []zap.Field{
		zap.String("route", info.Route),
		zap.String("key", info.Key),
		zap.String("client", info.Client.String()),
		zap.String("origin", info.Origin),
		zap.String("proto", info.Protocol),
	}
}

// refused is told of every request that the gate, or the application behind it, refused.
func (g *WebSocketGate) refused(r *http.Request, d *gate.Decision) {
	route := ""
	if d.Route != nil {
		route = d.Route.Name
		g.watch.routes[route].Refused(d.Outcome)
	}
	g.metrics.count(route, d.Outcome)
	if entry := g.logger.Check(zapcore.WarnLevel, "WSREJECT"); entry != nil {
		writeRefused(entry, r, route, g.gate.RedactPath(r.URL.Path), d)
	}
}

// writeRefused writes WSREJECT. The query is not shown: it holds what was presented.
func writeRefused(entry *zapcore.CheckedEntry, r *http.Request, route, path string, d *gate.Decision) {
	why, code := d.Outcome.Reason(), uint16(0)
	if d.Closed {
		code = d.Outcome.CloseCode()
	}
	if d.Fault != nil {
		why = d.Fault.Why
	}
	if d.Detail != "" {
		why += ": " + d.Detail
	}
	entry.Write(
		zap.String("route", route),
		zap.String("outcome", string(d.Outcome)),
		zap.Int("status", d.Status()),
		zap.Uint16("close_code", code), // 0: told by status
		zap.String("key", d.Key),
		zap.String("client", request.Client(r).String()),
		zap.String("origin", r.Header.Get("Origin")),
		zap.String("path", path),
		zap.String("reason", why),
	)
}
