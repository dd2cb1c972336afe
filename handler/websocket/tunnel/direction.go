package tunnel

import (
	"io"
	"sync"
	"sync/atomic"
)

// direction carries the bytes of one side to the other, in the order in which they came.
type direction struct {
	source Source
	sink   io.Writer
	early  []byte // came before the tunnel stood

	// writing is held while bytes go to the sink; frames follow those bytes.
	writing sync.Mutex
	frames  frames

	// What the keeper watches: chunks that came, and chunks that went, twice each: odd while one is on its way.
	readCount  atomic.Uint32
	writeCount atomic.Uint32

	ended atomic.Bool // run has returned
	// closeSent is set when a Close frame of the source goes to the sink
	closeSent  atomic.Bool
	stackGrown atomic.Bool // bytes went through since its goroutine was started

	// touch records activity of the socket. Nil without ping: then the socket sees it by itself.
	touch func()
	// sinkPinger keeps the pings that go to the sink, from the answers to those that went to the source. Nil without ping.
	sinkPinger, sourcePinger *pinger

	// discarding is set when the sink is gone: what the source still sends is read and dropped, so that its last words can
	// be read by the source before its connection is reset.
	discarding bool
}

// run carries bytes until the source ends, or either side fails. A failure of the sink is a writeError. After errWoken it
// is to be run again.
func (d *direction) run() error {
	err := d.forwardEarly()
	for sink := d.forward; err == nil; {
		err = d.source.Pump(sink)
	}
	d.ended.Store(err != errWoken)
	return err
}

func (d *direction) forwardEarly() error {
	early := d.early
	if len(early) == 0 {
		return nil
	}
	d.early = nil
	return d.forward(early)
}

// shrinkStack makes a silent direction continue in a new goroutine. The stack of a goroutine that has read and written is twice
// that of one that only waits, and the runtime never shrinks it to the smallest size again.
func (d *direction) shrinkStack() {
	if d.stackGrown.Load() {
		d.stackGrown.Store(false)
		d.source.Wake()
	}
}

// discardInput reads what the source still sends, until it ends.
func (d *direction) discardInput() {
	d.discarding = true
	sink := d.forward
	for err := error(nil); err == nil || err == errWoken; {
		err = d.source.Pump(sink)
	}
}

func (d *direction) forward(chunk []byte) error {
	d.readCount.Add(1)
	d.stackGrown.Store(true)
	if d.discarding {
		return nil
	}
	if d.sourcePinger == nil {
		return d.send(chunk)
	}
	d.sourcePinger.awaitingPong.Store(false)
	before, rest, err := d.sourcePinger.removePongs(chunk)
	if len(before) > 0 || len(rest) > 0 {
		d.touch()
	}
	if len(before) > 0 {
		if err := d.send(before); err != nil {
			return err
		}
	}
	if len(rest) > 0 {
		if err := d.send(rest); err != nil {
			return err
		}
	}
	return err
}

// send writes a chunk, with the ping that is due at the first frame boundary in it. Of a chunk that holds a frame which
// must not pass, it writes the frames before that.
func (d *direction) send(chunk []byte) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	if d.sinkPinger != nil && d.sinkPinger.pending.Load() {
		n, err := d.sendOpenFrame(chunk)
		if err != nil {
			return err
		}
		if err := d.sendPingLocked(); err != nil {
			return err
		}
		chunk = chunk[n:]
	}
	end, err := d.frames.skip(chunk)
	if err != nil {
		chunk = chunk[:max(end, 0)]
	}
	if d.frames.closed && !d.closeSent.Load() {
		d.closeSent.Store(true) // before the write, since the other side may respond at once
	}
	if len(chunk) > 0 {
		if err := d.write(chunk); err != nil {
			return err
		}
	}
	return err
}

// sendOpenFrame writes the part of a chunk that belongs to the frame which is open. It returns how much that is.
func (d *direction) sendOpenFrame(chunk []byte) (n int, err error) {
	for !d.frames.atBoundary() && n < len(chunk) {
		taken, err := d.frames.advance(chunk[n:])
		if err != nil {
			return n, err
		}
		n += taken
	}
	if n == 0 {
		return 0, nil
	}
	return n, d.write(chunk[:n])
}

// sendPingLocked sends the ping that is due, unless the sink is inside a frame, or has had its last. writing must be held.
func (d *direction) sendPingLocked() error {
	if !d.frames.atBoundary() || d.frames.closed || !d.sinkPinger.pending.CompareAndSwap(true, false) {
		return nil
	}
	d.sinkPinger.awaitingPong.Store(true)
	return d.write(d.sinkPinger.frame())
}

// sendPing has a ping sent to the sink as soon as may be. It blocks while the sink takes nothing.
func (d *direction) sendPing() {
	d.sinkPinger.pending.Store(true)
	if d.writing.TryLock() {
		// A failure is seen by whoever writes or reads next.
		_ = d.sendPingLocked()
		d.writing.Unlock()
	}
}

// sendCloseFrame sends the application a Close frame, unless a frame is under way, or it has had one.
func (d *direction) sendCloseFrame() {
	if !d.writing.TryLock() {
		return
	}
	defer d.writing.Unlock()
	if d.frames.atBoundary() && !d.frames.closed {
		d.frames.closed = true
		_ = d.write(maskedFrame(finClose, []byte{codeGoingAway >> 8, codeGoingAway & 0xff}))
	}
}

func (d *direction) write(p []byte) error {
	d.writeCount.Add(1)
	_, err := d.sink.Write(p)
	d.writeCount.Add(1)
	if err != nil {
		return &writeError{err}
	}
	return nil
}
