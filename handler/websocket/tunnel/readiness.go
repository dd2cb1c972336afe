package tunnel

import "syscall"

// readiness waits for the first byte of a connection without a buffer to put it in.
type readiness struct {
	raw  syscall.RawConn
	try  func(descriptor uintptr) bool
	peek peek
}

// peek waits once, unless there is something already.
type peek struct {
	done    bool
	scratch [1]byte
}

func newReadiness(raw syscall.RawConn) *readiness {
	r := &readiness{raw: raw}
	r.try = r.peek.try
	return r
}

// wait returns when there are bytes to read, or the end of them, or an error of the connection.
func (r *readiness) wait() error {
	r.peek.done = false
	return r.raw.Read(r.try)
}

// try looks before the first wait, since the runtime tells of bytes only when they arrive. After a wait there is no
// need to look again: the read that follows finds them, or waits once more.
func (l *peek) try(descriptor uintptr) bool {
	if l.done {
		return true
	}
	l.done = true
	return hasBytes(descriptor, l.scratch[:])
}
