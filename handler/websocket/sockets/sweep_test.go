package sockets

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// Until and IdleTimeout have a precision of about a second.
func TestSweep(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, why string
		info      Info
		talk      time.Duration // how long the application sends, once in two seconds; negative: its silence before the handshake
		open      bool
		after     time.Duration
		code      Code
	}{
		{"until", "", Info{Until: in(10 * time.Second), UntilCode: 4401}, 0, true, 10 * time.Second, 4401},
		{"until in the past", "at once", Info{Until: in(-time.Hour), UntilCode: 4401}, 0, true, 0, 4401},
		{"until of a handshake", "an expired key opens no socket", Info{Until: in(5 * time.Second), UntilCode: 4401}, 0, false, 5 * time.Second, 4401},
		{"idle", "", Info{IdleTimeout: 5 * time.Second}, 0, true, 5 * time.Second, CodeGoingAway},
		{"idle after words", "they put it off", Info{IdleTimeout: 5 * time.Second}, 20 * time.Second, true, 23 * time.Second, CodeGoingAway},
		{"idle after a handshake", "that took its time", Info{IdleTimeout: 5 * time.Second}, -7 * time.Second, true, 12 * time.Second, CodeGoingAway},
		{"until while idle", "whichever is first", Info{IdleTimeout: 50 * time.Second, Until: in(10 * time.Second), UntilCode: 4401}, 0, true, 10 * time.Second, 4401},
		{"idle before until", "", Info{IdleTimeout: 5 * time.Second, Until: in(time.Hour), UntilCode: 4401}, 0, true, 5 * time.Second, CodeGoingAway},
		{"idle handshake", "it has its own time", Info{IdleTimeout: time.Second}, 0, false, 0, 0},
		{"never", "no time is set", Info{}, 0, true, 0, 0},
		{"in a thousand years", "no clock overflows", Info{Until: in(0).AddDate(1000, 0, 0), IdleTimeout: 1<<63 - 1}, 0, true, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := NewRegistry(time.Now)
				s := open(t, r, c.info)
				client, server := net.Pipe()
				defer server.Close()
				conn := net.Conn(server)
				started := time.Now()
				time.Sleep(-c.talk)
				if c.open {
					conn = upgraded(t, s, server)
				}
				go func() { _, _ = io.Copy(io.Discard, client) }()
				defer client.Close()
				for time.Since(started) < c.talk {
					_, _ = conn.Write(frame(9, nil))
					time.Sleep(2 * time.Second)
				}
				for time.Since(started) < time.Minute {
					if _, closed := s.Closed(); closed {
						break
					}
					time.Sleep(50 * time.Millisecond)
				}
				code, closed := s.Closed()
				took := time.Since(started)
				if code != c.code || closed && (took < c.after || took > c.after+1100*time.Millisecond) {
					t.Errorf("closed %v with %d after %v, want %d after %v (%s)", closed, code, took, c.code, c.after, c.why)
				}
				s.End()
				synctest.Wait()
			})
		})
	}
}

// TestIgnoreTraffic records activity by Touch. Frames through the socket do not postpone its end.
func TestIgnoreTraffic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, NewRegistry(time.Now), Info{IdleTimeout: 5 * time.Second})
		client, server := net.Pipe()
		conn := upgraded(t, s, server)
		s.IgnoreTraffic()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		for range 3 {
			time.Sleep(4 * time.Second)
			s.Touch()
		}
		if _, closed := s.Closed(); closed {
			t.Error("closed although it was touched")
		}
		for range 4 {
			_, _ = conn.Write(frame(9, nil))
			time.Sleep(2 * time.Second)
		}
		if _, closed := s.Closed(); !closed {
			t.Error("pings of the carrier count as activity")
		}
		conn.Close()
		client.Close()
		s.End()
	})
}

// in returns a time relative to the start of a synctest bubble.
func in(d time.Duration) time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(d) }

// Many sockets end in the order of their times.
func TestSweepOfMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(time.Now)
		started := time.Now()
		var sockets []*Socket
		for i := range 1000 {
			sockets = append(sockets, open(t, r, Info{Until: started.Add(time.Duration(i*7919%1000) * time.Second)}))
		}
		for i, s := range sockets {
			if i%3 == 0 {
				s.End()
			}
		}
		time.Sleep(500*time.Second + sweepInterval)
		for i, s := range sockets {
			_, closed := s.Closed()
			if want := i%3 != 0 && i*7919%1000 <= 500; closed != want {
				t.Fatalf("socket %d: closed %v, want %v", i, closed, want)
			}
			s.End()
		}
		if len(r.due) > 0 {
			t.Errorf("%d sockets are left in the heap", len(r.due))
		}
	})
}
