//go:build unix

package directread

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
	"github.com/scan2food/usher/handler/websocket/tunnel/buffers"
)

// Source reads one connection.
type Source struct {
	reader *Reader
	conn   net.Conn        // for reads that may block
	base   net.Conn        // below conn, without wrappers
	raw    syscall.RawConn // the TCP or Unix connection
	try    func(uintptr) bool
	socket sockets.Conn // conn, if it is a client's socket
	tcp    *transport   // below the TLS of base; nil without TLS

	// mayEnd is set while an end may come in one edge with bytes. A short read then proves nothing: the connection is empty
	// only when a read finds nothing.
	mayEnd     atomic.Bool
	watched    bool  // by the reader's hangupPoller
	descriptor int32 // valid while raw waits
	fresh      bool  // the goroutine has not read yet: it peeks first, so that its stack stays small while it waits
	peeked     bool
	closing    bool // the gate is closing the socket: only ordinary reads are possible
	size       buffers.Size

	sink func([]byte) error
	err  error // result of the last wait
}

// Source returns a source that reads conn. Base is the connection below all wrappers. It returns nil for connections that
// cannot be read directly.
func (r *Reader) Source(conn, base net.Conn) *Source {
	lowest, tcp := base, transportOf(base)
	if tcp != nil {
		lowest = tcp
	}
	raw, ok := rawConn(lowest)
	if !ok {
		return nil
	}
	s := &Source{reader: r, conn: conn, base: base, raw: raw, tcp: tcp, size: buffers.Small}
	_ = raw.Control(func(descriptor uintptr) { s.descriptor = int32(descriptor) })
	s.socket, _ = conn.(sockets.Conn)
	s.mayEnd.Store(true)
	s.try = s.tryRead
	if tcp != nil {
		s.try = s.tryReadTLS
		tcp.source.Store(s)
	}
	return s
}

// rawConn returns the descriptor of a connection with no layer above the kernel except transport.
func rawConn(conn net.Conn) (syscall.RawConn, bool) {
	if t, ok := conn.(*transport); ok {
		conn = t.TCPConn
	}
	switch conn.(type) {
	case *net.TCPConn, *net.UnixConn:
		raw, err := conn.(syscall.Conn).SyscallConn()
		return raw, err == nil
	}
	return nil, false
}

// transportOf returns the transport below a TLS connection, or nil.
func transportOf(conn net.Conn) *transport {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	t, _ := secure.NetConn().(*transport)
	return t
}

// Pump waits for bytes and passes them to sink, once or several times. It returns the error of sink or of the connection, and
// [os.ErrDeadlineExceeded] itself after Wake.
func (s *Source) Pump(sink func([]byte) error) error {
	if !s.watched {
		s.reader.watch(s)
	}
	err := s.pump(sink)
	if err != nil && err != os.ErrDeadlineExceeded {
		s.reader.forget(s)
	}
	return err
}

func (s *Source) pump(sink func([]byte) error) error {
	if s.closing {
		return s.readConn(sink)
	}
	if s.fresh {
		s.peeked = false
		if err := s.raw.Read(s.try); err != nil {
			return s.clearWake(err)
		}
		s.fresh = false
	}
	s.sink = sink
	if err := s.raw.Read(s.try); err != nil {
		err = s.clearWake(err)
		s.fresh = err == os.ErrDeadlineExceeded && (s.tcp == nil || s.tcp.empty) // TLS may have buffered bytes
		return err
	}
	if s.err == sockets.ErrClosing {
		s.closing = true
		return nil
	}
	return s.err
}

// pastDeadline ends a wait at once.
var pastDeadline = time.Unix(1, 0)

// Wake makes a waiting Pump return os.ErrDeadlineExceeded.
func (s *Source) Wake() { _ = s.base.SetReadDeadline(pastDeadline) }

// clearWake returns os.ErrDeadlineExceeded for a wait that Wake has ended, and removes the deadline.
func (s *Source) clearWake(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	if err := s.base.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	return os.ErrDeadlineExceeded
}

// tryRead reads once and passes the bytes on. It returns true to end the wait: at EOF, and if another read must follow.
func (s *Source) tryRead(descriptor uintptr) bool {
	if s.fresh {
		return s.tryPeek(descriptor)
	}
	size := s.size
	buffer := buffers.Take(size)
	defer buffers.Give(size, buffer)
	n, err := s.readSocket(*buffer)
	if err == os.ErrDeadlineExceeded {
		return false
	}
	if err == nil {
		s.size = size.Next(n, buffers.Large)
		err = s.sink((*buffer)[:n])
	}
	s.err = err
	return err != nil || n == size.Bytes() || s.mayEnd.Load()
}

// tryReadTLS reads all bytes through TLS and passes them on. It returns true to end the wait, after an error.
func (s *Source) tryReadTLS(descriptor uintptr) bool {
	if s.fresh {
		return s.tryPeek(descriptor)
	}
	s.tcp.empty = false
	for s.err = nil; s.err == nil; {
		s.err = s.readRecords()
	}
	return s.err != os.ErrDeadlineExceeded
}

// readRecords fills a buffer with the available records. EOF may follow the last record.
func (s *Source) readRecords() (err error) {
	size := s.size
	buffer := buffers.Take(size)
	defer buffers.Give(size, buffer)
	n := 0
	for err == nil && n < len(*buffer) {
		var more int
		more, err = s.readSocket((*buffer)[n:])
		n += more
	}
	s.size = size.Next(n, buffers.Large)
	if n > 0 {
		if err := s.sink((*buffer)[:n]); err != nil {
			return err
		}
	}
	return err
}

// tryPeek peeks before the first wait, since the runtime reports bytes only when they arrive. After a wait it returns true,
// because the next read finds the bytes or waits again.
func (s *Source) tryPeek(descriptor uintptr) bool {
	if s.peeked {
		return true
	}
	s.peeked = true
	var one [1]byte
	_, _, err := syscall.Recvfrom(int(descriptor), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return err != syscall.EAGAIN
}

// readSocket reads through the socket, if there is one, and does not block.
func (s *Source) readSocket(p []byte) (int, error) {
	if s.socket != nil {
		return s.socket.TryRead(s, p)
	}
	return s.Read(p)
}

// readConn is an ordinary read.
func (s *Source) readConn(sink func([]byte) error) error {
	buffer := buffers.Take(buffers.Tiny)
	defer buffers.Give(buffers.Tiny, buffer)
	n, err := s.conn.Read(*buffer)
	if n > 0 {
		if err := sink((*buffer)[:n]); err != nil {
			return err
		}
	}
	return s.clearWake(err)
}

// Read does not block. It returns os.ErrDeadlineExceeded if there is nothing to read.
func (s *Source) Read(p []byte) (int, error) {
	if s.tcp != nil {
		return s.tcp.tryRead(s.base, p)
	}
	return s.readDescriptor(p)
}

func (s *Source) readDescriptor(p []byte) (int, error) {
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
