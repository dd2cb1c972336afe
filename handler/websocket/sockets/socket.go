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
	route *routeCount
	due   int64 // when the sweeper must look at it, in Unix nanoseconds
	place int   // in the registry's heap

	in, out  atomic.Int64
	active   atomic.Int64 // when bytes last went either way, in Unix nanoseconds
	ending   atomic.Uint32
	status   atomic.Int32
	opened   atomic.Bool
	detached atomic.Bool
	kept     atomic.Bool
	touched  atomic.Bool             // only Touch is activity
	closing  atomic.Pointer[closing] // nil until the gate closes it

	// writing is held while bytes go to the client, reading while they come, so that frames are followed in order.
	writing    sync.Mutex
	head       head
	toClient   frames
	reading    sync.Mutex
	fromClient frames

	// state guards what follows, and is never held while bytes go anywhere. Over is changed only while writing is held
	// too.
	state    sync.Mutex
	link     link // nil until the handshake is answered
	onClose  func()
	released bool
	over     bool
}

// link is what carries the socket: a hijacked connection, or the stream of an extended CONNECT.
type link interface {
	// send writes bytes as they are, and out with them.
	send(p []byte) error
	// sendSome writes bytes as they are.
	sendSome(p []byte) (int, error)
	// end ends the link after its Close frame, or without one, and returns at about c.until.
	end(c *closing)
	// abort ends it at once, also under a write that the client holds up.
	abort()
}

// Snapshot is a socket at one moment.
type Snapshot struct {
	Info
	// ID tells it from every other socket of the process.
	ID uint64
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
	byClient = iota + 1
	byApplication
	byGate
	byTransport
)

var enders = [...]string{byClient: "client", byApplication: "application", byGate: "gate", byTransport: "transport"}

// Info is what is known of the socket since its handshake.
func (s *Socket) Info() Info { return s.info }

// Snapshot is the socket now.
func (s *Socket) Snapshot() Snapshot {
	return Snapshot{
		Info: s.info, ID: s.id, Started: s.started,
		In: s.in.Load(), Out: s.out.Load(), Active: time.Unix(0, s.active.Load()), SurvivesReloads: s.kept.Load(),
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
func (s *Socket) SurviveReloads() { s.kept.Store(true) }

// IgnoreTraffic makes [Socket.Touch] the only activity that [Info.IdleTimeout] counts. A carrier that sends pings of its own calls it,
// since neither these pings nor the answers to them are activity.
func (s *Socket) IgnoreTraffic() { s.touched.Store(true) }

// Touch records activity.
func (s *Socket) Touch() { s.active.Store(s.registry.clock.Load()) }

// transferred records activity because bytes went either way.
func (s *Socket) transferred() {
	if !s.touched.Load() {
		s.Touch()
	}
}

// OnClose sets what is called, once, when the gate has closed the socket and its Close frame is out, or its handshake
// is given up: it should end whatever still holds the connection to the application, such as the request's context.
func (s *Socket) OnClose(f func()) {
	s.state.Lock()
	late := s.released
	if !late && !s.over {
		s.onClose = f
	}
	s.state.Unlock()
	if late {
		f()
	}
}

// release calls what OnClose has set.
func (s *Socket) release() {
	s.state.Lock()
	f := s.onClose
	s.onClose, s.released = nil, true
	s.state.Unlock()
	if f != nil {
		f()
	}
}

// attach gives the socket its link.
func (s *Socket) attach(l link) {
	s.state.Lock()
	if s.over {
		s.state.Unlock()
		return
	}
	s.link = l
	s.state.Unlock()
	if s.framed() {
		s.registry.opened(s)
	}
	if c := s.closing.Load(); c != nil {
		go s.carryOut(c, l) // it was closed while the application made up its mind
	}
}

// framed reports whether the status is one that begins a WebSocket: 101, or 2xx on HTTP/2 and 3 (RFC 8441, 5).
func (s *Socket) framed() bool {
	status := s.Status()
	if s.overHTTP1() {
		return status == http.StatusSwitchingProtocols
	}
	return status >= 200 && status < 300
}

func (s *Socket) overHTTP1() bool { return s.info.Major <= 1 }

// noteStatus notes the final status.
func (s *Socket) noteStatus(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		s.status.CompareAndSwap(0, int32(status))
	}
}

// End frees the socket's place and tells the registry's hook if the socket was open. It may be called again. On HTTP/2
// and 3 it must be called before the handler returns: nothing is written to the stream after it.
func (s *Socket) End() {
	s.writing.Lock()
	s.state.Lock()
	ended := s.over
	s.over, s.link, s.onClose = true, nil, nil
	s.state.Unlock()
	s.writing.Unlock()
	if ended {
		return
	}
	if c := s.closing.Load(); c != nil {
		c.finish()
	}
	s.registry.remove(s)
	if s.Opened() && s.info.Owner != nil {
		s.info.Owner.Ended(s.obituary())
	}
}

func (s *Socket) obituary() EndedEvent {
	s.endedBy(byTransport, CodeAbnormal)
	ending := s.ending.Load()
	return EndedEvent{
		Snapshot: s.Snapshot(),
		Duration: s.registry.now().Sub(s.started),
		Code:     Code(ending),
		By:       enders[ending>>16],
	}
}

// endedBy notes who ended the socket, if it is the first to be noted.
func (s *Socket) endedBy(who uint32, code Code) { s.ending.CompareAndSwap(0, who<<16|uint32(code)) }

// read passes bytes of the client to the application. Once the gate's Close frame is out, what still comes is dropped.
func (s *Socket) read(from io.Reader, p []byte) (int, error) {
	n, err := s.readSome(from, p)
	if s.saidLast() {
		s.discard(s.closing.Load(), from, p, err)
		return 0, io.EOF
	}
	return n, err
}

func (s *Socket) readSome(from io.Reader, p []byte) (int, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	if s.fromClient.closed && s.closing.Load() != nil {
		return 0, io.EOF // the last that is waited for came with an earlier read
	}
	return s.readOnce(from, p)
}

// tryRead is read for a reader that does not block. It never waits for another goroutine either.
func (s *Socket) tryRead(from io.Reader, p []byte) (int, error) {
	if s.closing.Load() != nil || !s.reading.TryLock() {
		return 0, ErrClosing
	}
	n, err := s.readOnce(from, p)
	s.reading.Unlock()
	if s.saidLast() {
		return 0, ErrClosing // what came is dropped
	}
	return n, err
}

// saidLast reports whether the gate's Close frame is out.
func (s *Socket) saidLast() bool {
	c := s.closing.Load()
	return c != nil && c.sent()
}

// readOnce reads with reading held.
func (s *Socket) readOnce(from io.Reader, p []byte) (int, error) {
	n, err := from.Read(p)
	s.received(p[:n])
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		s.endedBy(byTransport, CodeAbnormal)
	}
	return n, err
}

// received follows bytes that came from the client. Reading is held.
func (s *Socket) received(p []byte) {
	if len(p) == 0 {
		return
	}
	s.in.Add(int64(len(p)))
	s.transferred()
	s.fromClient.advance(p)
	if s.fromClient.closed {
		s.endedBy(byClient, s.fromClient.closeCode())
	}
}

// write passes bytes of the application to the client, and a Close frame that is due behind the frame under way.
func (s *Socket) write(l link, p []byte) (int, error) {
	n, err := s.writeSome(l, p)
	if c := s.closing.Load(); c != nil {
		s.sendClose(c, l) // its goroutine found writing held
	}
	return n, err
}

func (s *Socket) writeSome(l link, p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if c := s.closing.Load(); c != nil {
		return s.writeLast(c, l, p)
	}
	n, err := l.sendSome(p)
	s.sent(p[:n])
	return n, err
}

// sent follows bytes that went to the client. Writing is held.
func (s *Socket) sent(p []byte) {
	if s.head.underWay {
		p = p[s.head.skip(p):]
		if s.head.underWay {
			return
		}
		s.noteStatus(s.head.status)
		if s.framed() {
			s.registry.opened(s)
		}
	}
	if len(p) == 0 {
		return
	}
	s.out.Add(int64(len(p)))
	s.transferred()
	if !s.Opened() {
		return // a refusal
	}
	s.toClient.advance(p)
	if s.toClient.closed {
		s.endedBy(byApplication, s.toClient.closeCode())
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
