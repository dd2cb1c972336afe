//go:build unix

package tunnel

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"sync/atomic"
)

// transport is a TCP connection below a client's TLS, where somebody has put it there ([BelowTLS]). To all others it is the
// connection itself. When a tunnel reads TLS above it, it does not wait: so that can be read inside the wait of the runtime, as
// a directSource reads.
type transport struct {
	*net.TCPConn
	source atomic.Pointer[directSource] // nil until there is a tunnel

	// Touched only by the tunnel, while its socket lets nobody else read.
	now   bool // a read must not wait
	empty bool // and would have to
}

// BelowTLS makes a TCP connection on which TLS is to be spoken ready for a tunnel: that need not ask the kernel twice for each
// message then. Other connections are returned as they are.
func BelowTLS(conn net.Conn) net.Conn {
	if tcp, ok := conn.(*net.TCPConn); ok {
		return &transport{TCPConn: tcp}
	}
	return conn
}

// withoutTransport is the connection itself.
func withoutTransport(conn net.Conn) net.Conn {
	if t, ok := conn.(*transport); ok {
		return t.TCPConn
	}
	return conn
}

// transportOf is what lies below a TLS connection, if it is ours.
func transportOf(conn net.Conn) *transport {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	t, _ := secure.NetConn().(*transport)
	return t
}

func (t *transport) Read(p []byte) (int, error) {
	if !t.now {
		return t.TCPConn.Read(p)
	}
	if t.empty {
		return 0, os.ErrDeadlineExceeded
	}
	source := t.source.Load()
	n, err := source.readDescriptor(p)
	// A read that does not fill its buffer has emptied the connection.
	t.empty = err == os.ErrDeadlineExceeded || err == nil && n < len(p) && !source.unsure.Load()
	return n, err
}

// readNow reads TLS, and does not wait: where it would, the error is [os.ErrDeadlineExceeded], after which TLS reads on.
func (t *transport) readNow(secure io.Reader, p []byte) (int, error) {
	t.now = true
	n, err := secure.Read(p)
	t.now = false
	return n, err
}
