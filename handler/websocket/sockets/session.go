package sockets

import (
	"encoding/hex"
	"fmt"
	"slices"
)

// Session identifies a session of the site by one of its values. The caller derives it from the value with a secret key. Zero is
// no session.
type Session [16]byte

// MarshalText writes a session for other machines that have the same key. It reveals nothing of the value.
func (s Session) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, s[:]), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Session) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(s)) {
		return fmt.Errorf("want a session of %d hex digits, got %d bytes", hex.EncodedLen(len(s)), len(text))
	}
	_, err := hex.Decode(s[:], text)
	return err
}

// Bond ties a socket to a session of the site.
type Bond struct {
	// Session is the value of the session at the handshake.
	Session Session
	// Cookie is the name of the cookie that holds the session.
	Cookie string
	// Host and Path are those of the handshake as the browser sees them. They select the cookies that the handshake carried.
	Host, Path string
	// Strict closes the socket when the session gets another value.
	Strict bool
}

// maxValues is how many values of one session are remembered. Parallel responses may each give a session another value, and any
// of these values may be the one that the browser keeps.
const maxValues = 32

// session holds the sockets that one session opened. It exists while it has sockets. The registry's mutex guards it.
type session struct {
	id      uint64
	values  []Session // least recently used first
	sockets []*Socket
}

// bind adds a socket to the session of its bond. The caller holds the mutex.
func (r *Registry) bind(s *Socket) {
	if s.info.Bond == nil {
		return
	}
	value := s.info.Bond.Session
	of := r.sessions[value]
	if of == nil {
		r.lastSession++
		r.counts.Open++
		of = &session{id: r.lastSession}
		r.addValue(of, value)
	}
	s.session, s.inSession = of, len(of.sockets)
	of.sockets = append(of.sockets, s)
}

// unbind removes a socket from its session. The caller holds the mutex.
func (r *Registry) unbind(s *Socket) {
	of := s.session
	if of == nil {
		return
	}
	last := len(of.sockets) - 1
	of.sockets[s.inSession] = of.sockets[last]
	of.sockets[s.inSession].inSession = s.inSession
	of.sockets[last] = nil
	if of.sockets = of.sockets[:last]; last > 0 {
		return
	}
	r.counts.Open--
	for _, value := range of.values {
		delete(r.sessions, value)
	}
}

// SessionCounts counts the sessions of sockets.
type SessionCounts struct {
	// Open is the number of sessions that have sockets.
	Open int
	// Ended is how often sockets were closed because their session ended.
	Ended int
}

// SessionCounts returns the counts since the registry was made.
func (r *Registry) SessionCounts() SessionCounts {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.counts
}

// addValue adds a value that no session has. It removes the least recently used value if there are too many.
func (r *Registry) addValue(of *session, value Session) {
	if len(of.values) == maxValues {
		delete(r.sessions, of.values[0])
		of.values = slices.Delete(of.values, 0, 1)
	}
	of.values = append(of.values, value)
	r.sessions[value] = of
}

// useValue makes the value the most recently used one.
func (of *session) useValue(value Session) {
	i := slices.Index(of.values, value)
	copy(of.values[i:], of.values[i+1:])
	of.values[len(of.values)-1] = value
}

// EndSession closes the sockets of the session with this value whose bond matches. It returns how many.
func (r *Registry) EndSession(value Session, match func(*Info) bool, code Code, reason string) int {
	r.mutex.Lock()
	var ended []*Socket
	if of := r.sessions[value]; of != nil {
		ended = of.matching(match)
	}
	r.countEnded(ended)
	r.mutex.Unlock()
	return closeAll(ended, code, reason)
}

// RenewSession adds a value to the session that has the value old, if a socket of the session matches. It closes the matching
// sockets that are strict, and returns how many. If another session has the value, the value identifies no session, and
// all matching sockets are closed.
func (r *Registry) RenewSession(old, value Session, match func(*Info) bool, code Code, reason string) int {
	r.mutex.Lock()
	ended := r.renew(old, value, match)
	r.countEnded(ended)
	r.mutex.Unlock()
	return closeAll(ended, code, reason)
}

// countEnded counts a session whose sockets are about to be closed. The caller holds the mutex.
func (r *Registry) countEnded(sockets []*Socket) {
	if len(sockets) > 0 {
		r.counts.Ended++
	}
}

// renew returns the sockets to close. The caller holds the mutex.
func (r *Registry) renew(old, value Session, match func(*Info) bool) (ended []*Socket) {
	of := r.sessions[old]
	if of == nil || old == value || !slices.ContainsFunc(of.sockets, func(s *Socket) bool { return match(&s.info) }) {
		return nil
	}
	switch r.sessions[value] {
	case nil:
		of.useValue(old)
		r.addValue(of, value)
	case of:
		of.useValue(old)
		of.useValue(value)
	default:
		return of.matching(match)
	}
	return of.matching(func(info *Info) bool { return info.Bond.Strict && match(info) })
}

func (of *session) matching(match func(*Info) bool) (sockets []*Socket) {
	for _, s := range of.sockets {
		if match(&s.info) {
			sockets = append(sockets, s)
		}
	}
	return sockets
}

// HasSession reports whether a socket is bound to the session with this value.
func (r *Registry) HasSession(value Session) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.sessions[value] != nil
}

func closeAll(sockets []*Socket, code Code, reason string) (closed int) {
	for _, s := range sockets {
		if s.startClose(code, reason) {
			closed++
		}
	}
	return closed
}

// sessionID returns the number of the socket's session, 0 for none. Sockets of one session have the same number.
func (s *Socket) sessionID() uint64 {
	if s.session == nil {
		return 0
	}
	return s.session.id
}
