package tunnel

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/scan2food/usher/handler/websocket/tunnel/buffers"
)

// Source is where the bytes of one direction come from.
type Source interface {
	// Pump waits for bytes and passes them to sink, several times if it likes. It returns the error of sink or of the
	// connection, and [os.ErrDeadlineExceeded] itself after Wake.
	Pump(sink func([]byte) error) error
	// Wake makes a Pump that waits return os.ErrDeadlineExceeded. Other Pumps may ignore it.
	Wake()
}

// errWoken is what Pump returns after Wake. Deadlines of writes are wrapped in a writeError.
var errWoken = os.ErrDeadlineExceeded

// clearWake returns errWoken for a read that Wake has ended, and lets the next one wait again.
func clearWake(conn net.Conn, err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) || isWriteError(err) {
		return err
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	return errWoken
}

// newSource returns the source that reads conn. Base is the connection below all wrappers.
func (h *Handler) newSource(conn, base net.Conn) Source {
	if h.config.NewSource != nil {
		if source := h.config.NewSource(conn, base); source != nil {
			return source
		}
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
	// isTLS is a TLS connection, which may hold bytes that the kernel has given away already. To find that out costs as
	// much as a short message: while such a connection is busy it is waited for in a read, with the buffer in hand, until the
	// keeper wakes it.
	isTLS bool
	busy  bool
	size  buffers.Size
}

// pastDeadline is a deadline that ends a wait at once.
var pastDeadline = time.Unix(1, 0)

func newConnSource(conn, base net.Conn) *connSource {
	s := &connSource{conn: conn, base: base}
	if layered, ok := base.(*tls.Conn); ok {
		s.isTLS, s.busy = true, true // the handshake may have been read with more behind it
		base = layered.NetConn()
	}
	if raw, ok := rawConn(base); ok {
		s.ready, s.size = newReadiness(raw), buffers.Small
	}
	return s
}

// rawConn gives access to the descriptor of the connections that have nothing between themselves and the kernel.
func rawConn(conn net.Conn) (syscall.RawConn, bool) {
	switch conn.(type) {
	case *net.TCPConn, *net.UnixConn:
		raw, err := conn.(syscall.Conn).SyscallConn()
		return raw, err == nil
	}
	return nil, false
}

func (s *connSource) Pump(sink func([]byte) error) error {
	if s.ready == nil {
		return s.read(sink)
	}
	if s.isTLS && s.busy {
		return s.readBusy(sink)
	}
	if err := s.ready.wait(); err != nil {
		return clearWake(s.base, err)
	}
	s.busy = true
	return clearWake(s.base, s.read(sink))
}

// readBusy reads from a TLS connection. When that is woken, what it still holds is handed on.
func (s *connSource) readBusy(sink func([]byte) error) error {
	err := clearWake(s.base, s.read(sink))
	if err != errWoken {
		return err
	}
	s.busy = false
	if err := s.readBuffered(sink); err != nil {
		return err
	}
	return errWoken
}

func (s *connSource) Wake() {
	if s.ready != nil {
		_ = s.base.SetReadDeadline(pastDeadline)
	}
}

// read reads once, and sets the size of the next read by what came.
func (s *connSource) read(sink func([]byte) error) error {
	size := s.size
	buffer := buffers.Take(size)
	defer buffers.Give(size, buffer)
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
func (s *connSource) nextSize(n int) buffers.Size {
	switch {
	case s.ready == nil && n < s.size.Bytes():
		return buffers.Tiny
	case s.isTLS:
		return s.size.Next(n, buffers.Record)
	}
	return s.size.Next(n, buffers.Large)
}

// readBuffered hands on what a TLS connection holds. Its read fails where it would have to ask the kernel, which does it no harm
// (to a write it would).
func (s *connSource) readBuffered(sink func([]byte) error) error {
	if err := s.base.SetReadDeadline(pastDeadline); err != nil {
		return err
	}
	for {
		err := s.read(sink)
		if err = clearWake(s.base, err); err == errWoken {
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
	size buffers.Size
}

func (s *streamSource) Pump(sink func([]byte) error) error {
	size := s.size
	buffer := buffers.Take(size)
	defer buffers.Give(size, buffer)
	n, err := s.body.Read(*buffer)
	if s.size = size.Next(n, buffers.Record); n < buffers.Tiny.Bytes() {
		s.size = buffers.Tiny
	}
	if n > 0 {
		if err := sink((*buffer)[:n]); err != nil {
			return err
		}
	}
	return err
}

// wake does nothing: a stream's goroutine is its handler's, which cannot be replaced.
func (s *streamSource) Wake() {}
