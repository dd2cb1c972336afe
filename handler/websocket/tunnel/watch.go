package tunnel

import "sync/atomic"

// watch is what the keeper remembers of a tunnel from one look to the next.
type watch struct {
	lingers atomic.Bool // one direction has failed: the other gets a little time
	linger  int
	up      sideWatch
	down    sideWatch
}

// sideWatch is what the keeper remembers of one direction.
type sideWatch struct {
	came, went uint32
	silent     int  // ticks since the source sent anything; 0 while a write holds the direction up
	held       bool // the present write has taken a tick at least
	stuck      int  // ticks in which the present write made no progress
	queued     int  // bytes in the kernel's send queue, while held
}

// look ends the tunnel if something takes too long, and pings the sides that have been silent. What may block is left to
// another goroutine: one tunnel must not hold up the others.
func (t *tunnel) look() {
	if up, down := t.watch.up.note(&t.up), t.watch.down.note(&t.down); up || down {
		t.socket.Touch()
	}
	t.shrinkSilent()
	switch {
	case t.overstays(), t.watch.down.stuck >= t.rules.stuckTicks:
		go t.shut()
	case t.watch.up.stuck >= t.rules.stuckTicks:
		go t.fail(codeTryLater, "the application does not read: "+retryAfter)
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

// note compares a direction with the last look. A source whose bytes wait for a write is not read, so it is not silent. A write
// makes progress while it takes bytes, or while the kernel's send queue changes.
func (w *sideWatch) note(d *direction) (progress bool) {
	came, went := d.came.Load(), d.went.Load()
	w.held = went%2 == 1 && went == w.went
	w.silent++
	if came != w.came || w.held {
		w.silent = 0
	}
	w.came, w.went = came, went
	if !w.held {
		w.stuck, w.queued = 0, 0
		return false
	}
	w.stuck++
	if queued := sendQueue(d.sink); queued != w.queued {
		w.stuck, w.queued = 0, queued
		return true
	}
	return false
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
		if t.gaveUp(&t.watch.up, &t.watch.down, t.down.to) {
			go t.shut()
			return
		}
		t.pingThrough(&t.down)
	}
	if t.watch.down.silent >= limit {
		if t.gaveUp(&t.watch.down, &t.watch.up, t.up.to) {
			go t.fail(codeTryLater, "the application does not answer: "+retryAfter)
			return
		}
		t.pingThrough(&t.up)
	}
}

// gaveUp reports whether a ping was sent and followed by as much silence as came before it. Toward is the direction that carries
// the pings.
func (t *tunnel) gaveUp(side, toward *sideWatch, pings *prober) bool {
	if !pings.sent.Load() || toward.held {
		// The ping was not sent, or waits behind data: the time of its answer has not begun.
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
