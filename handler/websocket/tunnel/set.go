package tunnel

import (
	"context"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// Set holds the open tunnels of a process. While there are any, one goroutine inspects them once a tick, for blocked writes,
// silent sides, and half-closed tunnels.
type Set struct {
	// FreeMemory is called after a burst of handshakes, see reclaimer. Default: [debug.FreeOSMemory]. Nil switches reclaiming
	// off. It must not be changed once there are tunnels.
	FreeMemory func()

	tick  time.Duration
	now   func() time.Time
	sleep func(context.Context, time.Duration) bool // as sleepContext

	mutex   sync.Mutex
	tunnels []*tunnel
	started int           // tunnels since the last tick
	stop    chan struct{} // ends the inspecting goroutine; nil while none runs
}

// NewSet returns an empty set that inspects its tunnels once a tick. 0 means once a second. All times of a [Config] are rounded
// up to ticks.
func NewSet(tick time.Duration) *Set {
	if tick <= 0 {
		tick = time.Second
	}
	return &Set{tick: tick, FreeMemory: debug.FreeOSMemory, now: time.Now, sleep: sleepContext}
}

// Len returns the number of open tunnels.
func (s *Set) Len() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return len(s.tunnels)
}

// ticks converts a duration to ticks, at least one.
func (s *Set) ticks(d time.Duration) int {
	if d <= 0 {
		return 0
	}
	return max(1, int((d+s.tick-1)/s.tick))
}

func (s *Set) add(t *tunnel) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	t.index = len(s.tunnels)
	s.tunnels = append(s.tunnels, t)
	s.started++
	if s.stop == nil {
		s.stop = make(chan struct{})
		go s.inspectAll(s.stop)
	}
}

func (s *Set) remove(t *tunnel) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	last := len(s.tunnels) - 1
	s.tunnels[t.index] = s.tunnels[last]
	s.tunnels[t.index].index = t.index
	s.tunnels[last] = nil
	s.tunnels = s.tunnels[:last]
	if last == 0 {
		s.tunnels = nil // its array may be large after a burst
		close(s.stop)
		s.stop = nil
	}
}

func (s *Set) inspectAll(stop chan struct{}) {
	ticker := time.NewTicker(s.tick)
	defer ticker.Stop()
	var batch []*tunnel
	var reclaimer reclaimer
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			var started int
			batch, started = s.takeBatch(batch[:0], stop)
			reclaim := reclaimer.tick(started, len(batch))
			if s.FreeMemory == nil {
				reclaim = reclaimNothing
			}
			if reclaim == reclaimMemory {
				go s.FreeMemory()
			}
			for i, t := range batch {
				if reclaim == replaceGoroutines {
					t.replaceGoroutines()
				}
				t.inspect()
				batch[i] = nil
			}
		}
	}
}

// takeBatch returns the tunnels to inspect, and how many were started since the last tick. It returns none if another goroutine
// has replaced the caller's, since only one may use the inspection state of a tunnel.
func (s *Set) takeBatch(into []*tunnel, stop chan struct{}) (tunnels []*tunnel, started int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.stop != stop {
		return into, 0
	}
	started, s.started = s.started, 0
	return append(into, s.tunnels...), started
}

func (s *Set) all() []*tunnel {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.tunnels)
}

// EndTimeout is how long Drain waits after it has closed the last tunnel. A socket takes at most a second to close.
const EndTimeout = 1200 * time.Millisecond

// Drain closes the tunnels to the host with code 1001 and the reason, in random order and evenly spread over the time, so that clients do not
// reconnect all at once. Unfinished handshakes are closed as soon as they succeed. Drain returns when all tunnels have ended,
// but not later than EndTimeout after closing the last one.
func (s *Set) Drain(host *Host, over time.Duration, reason string) {
	host.draining.Store(&reason)
	draining := s.tunnelsTo(host)
	s.closeSpread(context.Background(), draining, over, (*tunnel).goAway)
	waitForEnds(draining)
}

// tunnelsTo returns the tunnels to the host in random order.
func (s *Set) tunnelsTo(host *Host) []*tunnel {
	tunnels := slices.DeleteFunc(s.all(), func(t *tunnel) bool { return t.host != host })
	rand.Shuffle(len(tunnels), func(i, j int) { tunnels[i], tunnels[j] = tunnels[j], tunnels[i] })
	return tunnels
}

// closeSpread closes tunnels evenly spread over the time, until ctx ends.
func (s *Set) closeSpread(ctx context.Context, tunnels []*tunnel, over time.Duration, closeTunnel func(*tunnel)) {
	started := s.now()
	for i, t := range tunnels {
		due := time.Duration(float64(over) * float64(i) / float64(len(tunnels)))
		if wait := due - s.now().Sub(started); wait > time.Millisecond && !s.sleep(ctx, wait) || ctx.Err() != nil {
			return
		}
		closeTunnel(t)
	}
}

// waitForEnds waits until the tunnels have ended, or for EndTimeout.
func waitForEnds(tunnels []*tunnel) {
	late := time.NewTimer(EndTimeout)
	defer late.Stop()
	for _, t := range tunnels {
		select {
		case <-t.done:
		case <-late.C:
			return
		}
	}
}
