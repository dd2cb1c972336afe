//go:build linux && (amd64 || arm64)

package tunnel

import (
	"syscall"
	"unsafe"
)

// hasBytes reports whether a read of the descriptor would return at once: with bytes, with the end, or with an error.
// The call never blocks, so that the scheduler need not hear of it; syscall.Recvfrom would, and allocate an address.
func hasBytes(descriptor uintptr, scratch []byte) bool {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, descriptor, uintptr(unsafe.Pointer(&scratch[0])), 1,
		syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
	return errno != syscall.EAGAIN
}
