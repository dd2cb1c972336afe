package tunnel

import (
	"syscall"
	"unsafe"
)

// quickCall is how many bytes the kernel copies in less time than it takes to tell the scheduler of a call.
const quickCall = 4 << 10

// readNow is a read of a descriptor that does not block. Of a quick one the scheduler does not hear: it would have another
// thread look after the calls, several thousand times a second.
func readNow(descriptor int, p []byte) (int, error) {
	if len(p) > quickCall {
		return syscall.Read(descriptor, p)
	}
	return quick(syscall.SYS_READ, descriptor, p)
}

// writeNow is a write of that kind.
func writeNow(descriptor int, p []byte) (int, error) {
	if len(p) > quickCall {
		return syscall.Write(descriptor, p)
	}
	return quick(syscall.SYS_WRITE, descriptor, p)
}

func quick(call uintptr, descriptor int, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(call, uintptr(descriptor), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
