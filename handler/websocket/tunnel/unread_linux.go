package tunnel

import (
	"syscall"
	"unsafe"
)

// unread is how many bytes of a TCP or Unix connection have come and were not read (tcp(7), SIOCINQ). The call never blocks.
func unread(descriptor uintptr) int {
	var n int32
	_, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, descriptor, syscall.TIOCINQ, uintptr(unsafe.Pointer(&n)))
	if errno != 0 {
		return 0
	}
	return int(n)
}
