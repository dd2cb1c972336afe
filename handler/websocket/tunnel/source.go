package tunnel

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// source is where the bytes of one direction come from.
type source interface {
	// pump waits for bytes and hands them on, for as long as it likes. An error of sink ends it.
	pump(sink func([]byte) error) error
	// wake has the pump that waits now, if there is one, return errWoken.
	wake()
}

// errWoken is what a pump says that waited in vain until it was woken.
var errWoken = errors.New("woken")

// woken is errWoken for a read whose deadline wake has set. The next may wait again.
func woken(conn net.Conn, err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) || isWriteError(err) {
		return err
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	return errWoken
}

// newSource reads from conn, whose innermost known connection is base.
func newSource(conn, base net.Conn) source {
	if direct := newDirectSource(conn, base); direct != nil {
		return direct
	}
	return newConnSource(conn, base)
}

// connSource reads from a connection. While nothing comes it holds no buffer: it waits until the kernel has bytes, and
// only then takes one.
type connSource struct {
	conn net.Conn // through which bytes are read
	base net.Conn // the connection below conn that has the deadlines
	// ready is nil where the kernel cannot be asked, because something unknown is wrapped around its connection: what
	// that has read ahead it may not give away.
	ready *readiness
	// secure is a TLS connection, which may hold bytes that the kernel has given away already. To find that out costs as
	// much as a short message: while such a connection is busy it is waited for in a read, with the buffer in hand, until the
	// keeper wakes it.
	secure bool
	busy   bool
	size   bufferSize
}

// past is a deadline that ends a wait at once.
var past = time.Unix(1, 0)

func newConnSource(conn, base net.Conn) *connSource {
	s := &connSource{conn: conn, base: base}
	if layered, ok := base.(*tls.Conn); ok {
		s.secure, s.busy = true, true // the handshake may have been read with more behind it
		base = layered.NetConn()
	}
	if raw, ok := rawConn(base); ok {
		s.ready, s.size = newReadiness(raw), smallBuffer
	}
	return s
}

// rawConn gives access to the descriptor of the connections that have nothing between themselves and the kernel.
func rawConn(conn net.Conn) (syscall.RawConn, bool) {
	switch conn = withoutTransport(conn); conn.(type) {
	case *net.TCPConn, *net.UnixConn:
		raw, err := conn.(syscall.Conn).SyscallConn()
		return raw, err == nil
	}
	return nil, false
}

func (s *connSource) pump(sink func([]byte) error) error {
	if s.ready == nil {
		return s.read(sink)
	}
	if s.secure && s.busy {
		return s.readBusy(sink)
	}
	if err := s.ready.wait(); err != nil {
		return woken(s.base, err)
	}
	s.busy = true
	return woken(s.base, s.read(sink))
}

// readBusy reads from a TLS connection. When that is woken, what it still holds is handed on.
func (s *connSource) readBusy(sink func([]byte) error) error {
	err := woken(s.base, s.read(sink))
	if err != errWoken {
		return err
	}
	s.busy = false
	if err := s.drain(sink); err != nil {
		return err
	}
	return errWoken
}

func (s *connSource) wake() {
	if s.ready != nil {
		_ = s.base.SetReadDeadline(past)
	}
}

// read reads once, and sets the size of the next read by what came.
func (s *connSource) read(sink func([]byte) error) error {
	size := s.size
	buffer := takeBuffer(size)
	defer giveBuffer(size, buffer)
	n, err := s.conn.Read(*buffer)
	s.size = s.nextSize(n)
	if n > 0 {
		if err := sink((*buffer)[:n]); err != nil {
			return err
		}
	}
	return err
}

// nextSize is the size after a read of n bytes. What is in hand while nothing comes, where there is no way to wait without,
// is the tiny one.
func (s *connSource) nextSize(n int) bufferSize {
	switch {
	case s.ready == nil && n < bufferBytes[s.size]:
		return tinyBuffer
	case s.secure:
		return s.size.next(n, recordBuffer)
	}
	return s.size.next(n, largeBuffer)
}

// drain hands on what a TLS connection holds. Its read fails where it would have to ask the kernel, which does it no harm
// (to a write it would).
func (s *connSource) drain(sink func([]byte) error) error {
	if err := s.base.SetReadDeadline(past); err != nil {
		return err
	}
	for {
		err := s.read(sink)
		if err = woken(s.base, err); err == errWoken {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// streamSource reads from the body of an extended CONNECT. It can only wait in a read, with the buffer in hand: where short
// messages come, that is the tiny one.
type streamSource struct {
	body io.Reader
	size bufferSize
}

func (s *streamSource) pump(sink func([]byte) error) error {
	size := s.size
	buffer := takeBuffer(size)
	defer giveBuffer(size, buffer)
	n, err := s.body.Read(*buffer)
	if s.size = size.next(n, recordBuffer); n < bufferBytes[tinyBuffer] {
		s.size = tinyBuffer
	}
	if n > 0 {
		if err := sink((*buffer)[:n]); err != nil {
			return err
		}
	}
	return err
}

// wake does nothing: a stream's goroutine is its handler's, which cannot be replaced.
func (s *streamSource) wake() {}
