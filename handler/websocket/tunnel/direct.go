//go:build unix

package tunnel

import (
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// directSource reads from a connection that has nothing between itself and the kernel, or from TLS above a transport, at the
// moment that the kernel has bytes, and without asking it twice: a read that does not fill its buffer has emptied the
// connection, and more is told of by the next edge (epoll(7)). No edge may be lost over that. So it reads and hands on inside
// the wait of the runtime, which remembers an edge from its beginning to its end. Who closes the connection waits for it, and
// so for what is handed on.
type directSource struct {
	conn   net.Conn // for what may wait
	base   net.Conn // the kernel's, below conn
	raw    syscall.RawConn
	try    func(descriptor uintptr) bool
	socket sockets.Conn // conn, if it is a client's: its bytes pass by there
	below  *transport   // below the TLS of base; nil without TLS

	// unsure is set while an end might come with no edge of its own: behind bytes, in one edge with them. Then a connection is
	// empty when it says so.
	unsure     atomic.Bool
	descriptor int32 // valid inside the wait
	fresh      bool  // the goroutine has read nothing yet, and only looks, since its stack is to stay small
	look       look
	closing    bool // the gate closes the socket: all that is left to do is to read conn
	size       bufferSize

	sink func([]byte) error
	err  error // what ended the last wait
}

// newDirectSource reads conn, whose innermost known connection is base. It is nil where the connection does not allow it.
func newDirectSource(conn, base net.Conn) source {
	lowest, below := base, transportOf(base)
	if below != nil {
		lowest = below
	}
	raw, ok := rawConn(lowest)
	if !ok {
		return nil
	}
	s := &directSource{conn: conn, base: base, raw: raw, below: below, size: smallBuffer}
	_ = s.raw.Control(func(descriptor uintptr) { s.descriptor = int32(descriptor) })
	s.socket, _ = conn.(sockets.Conn)
	s.unsure.Store(true)
	s.try = s.tryOnce
	if below != nil {
		s.try = s.tryRecords
		below.source.Store(s)
	}
	return s
}

func (s *directSource) pump(sink func([]byte) error) error {
	if s.closing {
		return s.readConn(sink)
	}
	if s.fresh {
		s.look.asked = false
		if err := s.raw.Read(s.try); err != nil {
			return woken(s.base, err)
		}
		s.fresh = false
	}
	s.sink = sink
	if err := s.raw.Read(s.try); err != nil {
		err = woken(s.base, err)
		s.fresh = err == errWoken && (s.below == nil || s.below.empty) // or else TLS may have read ahead
		return err
	}
	if s.err == sockets.ErrClosing {
		s.closing = true
		return nil
	}
	return s.err
}

// tryOnce reads once and hands on. It reports whether the wait is over: at the end, or where another read comes first.
func (s *directSource) tryOnce(descriptor uintptr) bool {
	if s.fresh {
		return s.look.once(descriptor)
	}
	size := s.size
	buffer := takeBuffer(size)
	defer giveBuffer(size, buffer)
	n, err := s.readNow(*buffer)
	if err == os.ErrDeadlineExceeded {
		return false
	}
	if err == nil {
		s.size = size.next(n, largeBuffer)
		err = s.sink((*buffer)[:n])
	}
	s.err = err
	return err != nil || n == bufferBytes[size] || s.unsure.Load()
}

// tryRecords reads all that has come through TLS, and hands it on. It reports whether the wait is over, which only an error
// ends.
func (s *directSource) tryRecords(descriptor uintptr) bool {
	if s.fresh {
		return s.look.once(descriptor)
	}
	s.below.empty = false
	for s.err = nil; s.err == nil; {
		s.err = s.readRecords()
	}
	return s.err != os.ErrDeadlineExceeded
}

// readRecords fills a buffer as far as it goes. The last record may bring the end with it.
func (s *directSource) readRecords() (err error) {
	size := s.size
	buffer := takeBuffer(size)
	defer giveBuffer(size, buffer)
	n := 0
	for err == nil && n < len(*buffer) {
		var more int
		more, err = s.readNow((*buffer)[n:])
		n += more
	}
	s.size = size.next(n, largeBuffer)
	if n > 0 {
		if err := s.sink((*buffer)[:n]); err != nil {
			return err
		}
	}
	return err
}

func (s *directSource) readNow(p []byte) (int, error) {
	if s.socket != nil {
		return s.socket.ReadNow(s, p)
	}
	return s.Read(p)
}

// readConn reads in the ordinary way.
func (s *directSource) readConn(sink func([]byte) error) error {
	buffer := takeBuffer(tinyBuffer)
	defer giveBuffer(tinyBuffer, buffer)
	n, err := s.conn.Read(*buffer)
	if n > 0 {
		if err := sink((*buffer)[:n]); err != nil {
			return err
		}
	}
	return woken(s.base, err)
}

func (s *directSource) wake() { _ = s.base.SetReadDeadline(past) }

// Read does not wait. Where nothing is there, it says that the time for it is over.
func (s *directSource) Read(p []byte) (int, error) {
	if s.below != nil {
		return s.below.readNow(s.base, p)
	}
	return s.readDescriptor(p)
}

func (s *directSource) readDescriptor(p []byte) (int, error) {
	n, err := syscall.Read(int(s.descriptor), p)
	for err == syscall.EINTR {
		n, err = syscall.Read(int(s.descriptor), p)
	}
	switch {
	case err == syscall.EAGAIN:
		return 0, os.ErrDeadlineExceeded
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}
