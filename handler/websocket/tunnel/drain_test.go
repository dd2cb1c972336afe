package tunnel

import (
	"io"
	"net/http"
	"testing"
	"time"
)

func TestDrainedHostGetsNoTunnelsUntilUndrain(t *testing.T) {
	t.Parallel()
	app, other := startApp(t, "tcp", echo), startApp(t, "tcp", echo)
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream, other.Upstream}}, false)
	old := site.open(t)
	waitFor(t, "the tunnel to stand", func() bool { return app.Host.Open() == 1 })
	if open := site.pool.StartDrain(app.Host, 0); open != 1 {
		t.Errorf("StartDrain returns %d open tunnels, want 1", open)
	}
	if got, _ := io.ReadAll(old); closeCode(got) != 1012 {
		t.Errorf("read %q, want close code 1012", clip(got))
	}
	next := site.open(t)
	_, _ = next.Write(text("elsewhere"))
	next.expect(t, text("elsewhere"))
	waitFor(t, "the new tunnel alone, at the other upstream", func() bool { return app.Host.Open() == 0 && other.Host.Open() == 1 })
	if !app.Host.Undrain() || app.Host.Drained() || app.Host.Undrain() {
		t.Error("Undrain must end the drain once")
	}
	site.open(t)
	waitFor(t, "the upstream to get tunnels again", func() bool { return app.Host.Open() == 1 })
}

// An operator who undrains in the middle keeps the sockets that are left.
func TestUndrainKeepsSocketsThatAreNotClosedYet(t *testing.T) {
	t.Parallel()
	app := startApp(t, "tcp", echo)
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}}, false)
	first, second := site.open(t), site.open(t)
	waitFor(t, "both tunnels to stand", func() bool { return app.Host.Open() == 2 })
	site.pool.StartDrain(app.Host, 24*time.Hour) // the first is closed at once, the second in twelve hours
	waitFor(t, "one tunnel to end", func() bool { return app.Host.Open() == 1 })
	app.Host.Undrain()
	alive := 0
	for _, client := range []*wsClient{first, second} {
		_, _ = client.Write(text("here"))
		got := make([]byte, 6)
		if _, err := io.ReadFull(client, got); err == nil && closeCode(got) == 0 && string(got[2:]) == "here" {
			alive++
		}
	}
	if alive != 1 {
		t.Errorf("%d sockets are open, want the one that was not closed yet", alive)
	}
}

// Of handshakes that find all upstreams drained none waits for a timeout.
func TestAllUpstreamsDrained(t *testing.T) {
	t.Parallel()
	app := startApp(t, "tcp", echo)
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}}, false)
	site.pool.StartDrain(app.Host, 0)
	if client := site.ask(t, plainHandshake); client.response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the response is %s, want 503", client.response.Status)
	}
}
