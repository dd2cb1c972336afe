//go:build unix

package tunnel

import (
	"io"
	"net"
	"os"
	"syscall"
)

// directSource reads from a connection that is the kernel's own and nobody else's to read: at the moment that the kernel
// has bytes, and without asking it twice.
type directSource struct {
	conn   net.Conn
	raw    syscall.RawConn
	ready  *readiness // what a goroutine waits with that has read nothing yet: its stack is to stay small
	read   func(descriptor uintptr) bool
	fresh  bool
	size   bufferSize
	buffer *[]byte // nil while nothing has come
	n      int
	err    error
}

// newDirectSource is nil where the connection does not allow it.
func newDirectSource(conn net.Conn) source {
	raw, ok := rawConn(conn)
	if !ok {
		return nil
	}
	s := &directSource{conn: conn, raw: raw, ready: newReadiness(raw), size: smallBuffer}
	s.read = s.readOnce
	return s
}

func (s *directSource) pump(sink func([]byte) error) error {
	if s.fresh {
		if err := s.ready.wait(); err != nil {
			return woken(s.conn, err)
		}
		s.fresh = false
	}
	if err := s.raw.Read(s.read); err != nil {
		err = woken(s.conn, err)
		s.fresh = err == errWoken
		return err
	}
	size, buffer := s.size, s.buffer
	s.buffer = nil
	defer giveBuffer(size, buffer)
	switch {
	case s.err != nil:
		return s.err
	case s.n == 0:
		return io.EOF
	}
	s.size = size.next(s.n, largeBuffer)
	return sink((*buffer)[:s.n])
}

// readOnce reports whether there was anything to be had: bytes, the end, or an error.
func (s *directSource) readOnce(descriptor uintptr) bool {
	buffer := takeBuffer(s.size)
	n, err := syscall.Read(int(descriptor), *buffer)
	for err == syscall.EINTR {
		n, err = syscall.Read(int(descriptor), *buffer)
	}
	if err == syscall.EAGAIN {
		giveBuffer(s.size, buffer)
		return false
	}
	s.buffer, s.n, s.err = buffer, n, os.NewSyscallError("read", err)
	return true
}

func (s *directSource) wake() { _ = s.conn.SetReadDeadline(past) }
