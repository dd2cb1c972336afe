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

// Source is the source of the bytes of one direction.
type Source interface {
	// Pump waits for bytes and passes them to sink, once or several times. It returns the error of sink or of the connection,
	// and [os.ErrDeadlineExceeded] itself after Wake.
	Pump(sink func([]byte) error) error
	// Wake makes a waiting Pump return os.ErrDeadlineExceeded. Otherwise it may have no effect.
	Wake()
}

// errWoken is returned by Pump after Wake. Deadlines of writes are wrapped in a writeError.
var errWoken = os.ErrDeadlineExceeded

// clearWake returns errWoken for a read that Wake has ended, and removes the deadline.
func clearWake(conn net.Conn, err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) || isWriteError(err) {
		return err
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	return errWoken
}

// newSource returns a source that reads conn. Base is the connection below all wrappers.
func (h *Handler) newSource(conn, base net.Conn) Source {
	if h.config.NewSource != nil {
		if source := h.config.NewSource(conn, base); source != nil {
			return source
		}
	}
	return newConnSource(conn, base)
}

// connSource reads a connection. It waits until the kernel has bytes, and takes a buffer only then.
type connSource struct {
	conn net.Conn // reads go through it
	base net.Conn // below conn; has the deadlines
	// ready is nil if the connection has an unknown wrapper. Bytes may then be in the wrapper's buffer, where the kernel does
	// not report them.
	ready *readiness
	// isTLS is set for TLS connections, which may have bytes in their own buffer. Checking that buffer costs as much as a short
	// message. So while such a connection is busy, the source waits in a read with a buffer, until Wake.
	isTLS bool
	busy  bool
	size  buffers.Size
}

// pastDeadline ends a wait at once.
var pastDeadline = time.Unix(1, 0)

func newConnSource(conn, base net.Conn) *connSource {
	s := &connSource{conn: conn, base: base}
	if layered, ok := base.(*tls.Conn); ok {
		s.isTLS, s.busy = true, true // TLS may have read bytes after its handshake
		base = layered.NetConn()
	}
	if raw, ok := rawConn(base); ok {
		s.ready, s.size = newReadiness(raw), buffers.Small
	}
	return s
}

// rawConn returns the descriptor of a connection with no layer above the kernel.
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

// readBusy reads a TLS connection with a buffer. After Wake it passes on the bytes in the buffer of TLS.
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

// read reads once, and adapts the size of the next buffer.
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

// nextSize returns the buffer size after a read of n bytes. It is the tiny one if the source must wait with a buffer.
func (s *connSource) nextSize(n int) buffers.Size {
	switch {
	case s.ready == nil && n < s.size.Bytes():
		return buffers.Tiny
	case s.isTLS:
		return s.size.Next(n, buffers.Record)
	}
	return s.size.Next(n, buffers.Large)
}

// readBuffered passes on the bytes in the buffer of TLS. Its read fails if it would have to read from the kernel. That error is
// harmless for TLS reads (not for writes).
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

// streamSource reads the body of an extended CONNECT. It must wait with a buffer, which is the tiny one after short messages.
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

// Wake does nothing: the stream's goroutine is its handler's and cannot be replaced.
func (s *streamSource) Wake() {}
