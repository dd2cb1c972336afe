package tunnel

import "syscall"

// readiness waits for the first byte of a connection without a buffer to put it in.
type readiness struct {
	raw     syscall.RawConn
	try     func(descriptor uintptr) bool
	asked   bool
	scratch [1]byte
}

func newReadiness(raw syscall.RawConn) *readiness {
	r := &readiness{raw: raw}
	r.try = r.tryOnce
	return r
}

// wait returns when there are bytes to read, or the end of them, or an error of the connection.
func (r *readiness) wait() error {
	r.asked = false
	return r.raw.Read(r.try)
}

// tryOnce looks before the first wait, since the runtime tells of bytes only when they arrive. After a wait there is no
// need to look again: the read that follows finds them, or waits once more.
func (r *readiness) tryOnce(descriptor uintptr) bool {
	if r.asked {
		return true
	}
	r.asked = true
	return hasBytes(descriptor, r.scratch[:])
}
