package directread

import "net"

// Reader makes no sources: on Windows only the net package can read.
type Reader struct{}

// Source is never made on Windows.
type Source struct{}

// Source returns nil.
func (*Reader) Source(_, _ net.Conn) *Source { return nil }

// Pump is never called.
func (*Source) Pump(func([]byte) error) error { return net.ErrClosed }

// Wake is never called.
func (*Source) Wake() {}

// BelowTLS returns the connection unchanged.
func BelowTLS(conn net.Conn) net.Conn { return conn }
