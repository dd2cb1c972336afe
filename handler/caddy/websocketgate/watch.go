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

// watchInterval bounds the delay in noticing an expired key or an outage.
const watchInterval = 500 * time.Millisecond

// watch checks periodically for changes that no request causes: keys that expire, outages of routes, and unused keys.
type watch struct {
	gate    *Handler
	ctx     caddy.Context
	events  *caddyevents.App
	outages map[string]*gate.Outage // by route name

	stop    chan struct{}
	stopped sync.WaitGroup
}

func newWatch(ctx caddy.Context, g *Handler) (*watch, error) {
	events, err := lifecycle.Events(ctx)
	if err != nil {
		return nil, err
	}
	w := &watch{
		gate: g, ctx: ctx, events: events,
		outages: make(map[string]*gate.Outage), stop: make(chan struct{}),
	}
	previous := predecessor(g)
	for _, route := range g.Routes {
		w.outages[route.Name] = previous.inheritOutage(g, route.Name)
		if w.outages[route.Name] == nil {
			w.outages[route.Name] = gate.NewOutage(g.DarkAfter, time.Duration(g.DarkLasting), time.Now())
		}
	}
	return w, nil
}

// predecessor returns the gate of the same site in the previous configuration, nil if there is none.
func predecessor(g *Handler) *Handler {
	for other := range liveGates.All() {
		if other != g && other.site == g.site && other.watch != nil {
			return other
		}
	}
	return nil
}

// inheritOutage returns the outage detector that a successor continues with, so that a reload ends no outage and loses no
// count. It returns nil if the successor has other limits.
func (g *Handler) inheritOutage(successor *Handler, route string) *gate.Outage {
	if g == nil || g.DarkAfter != successor.DarkAfter || g.DarkLasting != successor.DarkLasting {
		return nil
	}
	return g.watch.outages[route]
}

func (w *watch) start() {
	w.stopped.Go(func() {
		ticker := time.NewTicker(watchInterval)
		defer ticker.Stop()
		last, lastUnused := time.Now(), time.Now()
		for {
			select {
			case <-w.stop:
				return
			case now := <-ticker.C:
				w.check(last, now)
				last = now
				if now.Sub(lastUnused) >= 24*time.Hour {
					lastUnused = now
					w.logUnused(now)
				}
			}
		}
	})
}

func (w *watch) close() {
	close(w.stop)
	w.stopped.Wait()
}

// check handles the changes between two times.
func (w *watch) check(last, now time.Time) {
	if !w.gate.live.Load() {
		return // the successor checks
	}
	if w.gate.gate.Ring().ExpiredBetween(last.Round(0), now.Round(0)) {
		closeRevoked()
	}
	for route, outage := range w.outages {
		if report, changed := outage.Check(now); changed {
			w.report(route, report)
		}
	}
}

// report logs the beginning or the end of an outage and emits its event.
func (w *watch) report(route string, report gate.OutageReport) {
	accepted := zap.Skip() // none since the start
	if !report.LastAccepted.IsZero() {
		accepted = zap.Time("last_accepted", report.LastAccepted)
	}
	fields := []zap.Field{
		zap.String("route", route),
		zap.Duration("for", report.For),
		accepted,
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
	for _, counted := range socketlog.Registry().OpenByRoute() {
		if counted.Site == site && counted.Route == route {
			return counted.Open
		}
	}
	return 0
}

// lastUse records when each key of the process was last accepted. It outlives configurations: otherwise every reload would
// make all keys look unused. It is not in a usage pool, which a configuration without a gate would empty.
var lastUse keys.LastUse

// processStarted is the beginning of that record.
var processStarted = time.Now()

// logUnused logs the keys that no client has used for a long time.
func (w *watch) logUnused(now time.Time) {
	w.gate.gate.Ring().Keys(func(route string, key keys.Key) {
		last, _ := lastUse.Last(key.ID())
		if sentence, unused := keys.UnusedWarning(key.Label, last, processStarted, now); unused {
			w.gate.logger.Info(sentence, zap.String("route", route))
		}
	})
}
