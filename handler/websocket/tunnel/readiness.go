package tunnel

import "syscall"

// readiness waits for the first byte of a connection without a buffer to put it in.
type readiness struct {
	raw  syscall.RawConn
	try  func(descriptor uintptr) bool
	look look
}

// look waits once, unless there is something already.
type look struct {
	asked   bool
	scratch [1]byte
}

func newReadiness(raw syscall.RawConn) *readiness {
	r := &readiness{raw: raw}
	r.try = r.look.once
	return r
}

// wait returns when there are bytes to read, or the end of them, or an error of the connection.
func (r *readiness) wait() error {
	r.look.asked = false
	return r.raw.Read(r.try)
}

// once looks before the first wait, since the runtime tells of bytes only when they arrive. After a wait there is no
// need to look again: the read that follows finds them, or waits once more.
func (l *look) once(descriptor uintptr) bool {
	if l.asked {
		return true
	}
	l.asked = true
	return hasBytes(descriptor, l.scratch[:])
}
