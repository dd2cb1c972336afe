package websocketgate

import (
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/caddy/socketlog"
	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/keys"
)

// watchEvery is how late the end of a key or a dark route may be noticed.
const watchEvery = 500 * time.Millisecond

// gateWatch looks now and then for what no request brings about: keys that end, routes that are dark, keys that nobody
// uses any more.
type watch struct {
	gate   *Handler
	ctx    caddy.Context
	events *caddyevents.App
	routes map[string]*gate.Outage // by name

	stop    chan struct{}
	stopped sync.WaitGroup
}

func newGateWatch(ctx caddy.Context, g *Handler) (*watch, error) {
	events, err := lifecycle.Events(ctx)
	if err != nil {
		return nil, err
	}
	w := &watch{
		gate: g, ctx: ctx, events: events,
		routes: make(map[string]*gate.Outage), stop: make(chan struct{}),
	}
	before := predecessor(g)
	for _, route := range g.Routes {
		w.routes[route.Name] = before.darkness(g, route.Name)
		if w.routes[route.Name] == nil {
			w.routes[route.Name] = gate.NewOutage(g.DarkAfter, time.Duration(g.DarkLasting), time.Now())
		}
	}
	return w, nil
}

// predecessor is the gate of the same site in the configuration before; nil if there is none.
func predecessor(g *Handler) *Handler {
	for other := range liveGates.All() {
		if other != g && other.site == g.site && other.watch != nil {
			return other
		}
	}
	return nil
}

// darkness is what a reload goes on with: a route that is dark stays so, and its refusals are not forgotten.
func (g *Handler) darkness(successor *Handler, route string) *gate.Outage {
	if g == nil || g.DarkAfter != successor.DarkAfter || g.DarkLasting != successor.DarkLasting {
		return nil
	}
	return g.watch.routes[route]
}

func (w *watch) start() {
	w.stopped.Go(func() {
		ticker := time.NewTicker(watchEvery)
		defer ticker.Stop()
		before, told := time.Now(), time.Now()
		for {
			select {
			case <-w.stop:
				return
			case now := <-ticker.C:
				w.look(before, now)
				before = now
				if now.Sub(told) >= 24*time.Hour {
					told = now
					w.tellUnused(now)
				}
			}
		}
	})
}

func (w *watch) close() {
	close(w.stop)
	w.stopped.Wait()
}

func (w *watch) look(before, now time.Time) {
	if !w.gate.live.Load() {
		return // its successor looks
	}
	if w.gate.gate.Ring().EndedBetween(before.Round(0), now.Round(0)) {
		closeRevoked()
	}
	for route, darkness := range w.routes {
		if report, changed := darkness.Check(now); changed {
			w.tell(route, report)
		}
	}
}

// tell says once that a route is dark, or that it is lit again.
func (w *watch) tell(route string, report gate.OutageReport) {
	fields := []zap.Field{
		zap.String("route", route),
		zap.Duration("for", report.For),
		zap.Time("last_accepted", report.LastAccepted),
		zap.Int("open", openOf(w.gate.site, route)),
	}
	data := map[string]any{"route": route, "for": report.For.String()}
	if !report.Active {
		w.gate.logger.Info(report.Sentence(route), fields...)
		w.events.Emit(w.ctx, "websocket_route_lit", data)
		return
	}
	data["refusals"], data["outcome"] = report.Rejects, string(report.Most)
	w.gate.logger.Error(report.Sentence(route), append(fields,
		zap.Int64("refusals", report.Rejects), zap.String("outcome", string(report.Most)))...)
	w.events.Emit(w.ctx, "websocket_route_dark", data)
}

func openOf(site, route string) int {
	for _, counted := range socketlog.Registry().Routes() {
		if counted.Site == site && counted.Route == route {
			return counted.Open
		}
	}
	return 0
}

// processStarted is from when on it would have been noticed that a key is used.
var processStarted = time.Now()

func (w *watch) tellUnused(now time.Time) {
	w.gate.gate.Ring().Keys(func(route string, key keys.Key) {
		last, _ := keys.Accepted.Last(key.ID())
		if sentence, unused := keys.Unused(key.Label, last, processStarted, now); unused {
			w.gate.logger.Info(sentence, zap.String("route", route))
		}
	})
}
