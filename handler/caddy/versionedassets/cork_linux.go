package versionedassets

import "syscall"

// cork makes the kernel send full segments only, until uncork is called.
func cork(conn syscall.Conn) (uncork func()) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return func() {}
	}
	set := func(value int) {
		_ = raw.Control(func(descriptor uintptr) {
			_ = syscall.SetsockoptInt(int(descriptor), syscall.IPPROTO_TCP, syscall.TCP_CORK, value)
		})
	}
	set(1)
	return func() { set(0) }
}
