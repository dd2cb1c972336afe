package tunnel

import (
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// sendQueue returns how many bytes written to the sink the other side has not taken yet, 0 if that is not known.
//
// It is needed because a write that waits says nothing about progress: the kernel lets it continue only when a third of the send
// buffer is free, which is a megabyte or more. A client that reads 20 KB/s takes longer for that than write_timeout allows. The
// keeper asks only while a write waits.
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
