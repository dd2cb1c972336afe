package tunnel

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// direction copies the bytes of one side to the other, in order.
type direction struct {
	source Source
	sink   io.Writer
	early  []byte // bytes that came before the tunnel was opened

	// writing is held while bytes go to the sink, so that frames follows them in order.
	writing sync.Mutex
	frames  frames
	sealed  bool // nothing may be written any more: a write has failed, or the tunnel has sent its Close frame

	// The inspection compares these counters. Each chunk adds 1 to readCount. Each write adds 1 to writeCount before and 1
	// after it, so writeCount is odd during a write.
	readCount  atomic.Uint32
	writeCount atomic.Uint32

	ended atomic.Bool // run has returned
	// closeSent is set when a Close frame from the source goes to the sink.
	closeSent  atomic.Bool
	stackGrown atomic.Bool // bytes have passed since its goroutine was started

	// touch records activity of the socket. Nil without ping: the socket then records it itself.
	touch func()
	// sinkPinger sends pings to the sink. sourcePinger removes the pongs of the source. Both are nil without ping.
	sinkPinger, sourcePinger *pinger

	// throttle holds back what a client sends too fast. It holds back nothing if nil.
	throttle *sockets.Throttle

	// discarding is set when the sink is gone. What the source still sends is read and dropped, so that the source can read the
	// last bytes from the other direction before its connection is reset.
	discarding bool
}

// run copies bytes until the source ends or either side fails. If the sink fails, the error is a writeError. After errWoken the
// caller must call run again.
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

// shrinkStack moves a silent direction to a new goroutine. The stack of a goroutine that has copied bytes is twice that of one
// that only waits, and the runtime never shrinks it to the minimum again.
func (d *direction) shrinkStack() {
	if d.stackGrown.Load() {
		d.stackGrown.Store(false)
		d.source.Wake()
	}
}

// discardInput reads and drops what the source still sends, until it ends.
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
	for len(chunk) > 0 && !d.discarding {
		n, err := d.throttle.Take(chunk)
		if err != nil {
			return &throttleError{err}
		}
		if err := d.pass(chunk[:n]); err != nil {
			return err
		}
		chunk = chunk[n:]
	}
	return nil
}

// pass removes the pongs to own pings, and sends the rest.
func (d *direction) pass(chunk []byte) error {
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

// send writes a chunk. A pending ping is sent at the first frame boundary. If a frame of the chunk must not pass, send writes
// the frames before it and returns an error.
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

// sendOpenFrame writes the part of a chunk that completes the current frame. It returns the length of that part.
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

// sendPingLocked sends a pending ping if the sink is at a frame boundary and has received no Close frame. The caller holds
// writing.
func (d *direction) sendPingLocked() error {
	if !d.frames.atBoundary() || d.frames.closed || !d.sinkPinger.pending.CompareAndSwap(true, false) {
		return nil
	}
	d.sinkPinger.ahead.Store(int64(sendQueue(d.sink)))
	d.sinkPinger.awaitingPong.Store(true)
	return d.write(d.sinkPinger.frame())
}

// sendPing sends a ping to the sink at the next frame boundary. It blocks while the sink reads nothing.
func (d *direction) sendPing() error {
	d.sinkPinger.pending.Store(true)
	if !d.writing.TryLock() {
		return nil
	}
	defer d.writing.Unlock()
	return d.sendPingLocked()
}

// sendCloseFrame sends the application a Close frame, unless a frame is incomplete or a Close frame was sent. It waits for a
// write in progress, whose deadline the caller sets. Nothing is written after it.
func (d *direction) sendCloseFrame() {
	d.writing.Lock()
	defer d.writing.Unlock()
	if !d.sealed && d.frames.atBoundary() && !d.frames.closed {
		_ = d.write(maskedFrame(finClose, binary.BigEndian.AppendUint16(nil, uint16(sockets.CodeGoingAway))))
	}
	d.sealed = true
}

// write writes to the sink. The caller holds writing.
func (d *direction) write(p []byte) error {
	if d.sealed {
		return &writeError{net.ErrClosed}
	}
	d.writeCount.Add(1)
	_, err := d.sink.Write(p)
	d.writeCount.Add(1)
	if err != nil {
		d.sealed = true // a frame may be incomplete
		return &writeError{err}
	}
	return nil
}
