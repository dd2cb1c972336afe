package tunnel

import (
	"bytes"
	"errors"
	"net/http"
	"testing"
	"time"
)

// Handshakes take turns in order. One that would wait too long takes no turn.
func TestPaceReservesTurns(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 11, 12, 0, 0, 0, time.UTC)
	host := new(Host)
	random := func() *bytes.Reader { return bytes.NewReader([]byte{128}) }
	if wait, turn, err := host.reserve(now, 0, random()); wait != 0 || turn != nil || err != nil {
		t.Errorf("without a pace: %v, %v", wait, err)
	}
	host.SetPace(2, time.Second)
	for i, want := range []time.Duration{0, 0, 500 * time.Millisecond, time.Second} {
		if wait, _, err := host.reserve(now, time.Second, random()); err != nil || wait.Round(time.Millisecond) != want {
			t.Errorf("turn %d: %v, %v, want %v", i, wait, err, want)
		}
	}
	for range 3 { // those that are rejected take no turn, so the next waits as long
		var busy *Error
		_, _, err := host.reserve(now, time.Second, random())
		if !errors.As(err, &busy) || busy.Status != http.StatusServiceUnavailable || busy.Retry.Round(time.Millisecond) != 2250*time.Millisecond {
			t.Errorf("a turn that is too far: %+v, want 503 and one and a half waits", err)
		}
	}
	if wait, _, err := host.reserve(now.Add(500*time.Millisecond), time.Second, random()); err != nil || wait.Round(time.Millisecond) != time.Second {
		t.Errorf("a turn half a second later: %v, %v, want one second", wait, err)
	}
	host.SetPace(0, 0)
	if wait, _, err := host.reserve(now, 0, random()); wait != 0 || err != nil {
		t.Errorf("after the pace was removed: %v, %v", wait, err)
	}
}

// The application gets no handshake beyond its pace.
func TestPaceLimitsTheApplication(t *testing.T) {
	t.Parallel()
	served := make(chan struct{}, 2)
	app := startApp(t, "tcp", func(c *appConn) {
		served <- struct{}{}
		c.Close()
	})
	app.Host.SetPace(1, time.Hour)
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}}, false)
	if got := site.ask(t, plainHandshake).response.StatusCode; got != http.StatusBadGateway {
		t.Fatalf("the first: status %d, want 502 from the application that leaves", got)
	}
	if got := site.ask(t, plainHandshake).response.StatusCode; got != http.StatusServiceUnavailable {
		t.Errorf("the second: status %d, want 503", got)
	}
	if len(served) != 1 {
		t.Errorf("the application got %d handshakes, want 1", len(served))
	}
	if got := app.Host.Paced(); got != (Paced{Rejected: 1}) {
		t.Errorf("Paced() = %+v, want one rejection", got)
	}
}

// A handshake that waits is counted until its turn.
func TestPaceCountsWaiting(t *testing.T) {
	t.Parallel()
	app := startApp(t, "tcp", echo)
	app.Host.SetPace(1, 2*time.Second)
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}}, false)
	site.open(t)
	opened := make(chan struct{})
	go func() {
		site.open(t)
		close(opened)
	}()
	waitFor(t, "a handshake that waits", func() bool { return app.Host.Paced() == Paced{Waiting: 1, Waited: 1} })
	<-opened
	if got := app.Host.Paced(); got != (Paced{Waited: 1}) {
		t.Errorf("Paced() = %+v after the turn, want none waiting", got)
	}
}
