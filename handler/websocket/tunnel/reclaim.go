package tunnel

// reclaimer decides when the process gives memory back after a burst of handshakes, as after a restart.
//
// A burst leaves two things that idle sockets would keep for ever. The first is the garbage of handshakes, mostly of TLS: the
// collector lets it grow to the size of all that lives. The second is stacks: the runtime starts a goroutine with the stack size
// that was usual at the last collection, which in a burst is twice what a waiting socket needs. So after a burst the pool frees
// memory, replaces all goroutines of its tunnels, and frees what those have left.
//
// KB of an idle socket, of 3,000, with and without: 9.1 and 12.0 in cleartext, 17.8 and 32.4 with TLS. The price is two
// collections. With 6,000 sockets over TLS each takes about 30 ms, mostly beside other work; a message that is under way at
// that moment came up to 30 ms late on two cores, and 65 ms on one. [Set.FreeMemory] switches it off.
type reclaimer struct {
	started   int // tunnels since memory was last freed
	calmTicks int // ticks in a row with few new tunnels
	step      int // of the steps that follow a burst; 0: none
}

const (
	// minBurst is the number of handshakes after which a collection is worth its price. The price grows with the number
	// of sockets: at least a quarter of them must be new as well.
	minBurst = 500
	// minCalmTicks is how long a burst must have been over.
	minCalmTicks = 5
	// calmShare: in a calm tick at most one tunnel of this many is new. Some clients always come.
	calmShare = 200
)

// reclaim is what a tick does.
type reclaim int

const (
	reclaimNothing reclaim = iota
	reclaimMemory
	replaceGoroutines
)

// tick decides for one tick. Started is the number of tunnels that were started since the last tick.
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

// nextStep returns the next of three steps. The last one waits until the new goroutines have started.
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
