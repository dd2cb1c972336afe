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

// Socket is one place in the registry, and the connection that holds it once its handshake has succeeded.
type Socket struct {
	registry *Registry
	info     Info
	id       uint64
	started  time.Time

	// The registry's mutex guards these.
	route     *routeCount
	due       int64 // when the sweeper must look at it, in Unix nanoseconds
	heapIndex int   // in the registry's heap
	// the session of the socket, nil for none; it stays the same while the socket is open
	session   *session
	inSession int // position in the session's sockets

	in, out         atomic.Int64
	active          atomic.Int64 // when bytes last went either way, in Unix nanoseconds
	endedBy         atomic.Uint32
	status          atomic.Int32
	opened          atomic.Bool
	detached        atomic.Bool
	survivesReloads atomic.Bool
	ignoresTraffic  atomic.Bool             // only Touch is activity
	closing         atomic.Pointer[closing] // nil until the gate closes it

	// writing is held while bytes go to the client, reading while they come, so that frames are followed in order.
	writing    sync.Mutex
	head       head
	toClient   frames
	reading    sync.Mutex
	fromClient frames

	// state guards what follows, and is never held while bytes go anywhere. Over is changed only while writing is held
	// too.
	state       sync.Mutex
	link        link // nil until the handshake is answered
	onClose     func()
	closeCalled bool
	ended       bool
}

// link is what carries the socket: a hijacked connection, or the stream of an extended CONNECT.
type link interface {
	// writeAndFlush writes bytes as they are, and out with them.
	writeAndFlush(p []byte) error
	// writeRaw writes bytes as they are.
	writeRaw(p []byte) (int, error)
	// finishClose ends the link after its Close frame, or without one, and returns at about c.until.
	finishClose(c *closing)
	// abort ends it at once, also under a write that the client holds up.
	abort()
}

// Snapshot is a socket at one moment.
type Snapshot struct {
	Info
	// ID tells it from every other socket of the process.
	ID uint64
	// Session is equal for the sockets of one session, and 0 without one. It says nothing about the session's value.
	Session uint64
	// Started is when its place was taken, before its handshake was handed on.
	Started time.Time
	// In is bytes from the client, Out bytes to it, frame headers included.
	In, Out int64
	// Active is when bytes last went either way, to about a second.
	Active time.Time
	// SurvivesReloads says that whoever carries it closes it when the process stops.
	SurvivesReloads bool
}

// EndedEvent is a socket that is over.
type EndedEvent struct {
	Snapshot
	Duration time.Duration
	// Code is that of the first Close frame that either side sent, [CodeNoStatus] if it had none, and [CodeAbnormal] if no
	// side sent any. Applications and clients may send what they like: it is no label for a metric as it is.
	Code Code
	// By is who ended it: client, application, gate, or transport where a connection broke off without a Close frame.
	By string
}

// Who may end a socket.
const (
	endedByClient = iota + 1
	endedByApplication
	endedByGate
	endedByTransport
)

var endedByNames = [...]string{endedByClient: "client", endedByApplication: "application", endedByGate: "gate", endedByTransport: "transport"}

// Info is what is known of the socket since its handshake.
func (s *Socket) Info() Info { return s.info }

// Snapshot is the socket now.
func (s *Socket) Snapshot() Snapshot {
	return Snapshot{
		Info: s.info, ID: s.id, Session: s.sessionID(), Started: s.started,
		In: s.in.Load(), Out: s.out.Load(), Active: time.Unix(0, s.active.Load()), SurvivesReloads: s.survivesReloads.Load(),
	}
}

// Status is the final status that went to the client, or 0 if none did yet.
func (s *Socket) Status() int { return int(s.status.Load()) }

// Opened reports whether the handshake has succeeded.
func (s *Socket) Opened() bool { return s.opened.Load() }

// Closed reports whether the gate has closed the socket, or given up its handshake, and with which code.
func (s *Socket) Closed() (code Code, closed bool) {
	if c := s.closing.Load(); c != nil {
		return c.code, true
	}
	return 0, false
}

// Detach says that the socket lives on when the handler returns. Who detaches must call End, and is told of a Close by
// the end of what it reads: what OnClose has set is let go, and the request with it.
func (s *Socket) Detach() {
	s.detached.Store(true)
	s.state.Lock()
	s.onClose = nil
	s.state.Unlock()
}

// Detached reports whether Detach was called.
func (s *Socket) Detached() bool { return s.detached.Load() }

// SurviveReloads says that the socket, once it is open, is kept through changes of the configuration, and closed when the process
// stops, by whoever carries it: [Registry.CloseOnReload] leaves it alone.
func (s *Socket) SurviveReloads() { s.survivesReloads.Store(true) }

// IgnoreTraffic makes [Socket.Touch] the only activity that [Info.IdleTimeout] counts. A carrier that sends pings of its own calls it,
// since neither these pings nor the answers to them are activity.
func (s *Socket) IgnoreTraffic() { s.ignoresTraffic.Store(true) }

// Touch records activity.
func (s *Socket) Touch() { s.active.Store(s.registry.clock.Load()) }

// touchByTraffic records activity because bytes went either way.
func (s *Socket) touchByTraffic() {
	if !s.ignoresTraffic.Load() {
		s.Touch()
	}
}

// OnClose sets what is called, once, when the gate has closed the socket and its Close frame is out, or its handshake
// is given up: it should end whatever still holds the connection to the application, such as the request's context.
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

// callOnClose calls what OnClose has set.
func (s *Socket) callOnClose() {
	s.state.Lock()
	f := s.onClose
	s.onClose, s.closeCalled = nil, true
	s.state.Unlock()
	if f != nil {
		f()
	}
}

// attach gives the socket its link.
func (s *Socket) attach(l link) {
	s.state.Lock()
	if s.ended {
		s.state.Unlock()
		return
	}
	s.link = l
	s.state.Unlock()
	if s.isWebSocket() {
		s.registry.setOpened(s)
	}
	if c := s.closing.Load(); c != nil {
		go s.runClose(c, l) // it was closed while the application made up its mind
	}
}

// isWebSocket reports whether the status is one that begins a WebSocket: 101, or 2xx on HTTP/2 and 3 (RFC 8441, 5).
func (s *Socket) isWebSocket() bool {
	status := s.Status()
	if s.overHTTP1() {
		return status == http.StatusSwitchingProtocols
	}
	return status >= 200 && status < 300
}

func (s *Socket) overHTTP1() bool { return s.info.Major <= 1 }

// recordStatus notes the final status.
func (s *Socket) recordStatus(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		s.status.CompareAndSwap(0, int32(status))
	}
}

// End frees the socket's place and tells the registry's hook if the socket was open. It may be called again. On HTTP/2
// and 3 it must be called before the handler returns: nothing is written to the stream after it.
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
	if c := s.closing.Load(); c != nil {
		c.setDone()
	}
	s.registry.remove(s)
	if s.Opened() && s.info.Owner != nil {
		s.info.Owner.Ended(s.endedEvent())
	}
}

func (s *Socket) endedEvent() EndedEvent {
	s.recordEnd(endedByTransport, CodeAbnormal)
	ending := s.endedBy.Load()
	return EndedEvent{
		Snapshot: s.Snapshot(),
		Duration: s.registry.now().Sub(s.started),
		Code:     Code(ending),
		By:       endedByNames[ending>>16],
	}
}

// recordEnd notes who ended the socket, if it is the first to be noted.
func (s *Socket) recordEnd(who uint32, code Code) { s.endedBy.CompareAndSwap(0, who<<16|uint32(code)) }

// read passes bytes of the client to the application. Once the gate's Close frame is out, what still comes is dropped.
func (s *Socket) read(from io.Reader, p []byte) (int, error) {
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
		return 0, io.EOF // the last that is waited for came with an earlier read
	}
	return s.readLocked(from, p)
}

// tryRead is read for a reader that does not block. It never waits for another goroutine either.
func (s *Socket) tryRead(from io.Reader, p []byte) (int, error) {
	if s.closing.Load() != nil || !s.reading.TryLock() {
		return 0, ErrClosing
	}
	n, err := s.readLocked(from, p)
	s.reading.Unlock()
	if s.closeFrameSent() {
		return 0, ErrClosing // what came is dropped
	}
	return n, err
}

// closeFrameSent reports whether the gate's Close frame is out.
func (s *Socket) closeFrameSent() bool {
	c := s.closing.Load()
	return c != nil && c.frameWasSent()
}

// readLocked reads with reading held.
func (s *Socket) readLocked(from io.Reader, p []byte) (int, error) {
	n, err := from.Read(p)
	s.followReceived(p[:n])
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		s.recordEnd(endedByTransport, CodeAbnormal)
	}
	return n, err
}

// followReceived follows bytes that came from the client. Reading is held.
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

// write passes bytes of the application to the client, and a Close frame that is due behind the frame under way.
func (s *Socket) write(l link, p []byte) (int, error) {
	n, err := s.writeLocked(l, p)
	if c := s.closing.Load(); c != nil {
		s.trySendClose(c, l) // its goroutine found writing held
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

// followSent follows bytes that went to the client. Writing is held.
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
		return // a refusal
	}
	s.toClient.advance(p)
	if s.toClient.closed {
		s.recordEnd(endedByApplication, s.toClient.closeCode())
	}
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
