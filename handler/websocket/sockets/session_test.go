package sockets

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"
)

func sessionValue(n int) (value Session) {
	binary.BigEndian.PutUint64(value[:], uint64(n)+1)
	return value
}

// bound opens a socket that is bound to a session.
func bound(t testing.TB, r *Registry, value Session, strict bool) *Socket {
	return open(t, r, Info{Route: "chat", Bond: &Bond{Session: value, Cookie: "sessionid", Strict: strict}})
}

func anyBond(*Info) bool { return true }

func isClosed(s *Socket) bool {
	_, closed := s.Closed()
	return closed
}

func TestEndSessionClosesItsSocketsAlone(t *testing.T) {
	t.Parallel()
	r := NewRegistry(time.Now)
	first, second, other := bound(t, r, sessionValue(1), false), bound(t, r, sessionValue(1), false), bound(t, r, sessionValue(2), false)
	if got := r.EndSession(sessionValue(3), anyBond, 4401, "session ended"); got != 0 {
		t.Errorf("EndSession(unknown) closed %d sockets, want 0", got)
	}
	if got := r.EndSession(sessionValue(1), func(*Info) bool { return false }, 4401, "session ended"); got != 0 {
		t.Errorf("EndSession closed %d sockets that do not match, want 0", got)
	}
	if got := r.EndSession(sessionValue(1), anyBond, 4401, "session ended"); got != 2 {
		t.Errorf("EndSession closed %d sockets, want 2", got)
	}
	if code, _ := first.Closed(); code != 4401 || !isClosed(second) {
		t.Error("a socket of the session is open, or closed with another code")
	}
	if isClosed(other) {
		t.Error("a socket of another session was closed")
	}
	if got := r.EndSession(sessionValue(1), anyBond, 4401, "session ended"); got != 0 {
		t.Errorf("a second EndSession closed %d sockets, want 0", got)
	}
	if got, want := r.SessionCounts().Open, 2; got != want {
		t.Errorf("%d sessions have sockets, want %d", got, want)
	}
}

// Of 10,000 sockets, the end of one session touches two.
func TestEndSessionOfManySessions(t *testing.T) {
	t.Parallel()
	const sessions = 5000
	r := NewRegistry(time.Now)
	var all []*Socket
	for i := range 2 * sessions {
		all = append(all, bound(t, r, sessionValue(i%sessions), false))
	}
	looked := 0
	closed := r.EndSession(sessionValue(17), func(*Info) bool { looked++; return true }, 4401, "session ended")
	if closed != 2 || looked != 2 {
		t.Errorf("EndSession closed %d sockets and looked at %d, want 2 and 2", closed, looked)
	}
	if got := r.SessionCounts(); got != (SessionCounts{Open: sessions, Ended: 1}) {
		t.Errorf("SessionCounts() = %+v, want %d sessions, of which one ended", got, sessions)
	}
	for i, s := range all {
		if want := i%sessions == 17; isClosed(s) != want {
			t.Fatalf("socket %d of session %d: closed = %v, want %v", i, i%sessions, !want, want)
		}
	}
	for _, s := range all {
		s.End()
	}
	if len(r.sessions) != 0 {
		t.Errorf("%d values are remembered without sockets, want 0", len(r.sessions))
	}
	if got := r.SessionCounts(); got != (SessionCounts{Ended: 1}) {
		t.Errorf("SessionCounts() = %+v, want no session", got)
	}
}

// Steps of sessions: each list of renewals and ends, and the sockets that are closed after it.
func TestRenewSession(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, why string
		steps     func(r *Registry)
		want      []string // the closed ones of a (value 1), b (value 1, strict) and c (value 2)
	}{
		{"renewed", "the socket follows", func(r *Registry) { renew(r, 1, 10) }, []string{"b"}},
		{"old value after renewal", "another tab still sends it", func(r *Registry) { renew(r, 1, 10); end(r, 1) }, []string{"a", "b"}},
		{"new value after renewal", "the browser sends it", func(r *Registry) { renew(r, 1, 10); end(r, 10) }, []string{"a", "b"}},
		{"chain", "each response changes a signed cookie", func(r *Registry) { renew(r, 1, 10); renew(r, 10, 11); renew(r, 11, 12); end(r, 12) }, []string{"a", "b"}},
		{"parallel responses", "the browser keeps either", func(r *Registry) { renew(r, 1, 10); renew(r, 1, 11); end(r, 10) }, []string{"a", "b"}},
		{"the same value", "nothing changed", func(r *Registry) { renew(r, 1, 1) }, nil},
		{"renewed again to the same", "a repeated response", func(r *Registry) { renew(r, 2, 10); renew(r, 2, 10); end(r, 1) }, []string{"a", "b"}},
		{"value of another session", "the value identifies no session", func(r *Registry) { renew(r, 1, 2) }, []string{"a", "b"}},
		{"unknown", "no socket has it", func(r *Registry) { renew(r, 8, 9); end(r, 9) }, nil},
	} {
		r := NewRegistry(time.Now)
		all := map[string]*Socket{
			"a": bound(t, r, sessionValue(1), false), "b": bound(t, r, sessionValue(1), true), "c": bound(t, r, sessionValue(2), false),
		}
		c.steps(r)
		var got []string
		for name, s := range all {
			if isClosed(s) {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: closed %v, want %v (%s)", c.name, got, c.want, c.why)
		}
	}
}

func renew(r *Registry, old, value int) {
	r.RenewSession(sessionValue(old), sessionValue(value), anyBond, 4401, "session ended")
}

func end(r *Registry, value int) { r.EndSession(sessionValue(value), anyBond, 4401, "session ended") }

// A page with many requests at once gets as many values. The value that the requests carry stays known, and so do the latest.
func TestSessionRemembersTheValuesInUse(t *testing.T) {
	t.Parallel()
	r := NewRegistry(time.Now)
	s := bound(t, r, sessionValue(0), false)
	for i := range 10 * maxValues {
		renew(r, 0, 100+i)
	}
	if got := len(r.sessions); got != maxValues {
		t.Errorf("%d values are remembered, want %d", got, maxValues)
	}
	for _, value := range []int{0, 100 + 10*maxValues - 1, 100 + 10*maxValues - (maxValues - 1)} {
		if !r.HasSession(sessionValue(value)) {
			t.Errorf("value %d was forgotten", value)
		}
	}
	if r.HasSession(sessionValue(100)) {
		t.Error("the least recently used value is remembered")
	}
	end(r, 100+10*maxValues-1)
	if !isClosed(s) {
		t.Error("the latest value does not end the session")
	}
}

// Sockets of one session have one number, also where the session's value changed between their handshakes.
func TestSnapshotNumbersSessions(t *testing.T) {
	t.Parallel()
	r := NewRegistry(time.Now)
	none, first, other := open(t, r, Info{}), bound(t, r, sessionValue(1), false), bound(t, r, sessionValue(2), false)
	renew(r, 1, 10)
	second := bound(t, r, sessionValue(10), false)
	got := fmt.Sprint(none.Snapshot().Session, first.Snapshot().Session, other.Snapshot().Session, second.Snapshot().Session)
	if got != "0 1 2 1" {
		t.Errorf("sessions %s, want 0 1 2 1", got)
	}
}

func BenchmarkEndUnknownSession(b *testing.B) {
	r := NewRegistry(time.Now)
	bound(b, r, sessionValue(1), false)
	b.ReportAllocs()
	for b.Loop() {
		r.EndSession(sessionValue(2), anyBond, 4401, "session ended")
	}
}
