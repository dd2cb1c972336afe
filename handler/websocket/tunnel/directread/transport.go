//go:build unix

package directread

import (
	"io"
	"net"
	"os"
	"sync/atomic"
)

// transport is a TCP connection that can be read without blocking by the Source of the TLS connection above it. To all others
// it is the TCP connection.
type transport struct {
	*net.TCPConn
	source atomic.Pointer[Source] // nil until a tunnel reads the connection

	// Only the source touches these, while its socket lets nobody else read.
	nonBlocking bool // a read must not block
	empty       bool // and would have to
}

// BelowTLS prepares a TCP connection, on which TLS will be spoken, for direct reads. It returns other connections unchanged.
func BelowTLS(conn net.Conn) net.Conn {
	if tcp, ok := conn.(*net.TCPConn); ok {
		return &transport{TCPConn: tcp}
	}
	return conn
}

// Read implements net.Conn.
func (t *transport) Read(p []byte) (int, error) {
	if !t.nonBlocking {
		return t.TCPConn.Read(p)
	}
	if t.empty {
		return 0, os.ErrDeadlineExceeded
	}
	source := t.source.Load()
	n, err := source.readDescriptor(p)
	// A read that does not fill its buffer has emptied the connection.
	t.empty = err == os.ErrDeadlineExceeded || err == nil && n < len(p) && !source.mayEnd.Load()
	return n, err
}

// tryRead reads TLS and does not block: it returns [os.ErrDeadlineExceeded] where it would. TLS continues after that error.
func (t *transport) tryRead(secure io.Reader, p []byte) (int, error) {
	t.nonBlocking = true
	n, err := secure.Read(p)
	t.nonBlocking = false
	return n, err
}
