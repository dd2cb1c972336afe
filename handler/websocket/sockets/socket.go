package sockets

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Socket is an entry of the registry. After the handshake it wraps the client's connection.
type Socket struct {
	registry *Registry
	info     Info
	id       uint64
	started  time.Time

	// The registry's mutex guards these.
	route     *routeCount
	due       int64 // when the sweeper must check it, in Unix nanoseconds
	heapIndex int   // index in the registry's heap
	// the session of the socket, nil for none; it stays the same while the socket is open
	session   *session
	inSession int // position in the session's sockets

	in, out         atomic.Int64
	active          atomic.Int64 // time of the last bytes in either direction, in Unix nanoseconds
	endedBy         atomic.Uint32
	status          atomic.Int32
	opened          atomic.Bool
	detached        atomic.Bool
	survivesReloads atomic.Bool
	ignoresTraffic  atomic.Bool             // only Touch is activity
	closing         atomic.Pointer[closing] // nil until the gate closes the socket

	// writing is held while bytes go to the client, and reading while bytes come from it, so that frames are followed in order.
	writing    sync.Mutex
	head       head
	toClient   frames
	reading    sync.Mutex
	fromClient frames
	throttle   *Throttle // nil without a Rate

	// state guards the fields below. It is never held during a read or write. ended changes only while writing is held too.
	state       sync.Mutex
	link        link // nil until the handshake has a response
	onClose     func()
	closeCalled bool
	ended       bool
}

// link carries the bytes of a socket: a hijacked connection, or the stream of an extended CONNECT.
type link interface {
	// writeAndFlush writes and flushes bytes without following frames.
	writeAndFlush(p []byte) error
	// writeRaw writes bytes without following frames.
	writeRaw(p []byte) (int, error)
	// finishClose closes the link, with or without a Close frame, and returns at about the deadline of c.
	finishClose(c *closing)
	// abort resets the link at once, also while a write is blocked.
	abort()
}

// Snapshot is the state of a socket at one moment.
type Snapshot struct {
	Info
	// ID is unique in the process.
	ID uint64
	// Session is equal for the sockets of one session, and 0 without one. It says nothing about the session's value.
	Session uint64
	// Started is when the socket was reserved, before its handshake was forwarded.
	Started time.Time
	// In counts bytes from the client and Out bytes to it, including frame headers.
	In, Out int64
	// Active is the time of the last bytes in either direction, with a precision of about a second.
	Active time.Time
	// SurvivesReloads is set by [Socket.SurviveReloads].
	SurvivesReloads bool
}

// Info returns what was known of the socket at its handshake.
func (s *Socket) Info() Info { return s.info }

// Snapshot returns the current state.
func (s *Socket) Snapshot() Snapshot {
	return Snapshot{
		Info: s.info, ID: s.id, Session: s.sessionID(), Started: s.started,
		In: s.in.Load(), Out: s.out.Load(), Active: time.Unix(0, s.active.Load()), SurvivesReloads: s.survivesReloads.Load(),
	}
}

// Status returns the final status of the response, or 0 if there is none yet.
func (s *Socket) Status() int { return int(s.status.Load()) }

// Opened reports whether the handshake has succeeded.
func (s *Socket) Opened() bool { return s.opened.Load() }

// Closed reports whether the gate has closed the socket or aborted its handshake, and with which code.
func (s *Socket) Closed() (code Code, closed bool) {
	if c := s.closing.Load(); c != nil {
		return c.code, true
	}
	return 0, false
}

// Detach lets the socket outlive the handler. After Detach the caller must call End. A Close is seen as EOF on Read. Detach
// removes the function of OnClose, which may hold the request.
func (s *Socket) Detach() {
	s.detached.Store(true)
	s.state.Lock()
	s.onClose = nil
	s.state.Unlock()
}

// Detached reports whether Detach was called.
func (s *Socket) Detached() bool { return s.detached.Load() }

// SurviveReloads exempts the socket from [Registry.CloseOnReload]. The caller must close the socket when the process stops.
func (s *Socket) SurviveReloads() { s.survivesReloads.Store(true) }

// IgnoreTraffic makes [Socket.Touch] the only activity that [Info.IdleTimeout] counts. Tunnels that send pings call it, since
// their pings and the pongs are not activity.
func (s *Socket) IgnoreTraffic() { s.ignoresTraffic.Store(true) }

// Touch records activity.
func (s *Socket) Touch() { s.active.Store(s.registry.clock.Load()) }

// touchByTraffic records activity when bytes pass, unless IgnoreTraffic was called.
func (s *Socket) touchByTraffic() {
	if !s.ignoresTraffic.Load() {
		s.Touch()
	}
}

// OnClose sets a function that is called once, when the gate's Close frame is sent or the handshake is aborted. The function
// should end what still uses the connection to the application, such as the request's context.
func (s *Socket) OnClose(f func()) {
	s.state.Lock()
	late := s.closeCalled
	if !late && !s.ended {
		s.onClose = f
	}
	s.state.Unlock()
	if late {
		f()
	}
}

// callOnClose calls the function of OnClose.
func (s *Socket) callOnClose() {
	s.state.Lock()
	f := s.onClose
	s.onClose, s.closeCalled = nil, true
	s.state.Unlock()
	if f != nil {
		f()
	}
}

// attach sets the link.
func (s *Socket) attach(link link) {
	s.state.Lock()
	if s.ended {
		s.state.Unlock()
		return
	}
	s.link = link
	s.state.Unlock()
	if s.isWebSocket() {
		s.registry.setOpened(s)
	}
	if c := s.closing.Load(); c != nil {
		go s.runClose(c, link) // closed before the response
	}
}

// isWebSocket reports whether the status opens a WebSocket: 101, or 2xx on HTTP/2 and 3 (RFC 8441, 5).
func (s *Socket) isWebSocket() bool {
	status := s.Status()
	if s.overHTTP1() {
		return status == http.StatusSwitchingProtocols
	}
	return status >= 200 && status < 300
}

// Refused reports whether the response has a final status that opens no WebSocket.
func (s *Socket) Refused() bool { return s.Status() != 0 && !s.isWebSocket() }

func (s *Socket) overHTTP1() bool { return s.info.Major <= 1 }

// recordStatus records the final status.
func (s *Socket) recordStatus(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		s.status.CompareAndSwap(0, int32(status))
	}
}

// End removes the socket from the registry, and notifies the owner if the socket was open. It may be called again. On HTTP/2
// and 3 it must be called before the handler returns. Nothing is written to the stream after it.
func (s *Socket) End() {
	s.writing.Lock()
	s.state.Lock()
	wasEnded := s.ended
	s.ended, s.link, s.onClose = true, nil, nil
	s.state.Unlock()
	s.writing.Unlock()
	if wasEnded {
		return
	}
	s.throttle.stop()
	if c := s.closing.Load(); c != nil {
		c.setDone()
	}
	s.registry.remove(s)
	if s.Opened() && s.info.Owner != nil {
		s.info.Owner.Ended(s.endedEvent())
	}
}

// read passes bytes of the client to the application, at the rate of the socket.
func (s *Socket) read(from io.Reader, p []byte) (int, error) {
	if t := s.throttle; t != nil && !t.held.Load() {
		return t.read(from, p)
	}
	return s.readAll(from, p)
}

// readAll passes bytes of the client on. After the gate's Close frame it drops what still comes.
func (s *Socket) readAll(from io.Reader, p []byte) (int, error) {
	n, err := s.readUnlessClosed(from, p)
	if s.closeFrameSent() {
		s.discardInput(s.closing.Load(), from, p, err)
		return 0, io.EOF
	}
	return n, err
}

func (s *Socket) readUnlessClosed(from io.Reader, p []byte) (int, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	if s.fromClient.closed && s.closing.Load() != nil {
		return 0, io.EOF // the client's Close frame came with an earlier read
	}
	return s.readLocked(from, p)
}

// tryRead is read for a reader that does not block. It does not wait for other goroutines.
func (s *Socket) tryRead(from io.Reader, p []byte) (int, error) {
	if s.closing.Load() != nil || !s.reading.TryLock() {
		return 0, ErrClosing
	}
	n, err := s.readLocked(from, p)
	s.reading.Unlock()
	if s.closeFrameSent() {
		return 0, ErrClosing // the bytes are dropped
	}
	return n, err
}

// closeFrameSent reports whether the gate's Close frame was sent.
func (s *Socket) closeFrameSent() bool {
	c := s.closing.Load()
	return c != nil && c.frameWasSent()
}

// readLocked reads and follows the frames. The caller holds reading.
func (s *Socket) readLocked(from io.Reader, p []byte) (int, error) {
	n, err := from.Read(p)
	s.followReceived(p[:n])
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		s.recordEnd(endedByTransport, CodeAbnormal)
	}
	return n, err
}

// followReceived follows bytes that came from the client. The caller holds reading.
func (s *Socket) followReceived(p []byte) {
	if len(p) == 0 {
		return
	}
	s.in.Add(int64(len(p)))
	s.touchByTraffic()
	s.fromClient.advance(p)
	if s.fromClient.closed {
		s.recordEnd(endedByClient, s.fromClient.closeCode())
	}
}

// write passes bytes of the application to the client. A pending Close frame is sent after the current frame.
func (s *Socket) write(l link, p []byte) (int, error) {
	n, err := s.writeLocked(l, p)
	if c := s.closing.Load(); c != nil {
		s.trySendClose(c, l) // runClose found writing held
	}
	return n, err
}

func (s *Socket) writeLocked(l link, p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if c := s.closing.Load(); c != nil {
		return s.writeClosing(c, l, p)
	}
	n, err := l.writeRaw(p)
	s.followSent(p[:n])
	return n, err
}

// followSent follows bytes that went to the client. The caller holds writing.
func (s *Socket) followSent(p []byte) {
	if s.head.active {
		p = p[s.head.skip(p):]
		if s.head.active {
			return
		}
		s.recordStatus(s.head.status)
		if s.isWebSocket() {
			s.registry.setOpened(s)
		}
	}
	if len(p) == 0 {
		return
	}
	s.out.Add(int64(len(p)))
	s.touchByTraffic()
	if !s.Opened() {
		return // a rejection
	}
	s.toClient.advance(p)
	if s.toClient.closed {
		s.recordEnd(endedByApplication, s.toClient.closeCode())
	}
}

type contextKey struct{}

// NewContext returns a context that carries the socket.
func NewContext(ctx context.Context, s *Socket) context.Context {
	return context.WithValue(ctx, contextKey{}, s)
}

// FromContext returns the socket that ctx carries, or nil.
func FromContext(ctx context.Context) *Socket {
	s, _ := ctx.Value(contextKey{}).(*Socket)
	return s
}
