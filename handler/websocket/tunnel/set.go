package tunnel

import (
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// Set knows the open tunnels of a process. One goroutine looks at all of them once a tick while there are any: for
// writes that are stuck, sides that have gone silent, and ends that linger.
type Set struct {
	// FreeMemory is called when a burst of handshakes is over: see reclaimer. Default: [debug.FreeOSMemory]. Nil switches
	// reclaiming off. It must not be changed once there are tunnels.
	FreeMemory func()

	tick  time.Duration
	now   func() time.Time
	sleep func(time.Duration)

	mutex   sync.Mutex
	tunnels []*tunnel
	started int           // tunnels since the last tick
	stop    chan struct{} // ends the keeper; nil while none runs
}

// NewSet makes an empty pool that looks at its tunnels once a tick; 0 means once a second. All times that a [Config]
// gives are counted in ticks.
func NewSet(tick time.Duration) *Set {
	if tick <= 0 {
		tick = time.Second
	}
	return &Set{tick: tick, FreeMemory: debug.FreeOSMemory, now: time.Now, sleep: time.Sleep}
}

// Len is the number of open tunnels.
func (p *Set) Len() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return len(p.tunnels)
}

// ticks is a duration in looks of the keeper, at least one.
func (p *Set) ticks(d time.Duration) int {
	if d <= 0 {
		return 0
	}
	return max(1, int((d+p.tick-1)/p.tick))
}

func (p *Set) add(t *tunnel) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	t.index = len(p.tunnels)
	p.tunnels = append(p.tunnels, t)
	p.started++
	if p.stop == nil {
		p.stop = make(chan struct{})
		go p.inspectAll(p.stop)
	}
}

func (p *Set) remove(t *tunnel) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	last := len(p.tunnels) - 1
	p.tunnels[t.index] = p.tunnels[last]
	p.tunnels[t.index].index = t.index
	p.tunnels[last] = nil
	p.tunnels = p.tunnels[:last]
	if last == 0 {
		p.tunnels = nil // its array may be large after a burst
		close(p.stop)
		p.stop = nil
	}
}

func (p *Set) inspectAll(stop chan struct{}) {
	ticker := time.NewTicker(p.tick)
	defer ticker.Stop()
	var batch []*tunnel
	var reclaimer reclaimer
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			var begun int
			batch, begun = p.takeBatch(batch[:0], stop)
			reclaim := reclaimer.tick(begun, len(batch))
			if p.FreeMemory == nil {
				reclaim = reclaimNothing
			}
			if reclaim == reclaimMemory {
				go p.FreeMemory()
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

// takeBatch are the tunnels that the keeper with this stop is to look at, and how many were begun since it last asked: none where
// another has taken its place since the tick. What it remembers of a tunnel is no more than one keeper's to touch.
func (p *Set) takeBatch(into []*tunnel, stop chan struct{}) (tunnels []*tunnel, begun int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.stop != stop {
		return into, 0
	}
	begun, p.started = p.started, 0
	return append(into, p.tunnels...), begun
}

func (p *Set) all() []*tunnel {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return slices.Clone(p.tunnels)
}

// EndTimeout is how long Drain waits for tunnels after it has closed the last one. A socket takes a second to close at most.
const EndTimeout = 1200 * time.Millisecond

// Drain closes the tunnels to the host with the code 1001, in random order and spread evenly over the time, so that their
// clients do not all come back at once. A handshake that is under way and succeeds later is closed as it opens. Drain returns
// when all tunnels have ended, and at the latest EndTimeout after it has closed the last one.
func (p *Set) Drain(host *Host, over time.Duration) {
	host.draining.Store(true)
	var leaving []*tunnel
	for _, t := range p.all() {
		if t.host == host {
			leaving = append(leaving, t)
		}
	}
	rand.Shuffle(len(leaving), func(i, j int) { leaving[i], leaving[j] = leaving[j], leaving[i] })
	started := p.now()
	for i, t := range leaving {
		due := time.Duration(float64(over) * float64(i) / float64(len(leaving)))
		if wait := due - p.now().Sub(started); wait > time.Millisecond {
			p.sleep(wait)
		}
		t.goAway()
	}
	waitForEnds(leaving)
}

// waitForEnds waits until the tunnels have ended, for EndTimeout at most.
func waitForEnds(leaving []*tunnel) {
	late := time.NewTimer(EndTimeout)
	defer late.Stop()
	for _, t := range leaving {
		select {
		case <-t.done:
		case <-late.C:
			return
		}
	}
}
