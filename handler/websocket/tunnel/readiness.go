package tunnel

import "syscall"

// readiness waits for the first byte of a connection without a buffer.
type readiness struct {
	raw  syscall.RawConn
	try  func(descriptor uintptr) bool
	peek peek
}

// peek waits once, unless there are bytes already.
type peek struct {
	done    bool
	scratch [1]byte
}

func newReadiness(raw syscall.RawConn) *readiness {
	r := &readiness{raw: raw}
	r.try = r.peek.try
	return r
}

// wait returns when there are bytes to read, or EOF, or an error of the connection.
func (r *readiness) wait() error {
	r.peek.done = false
	return r.raw.Read(r.try)
}

// try peeks before the first wait, since the runtime reports bytes only when they arrive. After a wait it returns true, because
// the next read finds the bytes or waits again.
func (l *peek) try(descriptor uintptr) bool {
	if l.done {
		return true
	}
	l.done = true
	return hasBytes(descriptor, l.scratch[:])
}
