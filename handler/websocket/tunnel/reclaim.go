package tunnel

// reclaimer decides when the process returns memory to the system after a burst of handshakes, as after a restart.
//
// A burst leaves two things that idle sockets would keep. The first is garbage of handshakes, mostly of TLS: the collector lets
// it grow to the size of the live heap. The second is stacks: the runtime starts goroutines with the stack size that was usual
// at the last collection, which in a burst is twice what a waiting socket needs. So after a burst the set frees memory,
// replaces all goroutines of its tunnels, and frees the old stacks.
//
// KB of an idle socket, of 3,000, with and without: 9.1 and 12.0 in cleartext, 17.8 and 32.4 with TLS. The cost is two
// collections. With 6,000 sockets over TLS each takes about 30 ms, mostly concurrent with other work. A message during the
// collection was up to 30 ms late on two cores, and 65 ms on one. [Set.FreeMemory] switches it off.
type reclaimer struct {
	started   int // tunnels since memory was last freed
	calmTicks int // consecutive ticks with few new tunnels
	step      int // current step after a burst; 0: none
}

const (
	// minBurst is the number of handshakes that justifies a collection. Its cost grows with the number of sockets, so at least
	// a quarter of them must be new.
	minBurst = 500
	// minCalmTicks is how long a burst must be over.
	minCalmTicks = 5
	// calmShare: in a calm tick at most one of this many tunnels is new. Some new clients always come.
	calmShare = 200
)

// reclaim is the action of a tick.
type reclaim int

const (
	reclaimNothing reclaim = iota
	reclaimMemory
	replaceGoroutines
)

// tick returns the action of one tick. started is the number of tunnels since the last tick.
func (r *reclaimer) tick(started, open int) reclaim {
	r.started += started
	if r.step > 0 {
		return r.nextStep()
	}
	r.calmTicks++
	if started > 1+open/calmShare {
		r.calmTicks = 0
	}
	if r.calmTicks < minCalmTicks || r.started < max(minBurst, open/4) {
		return reclaimNothing
	}
	return r.nextStep()
}

// nextStep returns the next of three actions. The last one waits until the new goroutines have started.
func (r *reclaimer) nextStep() reclaim {
	r.step++
	switch r.step {
	case 1:
		r.started = 0
		return reclaimMemory
	case 2:
		return replaceGoroutines
	case 2 + shrinkTicks:
		r.step = 0
		return reclaimMemory
	}
	return reclaimNothing
}
