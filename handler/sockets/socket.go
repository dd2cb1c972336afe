package sockets

import (
	"context"
	"encoding/binary"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// closeTimeout is how long a Close may wait for a boundary between frames, or for a client that does not read.
const closeTimeout = 700 * time.Millisecond

// lingerTimeout is how long the client may take to answer a Close frame before its connection goes.
const lingerTimeout = 200 * time.Millisecond

// Socket is one place in the registry, and the connection that holds it once its handshake has succeeded.
type Socket struct {
	registry *Registry
	info     Info
	id       uint64
	started  time.Time

	detached atomic.Bool
	in, out  atomic.Int64
	active   atomic.Int64 // when bytes last went either way, in nanoseconds
	status   atomic.Int32
	carrier  atomic.Pointer[transport] // nil until the handshake has succeeded
	closing  atomic.Pointer[[]byte]    // the Close frame that is to be sent
	written  chan struct{}             // closed when it was written
	answered chan struct{}             // closed when the client sent a Close frame, or broke off
	ended    chan struct{}             // closed by End
	through  sync.Once

	mutex    sync.Mutex // held while bytes go to the client, so that frames keep their order
	toClient frames
	injected bool // the gate's Close frame was written

	// state guards what follows. It is never held while anything is read or written.
	state      sync.Mutex
	fromClient frames
	onClose    func()
	closedBy   string
	code       Code // of the first Close frame, as far as it is known
	over       bool
}

// transport is what carries the socket: a hijacked connection, or an HTTP/2 or 3 stream.
type transport interface {
	io.Writer
	flush()
	setWriteDeadline(time.Time)
	closeWrite()
	close()
}

// Snapshot is a socket at one moment.
type Snapshot struct {
	Info
	ID      uint64
	Started time.Time
	// In is bytes from the client, Out bytes to it.
	In, Out int64
	// Active is when bytes last went either way, to about a second.
	Active time.Time
}

// Ended is a socket that is over.
type Ended struct {
	Snapshot
	Duration time.Duration
	// Code is that of the first Close frame either side sent, or CodeNone.
	Code Code
	// By is who ended it: client, application, gate, or transport where a connection broke off without a Close frame.
	By string
}

// Info is what is known of the socket since its handshake.
func (s *Socket) Info() Info { return s.info }

// Snapshot is the socket now.
func (s *Socket) Snapshot() Snapshot {
	return Snapshot{
		Info: s.info, ID: s.id, Started: s.started,
		In: s.in.Load(), Out: s.out.Load(), Active: time.Unix(0, s.active.Load()),
	}
}

// Status is the status that went to the client, or 0 if none did yet.
func (s *Socket) Status() int { return int(s.status.Load()) }

// Opened reports whether the handshake has succeeded.
func (s *Socket) Opened() bool { return s.carrier.Load() != nil }

// Detach says that the socket lives on when the handler returns. Who detaches must call End.
func (s *Socket) Detach() { s.detached.Store(true) }

// Detached reports whether Detach was called.
func (s *Socket) Detached() bool { return s.detached.Load() }

// OnClose sets what is called, once, when the socket is being closed from this side: it should end whatever still
// holds the connection to the application.
func (s *Socket) OnClose(f func()) {
	s.state.Lock()
	defer s.state.Unlock()
	s.onClose = f
}

// open is called when the handshake has succeeded.
func (s *Socket) open(t transport) {
	s.carrier.Store(&t)
	s.registry.hooks.Load().opened(s)
	if s.closing.Load() != nil {
		go s.finish(t) // Close came between the decision and now
	}
}

// Close sends a Close frame at the next boundary between frames, then ends the connection. It returns at once; all is
// done within a second, also when the client does not read or the application does not finish its frame (the
// connection ends without a Close frame then). A handshake that has not succeeded yet is given up.
func (s *Socket) Close(code Code, reason string) {
	frame := closeFrame(code, reason)
	if !s.closing.CompareAndSwap(nil, &frame) {
		return
	}
	// A write that a client holds up keeps the mutex: the deadline frees it.
	if t := s.carrier.Load(); t != nil {
		s.hurry(*t)
		go s.finish(*t)
		return
	}
	s.giveUp()
}

// hurry bounds the write that is under way, unless the socket is over and its carrier somebody else's.
func (s *Socket) hurry(t transport) {
	s.state.Lock()
	defer s.state.Unlock()
	if !s.over {
		t.setWriteDeadline(time.Now().Add(closeTimeout))
	}
}

// finish writes the Close frame, or waits for the application's own write to do it, and ends the connection.
func (s *Socket) finish(t transport) {
	s.mutex.Lock()
	if s.toClient.boundary() {
		s.inject(t)
	}
	injected := s.injected
	s.mutex.Unlock()
	if !injected {
		s.wait(s.written, closeTimeout)
	}
	t.closeWrite()
	s.wait(s.answered, lingerTimeout)
	t.close()
	s.giveUp()
}

// wait waits for an event, or for the end of the socket, for a while.
func (s *Socket) wait(event <-chan struct{}, atMost time.Duration) {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-event:
	case <-s.ended:
	case <-timer.C:
	}
}

// inject writes the Close frame. The mutex is held, and no frame is under way.
func (s *Socket) inject(t transport) {
	if s.injected {
		return
	}
	s.injected = true
	defer close(s.written)
	if !s.toClient.closeSeen && s.endedBy("gate", s.pendingCode()) {
		n, _ := t.Write(*s.closing.Load())
		t.flush()
		s.out.Add(int64(n))
	}
}

// endedBy notes who ended the socket, if it is the first to be noted, and reports whether the socket is still there.
func (s *Socket) endedBy(who string, code Code) bool {
	s.state.Lock()
	defer s.state.Unlock()
	if s.closedBy == "" {
		s.closedBy, s.code = who, code
	}
	return !s.over
}

func (s *Socket) pendingCode() Code {
	frame := *s.closing.Load()
	return Code(binary.BigEndian.Uint16(frame[2:]))
}

// giveUp tells whoever holds the connection to the application.
func (s *Socket) giveUp() {
	s.state.Lock()
	onClose := s.onClose
	s.onClose = nil
	s.state.Unlock()
	if onClose != nil {
		onClose()
	}
}

// write passes bytes of the application to the client, keeping a pending Close frame between its frames.
func (s *Socket) write(t transport, p []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.injected {
		return len(p), nil // nothing follows a Close frame (RFC 6455, 5.5.1)
	}
	if s.closing.Load() == nil {
		n, err := t.Write(p)
		s.sent(p[:n])
		return n, err
	}
	end, found := 0, s.toClient.boundary()
	if !found {
		ahead := s.toClient
		end, found = ahead.toBoundary(p)
	}
	n, err := t.Write(p[:end])
	s.sent(p[:n])
	if err != nil {
		return n, err
	}
	if found {
		s.inject(t)
	}
	return len(p), nil
}

// sent follows bytes that went to the client. The mutex is held.
func (s *Socket) sent(p []byte) {
	s.toClient.advance(p)
	if s.toClient.closeSeen && s.toClient.boundary() {
		s.endedBy("application", s.toClient.closeCode())
	}
	s.out.Add(int64(len(p)))
	s.active.Store(s.registry.clock.Load())
}

// received follows bytes that came from the client, and the end of them.
func (s *Socket) received(p []byte, err error) {
	if len(p) > 0 {
		s.in.Add(int64(len(p)))
		s.active.Store(s.registry.clock.Load())
	}
	if s.clientDone(p, err) {
		s.through.Do(func() { close(s.answered) })
	}
}

// clientDone follows what the client sent, and reports whether it sent a whole Close frame or broke off.
func (s *Socket) clientDone(p []byte, err error) bool {
	s.state.Lock()
	defer s.state.Unlock()
	s.fromClient.advance(p)
	closed := s.fromClient.closeSeen && s.fromClient.boundary()
	if s.closedBy == "" {
		switch {
		case closed:
			s.closedBy, s.code = "client", s.fromClient.closeCode()
		case err != nil:
			s.closedBy, s.code = "transport", CodeNone
		}
	}
	return closed || err != nil
}

// End frees the socket's place and tells the registry's hook, once. A socket whose handshake did not succeed only
// frees its place.
func (s *Socket) End() {
	s.state.Lock()
	if s.over {
		s.state.Unlock()
		return
	}
	s.over, s.onClose = true, nil
	close(s.ended)
	ended := Ended{Code: s.code, By: s.closedBy}
	s.state.Unlock()
	s.registry.remove(s)
	if !s.Opened() {
		return
	}
	if ended.By == "" {
		ended.By, ended.Code = "transport", CodeNone
	}
	ended.Snapshot = s.Snapshot()
	ended.Duration = s.registry.now().Sub(s.started)
	s.registry.hooks.Load().ended(ended)
}

// due reports whether the socket's time is up.
func (s *Socket) due(now time.Time) bool {
	return s.closing.Load() == nil && (s.past(now) || s.idle(now))
}

func (s *Socket) past(now time.Time) bool { return !s.info.Until.IsZero() && !now.Before(s.info.Until) }

func (s *Socket) idle(now time.Time) bool {
	return s.info.Idle > 0 && now.UnixNano()-s.active.Load() >= int64(s.info.Idle)
}

func (s *Socket) closeDue(now time.Time) {
	if s.past(now) {
		s.Close(s.info.UntilCode, s.info.UntilReason)
		return
	}
	s.Close(CodeGoingAway, "nothing was said for "+s.info.Idle.String())
}

type contextKey struct{}

// NewContext has ctx carry the socket.
func NewContext(ctx context.Context, s *Socket) context.Context {
	return context.WithValue(ctx, contextKey{}, s)
}

// FromContext is the socket that ctx carries, or nil.
func FromContext(ctx context.Context) *Socket {
	s, _ := ctx.Value(contextKey{}).(*Socket)
	return s
}
