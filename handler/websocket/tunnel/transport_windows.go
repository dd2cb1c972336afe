package tunnel

import "net"

// BelowTLS changes nothing: on Windows only the net package may read.
func BelowTLS(conn net.Conn) net.Conn { return conn }

func withoutTransport(conn net.Conn) net.Conn { return conn }
