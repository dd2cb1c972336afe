package tunnel

// A burst is many handshakes in a short time, as after a restart. It leaves two things behind that idle sockets would hold for
// ever. One is the garbage of the handshakes, TLS's most of all: the collector lets it grow to the size of all that lives, and
// keeps the room. The other is stacks: the runtime begins each goroutine with the size that the last collection found to be
// usual, which in a burst is that of handshakes, twice what a socket needs that waits. So when a burst is over, memory is given
// back, goroutines are begun anew, and what those have left is given back, too. With TLS and 6,000 sockets each costs a collection of some 30 ms, most of it
// beside the work; a socket that talks meanwhile waits for that long at the worst, once, on a machine of one core for twice that.
type burst struct {
	begun int // tunnels since memory was last given back
	calm  int // ticks in which few were begun
	step  int // of the steps that follow a burst; 0: none is under way
}

const (
	// smallestBurst is how many handshakes are worth a collection. It costs the more, the more sockets there are: a quarter of
	// them must be new, too.
	smallestBurst = 500
	// calmTicks is how long a burst must have been over.
	calmTicks = 5
	// fewShare is which part of all sockets may be begun in a tick of calm: somebody always comes.
	fewShare = 200
)

// relief is what a tick is to do.
type relief int

const (
	nothing relief = iota
	giveBack
	renew
)

// tick is told how many tunnels were begun since the last one, and how many are open.
func (b *burst) tick(begun, open int) relief {
	b.begun += begun
	if b.step > 0 {
		return b.nextStep()
	}
	b.calm++
	if begun > 1+open/fewShare {
		b.calm = 0
	}
	if b.calm < calmTicks || b.begun < max(smallestBurst, open/4) {
		return nothing
	}
	return b.nextStep()
}

// nextStep leaves the goroutines time to begin.
func (b *burst) nextStep() relief {
	b.step++
	switch b.step {
	case 1:
		b.begun = 0
		return giveBack
	case 2:
		return renew
	case 2 + coolTicks:
		b.step = 0
		return giveBack
	}
	return nothing
}
