//go:build unix && !linux

package tunnel

import "syscall"

// readNow is a read of a descriptor that does not block.
func readNow(descriptor int, p []byte) (int, error) { return syscall.Read(descriptor, p) }

// writeNow is a write of that kind.
func writeNow(descriptor int, p []byte) (int, error) { return syscall.Write(descriptor, p) }
