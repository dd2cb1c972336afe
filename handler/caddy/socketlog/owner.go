// Package socketlog keeps the process's registry of sockets, and logs and counts what happens to them: WSCONNECT,
// WSDISCONNECT, and the socket metrics.
package socketlog

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// registry holds the sockets of the process. A socket may outlive the configuration that admitted it, and
// every later one that could hold it in a usage pool.
var registry = sockets.NewRegistry(time.Now)

// Registry returns the registry of all sockets of the process.
func Registry() *sockets.Registry { return registry }

// Owner logs and counts the sockets of one gate, or of one tunnel without a gate. It implements [sockets.Owner].
type Owner struct {
	logger   *zap.Logger
	counters counters
	admitted func(info sockets.Info, now time.Time)
}

// NewOwner returns the owner of the sockets of these routes. hosts are the values of the metrics' label host. The route "", of
// requests that match no route, and the host "" are always included. admitted is called for each opened socket, after the socket
// was counted and before it is logged. admitted may be nil.
func NewOwner(logger *zap.Logger, routes, hosts []string, admitted func(info sockets.Info, now time.Time)) *Owner {
	return &Owner{logger: logger, counters: countersOf(append([]string{""}, routes...), hosts), admitted: admitted}
}

// Count counts the outcome of a handshake. The route and the host are those of NewOwner.
func (o *Owner) Count(route, host string, outcome gate.Outcome) {
	if counter := o.counters[routeHost{route, host}][outcome]; counter != nil {
		counter.Inc()
	}
}

// Opened implements sockets.Owner.
func (o *Owner) Opened(s *sockets.Socket) {
	info := s.Info()
	o.Count(info.Route, info.SiteHost, gate.Accepted)
	if o.admitted != nil {
		o.admitted(info, time.Now())
	}
	logOpened(o.currentLogger(), s.Snapshot())
}

// Ended implements sockets.Owner.
func (o *Owner) Ended(ended sockets.EndedEvent) {
	countEnded(ended)
	logEnded(o.currentLogger(), ended)
}

var (
	// live holds the owners of loaded configurations, in load order.
	live lifecycle.PerServer[*Owner]
	// last is the owner that left live empty: the newest owner of a process that is stopping.
	last atomic.Pointer[Owner]
)

// Start puts the owner into service.
func (o *Owner) Start() { live.Add(nil, o) }

// Stop takes the owner out of service. Its sockets are logged by the newest owner from then on, since Caddy closes the logs
// of an unloaded configuration.
func (o *Owner) Stop() {
	live.Remove(nil, o)
	for range live.All() {
		return
	}
	last.Store(o)
}

// currentLogger returns the owner's logger while the owner is in service, else the logger of the newest owner.
func (o *Owner) currentLogger() *zap.Logger {
	newest := last.Load()
	for owner := range live.All() {
		if owner == o {
			return o.logger
		}
		newest = owner
	}
	if newest == nil {
		newest = o
	}
	return newest.logger
}
