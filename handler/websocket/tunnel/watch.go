package tunnel

import "sync/atomic"

// watch is what the keeper remembers of a tunnel from one look to the next.
type watch struct {
	lingers atomic.Bool // one direction has failed: the other gets a little time
	linger  int
	up      sideWatch
	down    sideWatch
}

// sideWatch is what it remembers of one direction.
type sideWatch struct {
	came, went uint32
	silent     int // ticks since the source sent anything
	stuck      int // ticks that the present write has taken
}

// look ends the tunnel if something takes too long, and pings the sides that have been silent. What may block is left to
// another goroutine: one tunnel must not hold up the others.
func (t *tunnel) look() {
	t.watch.up.note(&t.up)
	t.watch.down.note(&t.down)
	t.shrinkSilent()
	switch {
	case t.overstays(), t.watch.down.stuck >= t.rules.stuckTicks:
		go t.shut()
	case t.watch.up.stuck >= t.rules.stuckTicks:
		go t.fail(codeInternal, "the application does not read")
	case t.rules.pingTicks > 0:
		t.lookForSilence()
	}
}

// shrinkTicks is how long a direction is silent before its goroutine is replaced.
const shrinkTicks = 2

func (t *tunnel) shrinkSilent() {
	if t.watch.up.silent >= shrinkTicks {
		t.up.shrinkStack()
	}
	if t.watch.down.silent >= shrinkTicks {
		t.down.shrinkStack()
	}
}

// replaceGoroutines makes both directions continue in new goroutines, once they have been silent for a while.
func (t *tunnel) replaceGoroutines() {
	t.up.stackGrown.Store(true)
	t.down.stackGrown.Store(true)
}

// note compares a direction with the last look.
func (w *sideWatch) note(d *direction) {
	came, went := d.came.Load(), d.went.Load()
	w.silent++
	if came != w.came {
		w.silent = 0
	}
	if writing := went%2 == 1; writing && went == w.went {
		w.stuck++
	} else {
		w.stuck = 0
	}
	w.came, w.went = came, went
}

// overstays reports whether one direction has outlived the other for too long.
func (t *tunnel) overstays() bool {
	if t.watch.lingers.Load() {
		t.watch.linger++
		return t.watch.linger > t.rules.lastTicks
	}
	return t.halfClosed() && min(t.watch.up.silent, t.watch.down.silent) >= t.rules.stuckTicks
}

// lookForSilence pings a side that has been silent for the time, and gives it up after the same time again.
func (t *tunnel) lookForSilence() {
	if t.halfClosed() {
		return
	}
	limit := t.rules.pingTicks
	if t.watch.up.silent >= limit {
		if t.gaveUp(&t.watch.up, t.down.to) {
			go t.shut()
			return
		}
		t.pingThrough(&t.down)
	}
	if t.watch.down.silent >= limit {
		if t.gaveUp(&t.watch.down, t.up.to) {
			go t.fail(codeInternal, "the application does not answer")
			return
		}
		t.pingThrough(&t.up)
	}
}

// gaveUp reports whether a ping has gone out and been followed by as much silence as came before it.
func (t *tunnel) gaveUp(side *sideWatch, pings *prober) bool {
	if !pings.sent.Load() {
		// The ping could not be sent yet: the time of its answer has not begun.
		side.silent = t.rules.pingTicks
		return false
	}
	return side.silent >= 2*t.rules.pingTicks
}

// pingThrough sends one ping for each silence.
func (t *tunnel) pingThrough(d *direction) {
	if !d.to.sent.Load() {
		go d.probe()
	}
}
