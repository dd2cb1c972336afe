//go:build unix

package tunnel

import "syscall"

// hasBytes reports whether a read of the descriptor would return at once: with bytes, EOF, or an error.
func hasBytes(descriptor uintptr, scratch []byte) bool {
	_, _, err := syscall.Recvfrom(int(descriptor), scratch, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return err != syscall.EAGAIN
}
