package directread

import "net"

// Reader returns no sources: on Windows only package net can read.
type Reader struct{}

// Source is unused on Windows.
type Source struct{}

// Source returns nil.
func (*Reader) Source(_, _ net.Conn) *Source { return nil }

// Pump is never called.
func (*Source) Pump(func([]byte) error) error { return net.ErrClosed }

// Wake is never called.
func (*Source) Wake() {}

// BelowTLS returns the connection unchanged.
func BelowTLS(conn net.Conn) net.Conn { return conn }
