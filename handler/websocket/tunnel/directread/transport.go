//go:build unix

package directread

import (
	"io"
	"net"
	"os"
	"sync/atomic"
)

// transport is a TCP connection below TLS. The Source of the TLS connection can read it without blocking. For other callers it
// is the TCP connection.
type transport struct {
	*net.TCPConn
	source atomic.Pointer[Source] // nil until a tunnel reads the connection

	// Only the source uses these, and only while its socket prevents other reads.
	nonBlocking bool // reads must not block
	empty       bool // a read would block
}

// BelowTLS prepares a TCP connection for TLS with direct reads. It returns other connections unchanged.
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

// tryRead reads TLS and does not block. It returns [os.ErrDeadlineExceeded] if it would. TLS continues after that error.
func (t *transport) tryRead(secure io.Reader, p []byte) (int, error) {
	t.nonBlocking = true
	n, err := secure.Read(p)
	t.nonBlocking = false
	return n, err
}
