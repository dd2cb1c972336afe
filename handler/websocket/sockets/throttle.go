package sockets

import (
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Rate limits what the client of one socket may send.
type Rate struct {
	// Messages is how many messages the client may send at once, and in each MessagePeriod after that. Both are required. All
	// frames of a message are one message. Control frames, such as pings, are none.
	Messages      int
	MessagePeriod time.Duration
	// Bytes is the same for bytes, with those of control frames and frame headers. Zero: no limit.
	Bytes      int
	BytePeriod time.Duration
	// Close closes the socket with 1008 when the client sends more. Default: the client is slowed.
	Close bool
	// Exceeded is called each time the client is slowed, and when the socket is closed. May be nil.
	Exceeded func()
}

// RateError is returned for a client that may not send more. The socket must be closed with Code and the error's text.
type RateError struct {
	Code Code
	text string
}

func (e *RateError) Error() string { return e.text }

var (
	errTooManyMessages = &RateError{CodePolicy, "too many messages"}
	errTooManyBytes    = &RateError{CodePolicy, "too many bytes"}
	errInvalidFrame    = &RateError{CodeProtocol, "invalid frame length"} // messages cannot be counted after it
)

// Throttle holds the bytes of a client back, as its Rate demands. One goroutine at a time may use it. The methods may be called
// on nil, which holds nothing back.
type Throttle struct {
	socket   *Socket
	rate     *Rate
	messages *rate.Limiter
	bytes    *rate.Limiter // nil without a limit

	frames  frames
	open    bool // a message has begun, and its last frame has not
	granted int  // bytes that may pass, but wait for a message

	timer   *time.Timer // nil until the client is slowed
	slowing atomic.Bool // the client is being slowed
	stops   atomic.Bool
	stopped chan struct{} // closed by stop
	held    atomic.Bool   // by the caller of HoldThrottle; see throttledReads otherwise

	reads throttledReads
}

func newThrottle(s *Socket, limit *Rate) *Throttle {
	if limit == nil {
		return nil
	}
	t := &Throttle{socket: s, rate: limit, messages: newLimiter(limit.Messages, limit.MessagePeriod), stopped: make(chan struct{})}
	if limit.Bytes > 0 {
		t.bytes = newLimiter(limit.Bytes, limit.BytePeriod)
	}
	return t
}

func newLimiter(burst int, period time.Duration) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(float64(burst)/period.Seconds()), burst)
}

// Take returns how many bytes of the client may go to the application now, at least one. It waits until one may. The caller must
// pass the bytes in order, and must pass those that remain again. The error is a *RateError, or [net.ErrClosed] once the socket
// is being closed.
func (t *Throttle) Take(p []byte) (int, error) {
	if t == nil || len(p) == 0 {
		return len(p), nil
	}
	for {
		n, wait, err := t.take(p, t.socket.registry.now())
		switch {
		case n > 0:
			return n, nil
		case err != nil:
			t.exceeded()
			return 0, err
		}
		if !t.slow(wait) {
			return 0, net.ErrClosed
		}
	}
}

// Slowing reports whether the client is being slowed.
func (t *Throttle) Slowing() bool { return t != nil && t.slowing.Load() }

// take returns how many bytes may pass. If none may, it returns how long to wait, or an error.
func (t *Throttle) take(p []byte, now time.Time) (n int, wait time.Duration, err error) {
	if t.bytes != nil {
		if t.granted == 0 {
			if t.granted, wait, err = t.grant(len(p), now); t.granted == 0 {
				return 0, wait, err
			}
		}
		p = p[:min(len(p), t.granted)]
		defer func() { t.granted -= n }()
	}
	for n < len(p) {
		if t.frames.atBoundary() && t.beginsMessage(p[n]) && !t.messages.AllowN(now, 1) {
			if n == 0 && t.rate.Close {
				return 0, 0, errTooManyMessages
			}
			return n, untilAllowed(t.messages, 1, now), nil
		}
		if t.frames.atBoundary() {
			t.followFrame(p[n])
		}
		if n += t.frames.step(p[n:]); t.frames.invalid {
			return 0, 0, errInvalidFrame
		}
	}
	return n, 0, nil
}

// maxPiece is how many bytes a slowed client gets through at once, unless its limit is lower.
const maxPiece = 4096

// grant returns how many of these bytes may pass.
func (t *Throttle) grant(bytes int, now time.Time) (granted int, wait time.Duration, err error) {
	if bytes <= t.bytes.Burst() && t.bytes.AllowN(now, bytes) {
		return bytes, 0, nil
	}
	if t.rate.Close {
		return 0, 0, errTooManyBytes
	}
	piece := min(bytes, maxPiece, t.bytes.Burst())
	if t.bytes.AllowN(now, piece) {
		return piece, 0, nil
	}
	return 0, untilAllowed(t.bytes, piece, now), nil
}

// untilAllowed returns when the limiter allows n. It rounds up, so that the next attempt succeeds.
func untilAllowed(limiter *rate.Limiter, n int, now time.Time) time.Duration {
	missing := float64(n) - limiter.TokensAt(now)
	return time.Duration(missing/float64(limiter.Limit())*float64(time.Second)) + time.Millisecond
}

// Opcodes of data frames are below 8 (RFC 6455, 5.2).
const (
	opcodeContinuation = 0x0
	firstControl       = 0x8
)

// beginsMessage reports whether a frame with this first byte begins a message. A continuation of nothing counts as one, since
// applications may accept it.
func (t *Throttle) beginsMessage(first byte) bool {
	opcode := first & opcodeBits
	return opcode < firstControl && (opcode != opcodeContinuation || !t.open)
}

// followFrame follows a frame with this first byte.
func (t *Throttle) followFrame(first byte) {
	if first&opcodeBits < firstControl {
		t.open = first&finBit == 0
	}
}

// slow waits. It returns false if the socket is being closed.
func (t *Throttle) slow(wait time.Duration) bool {
	if t.timer == nil {
		t.timer = time.NewTimer(wait)
	} else {
		t.timer.Reset(wait)
	}
	t.exceeded()
	t.slowing.Store(true)
	defer t.slowing.Store(false)
	select {
	case <-t.timer.C:
		t.socket.Touch() // a client that must wait is not idle
		return true
	case <-t.stopped:
		t.timer.Stop()
		return false
	}
}

func (t *Throttle) exceeded() {
	if t.rate.Exceeded != nil {
		t.rate.Exceeded()
	}
}

// stop ends a wait, for good.
func (t *Throttle) stop() {
	if t != nil && !t.stops.Swap(true) {
		close(t.stopped)
	}
}

// HoldThrottle returns the throttle of the socket, or nil if it has none. The caller must pass all bytes of the client through
// it. Without this call, reads from [Socket.Conn] and [Socket.Body] are slowed.
func (s *Socket) HoldThrottle() *Throttle {
	if s.throttle != nil {
		s.throttle.held.Store(true)
	}
	return s.throttle
}
