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
	// pump waits for bytes and hands them on, until it would have to wait again or longer. An error of sink ends it.
	pump(sink func([]byte) error) error
}

// connSource reads from a connection. While nothing comes it holds no buffer: it waits until the kernel has bytes, and
// only then takes one.
type connSource struct {
	conn  net.Conn // through which bytes are read
	base  net.Conn // the connection below conn that has the deadlines
	ready *readiness
	// layered is a connection that may hold bytes which the kernel has already given away: TLS, or one that something
	// is wrapped around.
	layered bool
	large   bool // the last chunk filled its buffer
}

// past is a deadline that ends a wait at once.
var past = time.Unix(1, 0)

// newConnSource reads from conn, whose innermost known connection is base.
func newConnSource(conn, base net.Conn) *connSource {
	s := &connSource{conn: conn, base: base}
	kernel := base
	if secure, ok := base.(*tls.Conn); ok {
		kernel, s.layered = secure.NetConn(), true
	}
	if raw, ok := rawConn(kernel); ok {
		s.ready = newReadiness(raw)
	} else {
		s.layered = true
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

func (s *connSource) pump(sink func([]byte) error) error {
	if s.layered {
		if err := s.drain(sink); err != nil {
			return err
		}
	}
	if s.ready == nil {
		return s.readBlocking(sink)
	}
	if err := s.ready.wait(); err != nil {
		return err
	}
	return s.readPooled(sink)
}

func (s *connSource) readPooled(sink func([]byte) error) error {
	if s.large {
		buffer := largeBuffers.Get().(*[largeBuffer]byte)
		defer largeBuffers.Put(buffer)
		return s.read(buffer[:], sink)
	}
	buffer := smallBuffers.Get().(*[smallBuffer]byte)
	defer smallBuffers.Put(buffer)
	return s.read(buffer[:], sink)
}

func (s *connSource) read(buffer []byte, sink func([]byte) error) error {
	n, err := s.conn.Read(buffer)
	s.large = n >= smallBuffer
	if n > 0 {
		if err := sink(buffer[:n]); err != nil {
			return err
		}
	}
	return err
}

// drain hands on what a layered connection holds. Its read fails where it would have to ask the kernel. (A deadline in
// the past does not harm a TLS connection that is read; it would one that is written.)
func (s *connSource) drain(sink func([]byte) error) error {
	if err := s.base.SetReadDeadline(past); err != nil {
		return err
	}
	for {
		err := s.readPooled(sink)
		if errors.Is(err, os.ErrDeadlineExceeded) && !isWriteError(err) {
			return s.base.SetReadDeadline(time.Time{})
		}
		if err != nil {
			return err
		}
	}
}

// readBlocking waits with a buffer, since the connection gives no other way.
func (s *connSource) readBlocking(sink func([]byte) error) error {
	var buffer [512]byte
	return s.read(buffer[:], sink)
}

// streamSource reads from the body of an extended CONNECT.
type streamSource struct{ body io.Reader }

func (s *streamSource) pump(sink func([]byte) error) error {
	buffer := smallBuffers.Get().(*[smallBuffer]byte)
	defer smallBuffers.Put(buffer)
	n, err := s.body.Read(buffer[:])
	if n > 0 {
		if err := sink(buffer[:n]); err != nil {
			return err
		}
	}
	return err
}
