package tunnel

import (
	"sync/atomic"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// inspection is the state of a tunnel at its last inspection.
type inspection struct {
	lingering   atomic.Bool // one direction has failed; the other may continue briefly
	lingerTicks int
	up          directionState
	down        directionState
}

// directionState is the state of one direction at its last inspection.
type directionState struct {
	readCount, writeCount uint32
	silentTicks           int  // ticks since the source sent anything; 0 while the direction's write is blocked
	slowedTicks           int  // ticks for which the source has been slowed, since its last ping
	writeBlocked          bool // the current write has taken at least a tick
	pingBlocked           bool // a ping to the sink waits behind bytes in the kernel's send queue
	stalledTicks          int  // ticks without progress while writeBlocked or pingBlocked
	queued                int  // bytes in the kernel's send queue at the last look
}

// inspect closes the tunnel after a timeout, and sends pings to silent sides. Anything that may block runs in another
// goroutine, so that one tunnel does not delay the others.
func (t *tunnel) inspect() {
	if up, down := t.inspection.up.update(&t.up), t.inspection.down.update(&t.down); up || down {
		t.socket.Touch()
	}
	t.shrinkSilent()
	switch {
	case t.lingersTooLong():
		go t.closeBoth()
	case t.inspection.down.stalledTicks >= t.limits.stuckTicks:
		t.socket.TimedOut(sockets.WriteTimeout)
		go t.closeBoth()
	case t.inspection.up.stalledTicks >= t.limits.stuckTicks:
		go t.closeWith(sockets.CodeTryLater, "the application does not read: "+retryAfter)
	case t.limits.pingTicks > 0:
		t.pingSilentSides()
	}
}

// shrinkTicks is how long a direction is silent before its goroutine is replaced.
const shrinkTicks = 2

func (t *tunnel) shrinkSilent() {
	if t.inspection.up.silentTicks >= shrinkTicks {
		t.up.shrinkStack()
	}
	if t.inspection.down.silentTicks >= shrinkTicks {
		t.down.shrinkStack()
	}
}

// replaceGoroutines moves both directions to new goroutines once they have been silent for shrinkTicks.
func (t *tunnel) replaceGoroutines() {
	t.up.stackGrown.Store(true)
	t.down.stackGrown.Store(true)
}

// update compares a direction with its last inspection. A source is not read during a write, or while it is slowed, so it is not
// silent then. A write makes progress while it takes bytes, or while the kernel's send queue changes.
func (w *directionState) update(d *direction) (progress bool) {
	came, went := d.readCount.Load(), d.writeCount.Load()
	w.writeBlocked = went%2 == 1 && went == w.writeCount
	slowing := d.throttle.Slowing()
	w.silentTicks++
	if came != w.readCount || w.writeBlocked || slowing {
		w.silentTicks = 0
	}
	if w.slowedTicks++; !slowing {
		w.slowedTicks = 0
	}
	w.readCount, w.writeCount = came, went
	w.pingBlocked = d.sinkPinger.blocked()
	if !w.writeBlocked && !w.pingBlocked {
		w.stalledTicks, w.queued = 0, 0
		return slowing
	}
	w.stalledTicks++
	last, queued := w.queued, sendQueue(d.sink)
	w.queued = queued
	if w.pingBlocked {
		d.sinkPinger.taken(last, queued)
	}
	// A queue that grows is progress only of a blocked write. Other writes fill the queue of a sink that takes nothing.
	if queued < last || queued > last && (w.writeBlocked || last == 0) {
		w.stalledTicks = 0
	}
	return w.writeBlocked && w.stalledTicks == 0
}

// lingersTooLong reports whether one direction has outlived the other for too long.
func (t *tunnel) lingersTooLong() bool {
	if t.inspection.lingering.Load() {
		t.inspection.lingerTicks++
		return t.inspection.lingerTicks > t.limits.lingerTicks
	}
	return t.halfClosed() && min(t.inspection.up.silentTicks, t.inspection.down.silentTicks) >= t.limits.stuckTicks
}

// pingSilentSides sends a ping to a side that was silent for pingTicks, and closes the tunnel after the same time again.
func (t *tunnel) pingSilentSides() {
	if t.halfClosed() {
		return
	}
	limit := t.limits.pingTicks
	if t.inspection.up.silentTicks >= limit {
		if t.pingTimedOut(&t.inspection.up, &t.inspection.down, t.down.sinkPinger) {
			t.socket.TimedOut(sockets.PingTimeout)
			go t.closeBoth()
			return
		}
		t.pingClient()
	}
	if t.inspection.up.slowedTicks >= limit {
		// A slowed client is not read, so only writes to it show that it is gone.
		t.inspection.up.slowedTicks = 0
		t.down.sinkPinger.awaitingPong.Store(false)
		t.pingClient()
	}
	if t.inspection.down.silentTicks >= limit {
		if t.pingTimedOut(&t.inspection.down, &t.inspection.up, t.up.sinkPinger) {
			go t.closeWith(sockets.CodeTryLater, "the application does not respond: "+retryAfter)
			return
		}
		t.pingApp()
	}
}

// pingTimedOut reports whether a ping was sent and pingTicks of silence followed it. toward is the state of the direction that
// carries the pings.
func (t *tunnel) pingTimedOut(side, toward *directionState, pings *pinger) bool {
	if !pings.awaitingPong.Load() || toward.writeBlocked || toward.pingBlocked {
		// The ping is still unsent, or waits behind data, so its timeout has not started. The write timeout counts.
		side.silentTicks = t.limits.pingTicks
		return false
	}
	return side.silentTicks >= 2*t.limits.pingTicks
}

// pingClient sends one ping in each period of silence.
func (t *tunnel) pingClient() {
	if !t.down.sinkPinger.awaitingPong.Load() {
		go func() {
			if t.down.sendPing() != nil {
				t.closeBoth()
			}
		}()
	}
}

// pingApp does the same for the application. The next read from it sees an error.
func (t *tunnel) pingApp() {
	if !t.up.sinkPinger.awaitingPong.Load() {
		go func() { _ = t.up.sendPing() }()
	}
}
