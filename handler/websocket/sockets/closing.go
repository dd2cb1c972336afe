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
	// boundaryWait is how long the application may take to end the frame that it is sending, and the client to take it.
	boundaryWait = 700 * time.Millisecond
	// closeWithin is when the connection ends at the latest, whatever the client says to the Close frame.
	closeWithin = 900 * time.Millisecond
)

// closing is one Close of a socket by the gate.
type closing struct {
	code   Code
	frame  []byte
	begun  atomic.Bool
	until  atomic.Int64 // when the connection must be over, in Unix nanoseconds
	result atomic.Int32

	settled  chan struct{} // closed when the Close frame was written, or never will be
	answered chan struct{} // closed when the client has sent its own, or left
	done     chan struct{} // closed when the connection is over
	once     struct{ answered, done sync.Once }
}

// What became of the Close frame.
const (
	frameSent = iota + 1
	frameGivenUp
)

func newClosing(code Code, reason string) *closing {
	return &closing{
		code: code, frame: closeFrame(code, reason),
		settled: make(chan struct{}), answered: make(chan struct{}), done: make(chan struct{}),
	}
}

// settle says what became of the Close frame, and reports whether nothing had been said before.
func (c *closing) settle(result int32) bool {
	if !c.result.CompareAndSwap(0, result) {
		return false
	}
	close(c.settled)
	return true
}

func (c *closing) sent() bool     { return c.result.Load() == frameSent }
func (c *closing) decided() bool  { return c.result.Load() != 0 }
func (c *closing) answer()        { c.once.answered.Do(func() { close(c.answered) }) }
func (c *closing) finish()        { c.once.done.Do(func() { close(c.done) }) }
func (c *closing) end() time.Time { return time.Unix(0, c.until.Load()) }

func (c *closing) finished() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// wait waits for the event, and reports whether it came in time.
func wait(event <-chan struct{}, until time.Time) bool {
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
func (s *Socket) Close(code Code, reason string) { s.closeSoon(code, reason) }

func (s *Socket) closeSoon(code Code, reason string) (first bool) {
	c, l, first := s.beginClose(code, reason)
	if first && l != nil {
		go s.carryOut(c, l)
	}
	return first
}

func (s *Socket) beginClose(code Code, reason string) (c *closing, l link, first bool) {
	c = newClosing(code, reason)
	c.until.Store(time.Now().Add(closeWithin).UnixNano())
	if first = s.closing.CompareAndSwap(nil, c); !first {
		c = s.closing.Load()
	}
	s.state.Lock()
	l = s.link
	s.state.Unlock()
	if first {
		s.endedBy(byGate, code)
		if l == nil {
			s.release()
		}
	}
	return c, l, first
}

// carryOut closes the link.
func (s *Socket) carryOut(c *closing, l link) {
	if c.begun.Swap(true) {
		return // attach and Close have seen each other
	}
	c.until.Store(time.Now().Add(closeWithin).UnixNano())
	giveUp := time.AfterFunc(boundaryWait, func() {
		if c.settle(frameGivenUp) {
			l.abort()
		}
	})
	defer giveUp.Stop()
	s.sendClose(c, l)
	<-c.settled
	l.end(c)
	c.finish()
}

// sendClose writes the Close frame, unless a frame is under way: whoever writes the rest of that calls it again, and so
// does whoever holds writing now.
func (s *Socket) sendClose(c *closing, l link) {
	if c.decided() || !s.writing.TryLock() {
		return
	}
	defer s.writing.Unlock()
	s.sendCloseNow(c, l)
}

// sendCloseNow does so with writing held.
func (s *Socket) sendCloseNow(c *closing, l link) {
	switch {
	case c.decided():
	case s.over, !s.head.underWay && !s.Opened():
		c.settle(frameGivenUp) // there are no frames
	case s.head.underWay, !s.toClient.boundary():
	case s.toClient.closed:
		c.settle(frameSent) // by the application; nothing may follow it (RFC 6455, 5.5.1)
	case l.send(c.frame) != nil:
		c.settle(frameGivenUp)
	default:
		s.out.Add(int64(len(c.frame)))
		c.settle(frameSent)
	}
}

// writeLast writes what of p belongs to the frame under way, the Close frame behind it, and swallows the rest. Writing is
// held.
func (s *Socket) writeLast(c *closing, l link, p []byte) (int, error) {
	s.sendCloseNow(c, l)
	switch {
	case !c.decided():
	case c.sent() && !c.finished():
		return len(p), nil
	default:
		return 0, net.ErrClosed
	}
	end := s.openFrame(p)
	n, err := l.sendSome(p[:end])
	s.sent(p[:n])
	if err != nil {
		return n, err
	}
	if s.sendCloseNow(c, l); c.sent() {
		return len(p), nil
	}
	return n, nil
}

// openFrame is how much of p belongs to the frame under way, or to the head of the response before the first.
func (s *Socket) openFrame(p []byte) int {
	if s.head.underWay {
		ahead := s.head
		return ahead.skip(p)
	}
	ahead := s.toClient
	return ahead.toBoundary(p)
}

// discard reads and drops what the client sends after the gate's Close frame, until its own comes or it leaves: a
// connection that is closed with bytes unread is reset, and the client may lose the Close frame over it. Whoever holds
// reading already comes here himself. err is that of the last read.
func (s *Socket) discard(c *closing, from io.Reader, buffer []byte, err error) {
	if !s.reading.TryLock() {
		return
	}
	defer s.reading.Unlock()
	if len(buffer) == 0 {
		buffer = make([]byte, 512)
	}
	for !s.fromClient.closed {
		if err != nil && !c.readOn(from, err) {
			break
		}
		var n int
		n, err = from.Read(buffer)
		s.received(buffer[:n])
	}
	c.answer()
}

// readOn reports whether err is but the deadline of somebody who did not know of the Close.
func (c *closing) readOn(from io.Reader, err error) bool {
	conn, ok := from.(net.Conn)
	return ok && errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(c.end()) &&
		conn.SetReadDeadline(c.end()) == nil
}
