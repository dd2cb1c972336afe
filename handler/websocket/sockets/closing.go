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

// A Close takes at most a second. Both timeouts count from its start.
const (
	// boundaryTimeout is how long the application may take to finish the current frame, and the client to read it.
	boundaryTimeout = 700 * time.Millisecond
	// closeTimeout is when the connection is closed at the latest, whether or not the client responds to the Close frame.
	closeTimeout = 900 * time.Millisecond
)

// closing is the state of a socket that the gate closes.
type closing struct {
	code          Code
	reason        string
	frame         []byte
	started       atomic.Bool
	deadlineNanos atomic.Int64 // end of the connection at the latest, in Unix nanoseconds
	result        atomic.Int32

	frameDone  chan struct{} // closed when the Close frame was written or abandoned
	clientDone chan struct{} // closed when the client has sent its Close frame or disconnected
	done       chan struct{} // closed when the connection is closed
	once       struct{ answered, done sync.Once }
}

// Results of sending the Close frame.
const (
	frameSent = iota + 1
	frameAbandoned
)

func newClosing(code Code, reason string) *closing {
	return &closing{
		code: code, reason: reason, frame: closeFrame(code, reason),
		frameDone: make(chan struct{}), clientDone: make(chan struct{}), done: make(chan struct{}),
	}
}

// setResult records the result of sending the Close frame. It returns false if there is a result already.
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

// waitUntil waits for the event. It returns false if the deadline passes first.
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

// Close sends a Close frame at the next frame boundary of the application's messages, then closes the connection. It returns at
// once. The connection is closed within a second. If the client does not read, or the application does not finish its frame, no
// Close frame is sent. Nothing that the application sends follows the Close frame. An unfinished handshake is aborted. Only the
// first Close of a socket has an effect.
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
		s.throttle.stop()
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
		return // both attach and Close start it
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

// trySendClose writes the Close frame if no frame is incomplete and no other goroutine holds writing. Otherwise the goroutine
// that holds writing, or writes the rest of the frame, calls trySendClose again.
func (s *Socket) trySendClose(c *closing, l link) {
	if c.hasResult() || !s.writing.TryLock() {
		return
	}
	defer s.writing.Unlock()
	s.sendCloseLocked(c, l)
}

// sendCloseLocked writes the Close frame if no frame is incomplete. The caller holds writing.
func (s *Socket) sendCloseLocked(c *closing, l link) {
	switch {
	case c.hasResult():
	case s.ended, !s.head.active && !s.Opened():
		c.setResult(frameAbandoned) // the socket has no frames
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

// writeClosing writes the part of p that completes the current frame, then the Close frame, and drops the rest of p. The caller
// holds writing.
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

// openFrameLength returns how many bytes of p belong to the current frame, or to the response head before the first frame.
func (s *Socket) openFrameLength(p []byte) int {
	if s.head.active {
		ahead := s.head
		return ahead.skip(p)
	}
	ahead := s.toClient
	return ahead.advanceToBoundary(p)
}

// discardInput reads and drops what the client sends after the gate's Close frame, until the client sends its own Close frame
// or disconnects. It is needed because closing a connection with unread bytes resets it, and a reset may lose the Close frame.
// If another goroutine holds reading, that goroutine calls discardInput itself. err is the error of the last read.
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

// retryRead reports whether err is only a deadline set by a caller that did not know of the Close. It then extends the
// deadline.
func (c *closing) retryRead(from io.Reader, err error) bool {
	conn, ok := from.(net.Conn)
	return ok && errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(c.deadline()) &&
		conn.SetReadDeadline(c.deadline()) == nil
}
