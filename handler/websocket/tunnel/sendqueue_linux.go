package tunnel

import (
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// sendQueue returns how many written bytes the other side has not acknowledged, or 0 if unknown.
//
// It is needed because a blocked write shows no progress: the kernel unblocks it only when a third of the send buffer is free,
// a megabyte or more. A client that reads 20 KB/s takes longer for that than write_timeout allows. And a write that has ended
// leaves bytes before the next ping, which the side cannot read for as long. It is called only for pings and while something is
// blocked. The TCP connection of TLS is asked. A stream of HTTP/2 or 3 has no queue of its own.
func sendQueue(sink io.Writer) (queued int) {
	conn, ok := kernelConn(sink)
	if !ok {
		return 0
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(descriptor uintptr) {
		if n, err := unix.IoctlGetInt(int(descriptor), unix.SIOCOUTQ); err == nil {
			queued = n
		}
	})
	return queued
}

// kernelConn returns the TCP or Unix connection below all layers of a sink.
func kernelConn(sink io.Writer) (syscall.Conn, bool) {
	if client, ok := sink.(*connClient); ok {
		sink = client.base
	}
	for {
		layered, ok := sink.(interface{ NetConn() net.Conn })
		if !ok {
			conn, ok := sink.(syscall.Conn)
			return conn, ok
		}
		sink = layered.NetConn()
	}
}
