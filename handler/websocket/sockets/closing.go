package sockets

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A Close is done within a second: so long may each part of it take, counted from its beginning.
const (
	// boundaryTimeout is how long the application may take to end the frame that it is sending, and the client to take it.
	boundaryTimeout = 700 * time.Millisecond
	// closeTimeout is when the connection ends at the latest, whatever the client says to the Close frame.
	closeTimeout = 900 * time.Millisecond
)

// closing is one Close of a socket by the gate.
type closing struct {
	code          Code
	frame         []byte
	started       atomic.Bool
	deadlineNanos atomic.Int64 // when the connection must be over, in Unix nanoseconds
	result        atomic.Int32

	frameDone  chan struct{} // closed when the Close frame was written, or never will be
	clientDone chan struct{} // closed when the client has sent its own, or left
	done       chan struct{} // closed when the connection is over
	once       struct{ answered, done sync.Once }
}

// What became of the Close frame.
const (
	frameSent = iota + 1
	frameAbandoned
)

func newClosing(code Code, reason string) *closing {
	return &closing{
		code: code, frame: closeFrame(code, reason),
		frameDone: make(chan struct{}), clientDone: make(chan struct{}), done: make(chan struct{}),
	}
}

// setResult says what became of the Close frame, and reports whether nothing had been said before.
func (c *closing) setResult(result int32) bool {
	if !c.result.CompareAndSwap(0, result) {
		return false
	}
	close(c.frameDone)
	return true
}

func (c *closing) frameWasSent() bool  { return c.result.Load() == frameSent }
func (c *closing) hasResult() bool     { return c.result.Load() != 0 }
func (c *closing) setClientDone()      { c.once.answered.Do(func() { close(c.clientDone) }) }
func (c *closing) setDone()            { c.once.done.Do(func() { close(c.done) }) }
func (c *closing) deadline() time.Time { return time.Unix(0, c.deadlineNanos.Load()) }

func (c *closing) isDone() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// waitUntil waits for the event, and reports whether it came in time.
func waitUntil(event <-chan struct{}, until time.Time) bool {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-event:
		return true
	case <-timer.C:
		return false
	}
}

// Close sends a Close frame at the next boundary between frames of the application, then ends the connection. It returns
// at once. All is done within a second, also when the client does not read, or the application does not finish its
// frame: the connection then ends without a Close frame. Nothing of the application follows a Close frame. A handshake
// that is under way is given up. Only the first Close of a socket counts.
func (s *Socket) Close(code Code, reason string) { s.startClose(code, reason) }

func (s *Socket) startClose(code Code, reason string) (first bool) {
	c, l, first := s.beginClose(code, reason)
	if first && l != nil {
		go s.runClose(c, l)
	}
	return first
}

func (s *Socket) beginClose(code Code, reason string) (c *closing, l link, first bool) {
	c = newClosing(code, reason)
	c.deadlineNanos.Store(time.Now().Add(closeTimeout).UnixNano())
	if first = s.closing.CompareAndSwap(nil, c); !first {
		c = s.closing.Load()
	}
	s.state.Lock()
	l = s.link
	s.state.Unlock()
	if first {
		s.recordEnd(endedByGate, code)
		if l == nil {
			s.callOnClose()
		}
	}
	return c, l, first
}

// runClose closes the link.
func (s *Socket) runClose(c *closing, l link) {
	if c.started.Swap(true) {
		return // attach and Close have seen each other
	}
	c.deadlineNanos.Store(time.Now().Add(closeTimeout).UnixNano())
	giveUp := time.AfterFunc(boundaryTimeout, func() {
		if c.setResult(frameAbandoned) {
			l.abort()
		}
	})
	defer giveUp.Stop()
	s.trySendClose(c, l)
	<-c.frameDone
	l.finishClose(c)
	c.setDone()
}

// trySendClose writes the Close frame, unless a frame is under way: whoever writes the rest of that calls it again, and so
// does whoever holds writing now.
func (s *Socket) trySendClose(c *closing, l link) {
	if c.hasResult() || !s.writing.TryLock() {
		return
	}
	defer s.writing.Unlock()
	s.sendCloseLocked(c, l)
}

// sendCloseLocked does so with writing held.
func (s *Socket) sendCloseLocked(c *closing, l link) {
	switch {
	case c.hasResult():
	case s.ended, !s.head.active && !s.Opened():
		c.setResult(frameAbandoned) // there are no frames
	case s.head.active, !s.toClient.atBoundary():
	case s.toClient.closed:
		c.setResult(frameSent) // by the application; nothing may follow it (RFC 6455, 5.5.1)
	case l.writeAndFlush(c.frame) != nil:
		c.setResult(frameAbandoned)
	default:
		s.out.Add(int64(len(c.frame)))
		c.setResult(frameSent)
	}
}

// writeClosing writes what of p belongs to the frame under way, the Close frame behind it, and swallows the rest. Writing is
// held.
func (s *Socket) writeClosing(c *closing, l link, p []byte) (int, error) {
	s.sendCloseLocked(c, l)
	switch {
	case !c.hasResult():
	case c.frameWasSent() && !c.isDone():
		return len(p), nil
	default:
		return 0, net.ErrClosed
	}
	end := s.openFrameLength(p)
	n, err := l.writeRaw(p[:end])
	s.followSent(p[:n])
	if err != nil {
		return n, err
	}
	if s.sendCloseLocked(c, l); c.frameWasSent() {
		return len(p), nil
	}
	return n, nil
}

// openFrameLength is how much of p belongs to the frame under way, or to the head of the response before the first.
func (s *Socket) openFrameLength(p []byte) int {
	if s.head.active {
		ahead := s.head
		return ahead.skip(p)
	}
	ahead := s.toClient
	return ahead.advanceToBoundary(p)
}

// discardInput reads and drops what the client sends after the gate's Close frame, until its own comes or it leaves: a
// connection that is closed with bytes unread is reset, and the client may lose the Close frame over it. Whoever holds
// reading already comes here himself. err is that of the last read.
func (s *Socket) discardInput(c *closing, from io.Reader, buffer []byte, err error) {
	if !s.reading.TryLock() {
		return
	}
	defer s.reading.Unlock()
	if len(buffer) == 0 {
		buffer = make([]byte, 512)
	}
	for !s.fromClient.closed {
		if err != nil && !c.retryRead(from, err) {
			break
		}
		var n int
		n, err = from.Read(buffer)
		s.followReceived(buffer[:n])
	}
	c.setClientDone()
}

// retryRead reports whether err is but the deadline of somebody who did not know of the Close.
func (c *closing) retryRead(from io.Reader, err error) bool {
	conn, ok := from.(net.Conn)
	return ok && errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(c.deadline()) &&
		conn.SetReadDeadline(c.deadline()) == nil
}
