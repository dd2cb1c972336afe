package tunnel

import (
	"context"
	"errors"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

var errAllDrained = errors.New("all upstreams are drained: undrain one")

// drain is one drain of a host by the operator.
type drain struct {
	since  time.Time
	cancel context.CancelFunc // stops closing sockets
}

// Drained reports whether the operator has drained the host: it gets no new sockets.
func (h *Host) Drained() bool { return h.drained.Load() != nil }

// DrainedSince returns when the host was drained, or the zero time.
func (h *Host) DrainedSince() time.Time {
	if d := h.drained.Load(); d != nil {
		return d.since
	}
	return time.Time{}
}

// Undrain ends the drain: the host gets new sockets again. Sockets that are still open stay open. Undrain reports whether the
// host was drained.
func (h *Host) Undrain() bool {
	d := h.drained.Swap(nil)
	if d == nil {
		return false
	}
	d.cancel()
	return true
}

// StartDrain takes a host out of service: it gets no new sockets, and its open sockets are closed with the code 1012 in random
// order, spread evenly over the time. Their clients connect again, to another upstream. A second call takes the new time for
// the sockets that are left. StartDrain returns the number of open sockets, and does not wait for their end.
func (s *Set) StartDrain(host *Host, over time.Duration) (open int) {
	ctx, cancel := context.WithCancel(context.Background())
	next := &drain{since: s.now(), cancel: cancel}
	if previous := host.drained.Load(); previous != nil {
		next.since = previous.since
	}
	if previous := host.drained.Swap(next); previous != nil {
		previous.cancel()
	}
	tunnels := s.tunnelsTo(host) // a tunnel that is added later sees that the host is drained
	go s.closeSpread(ctx, tunnels, over, (*tunnel).restart)
	return len(tunnels)
}

// restart ends the tunnel because its upstream is drained.
func (t *tunnel) restart() {
	t.closeWith(sockets.CodeRestart, "the application restarts: connect again")
}

// Hosts returns the host of each open tunnel, by the ID of its socket.
func (s *Set) Hosts() map[uint64]*Host {
	hosts := make(map[uint64]*Host)
	for _, t := range s.all() {
		hosts[t.socket.Snapshot().ID] = t.host
	}
	return hosts
}
