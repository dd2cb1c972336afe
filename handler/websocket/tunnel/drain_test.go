package tunnel

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"
)

func TestDrainedHostGetsNoTunnelsUntilUndrain(t *testing.T) {
	t.Parallel()
	app, other := startApp(t, "tcp", echo), startApp(t, "tcp", echo)
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream, other.Upstream}}, false)
	old := site.openRegistered(t)
	if open := site.tunnels.StartDrain(app.Host, 0); open != 1 {
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

// Undrain during a drain keeps the sockets that are still open.
func TestUndrainKeepsSocketsThatAreNotClosedYet(t *testing.T) {
	t.Parallel()
	app := startApp(t, "tcp", echo)
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}}, false)
	first, second := site.openRegistered(t), site.openRegistered(t)
	site.tunnels.StartDrain(app.Host, 24*time.Hour) // the first is closed at once, the second in twelve hours
	waitFor(t, "one tunnel to end", func() bool { return app.Host.Open() == 1 })
	app.Host.Undrain()
	open := 0
	for _, client := range []*wsClient{first, second} {
		want := text("here")
		_, _ = client.Write(want)
		got := make([]byte, len(want))
		if _, err := io.ReadFull(client, got); err == nil && bytes.Equal(got, want) {
			open++
		}
	}
	if open != 1 {
		t.Errorf("%d sockets are open, want the one that was not closed yet", open)
	}
}

// If all upstreams are drained, a handshake gets 503 at once and does not wait for a timeout.
func TestAllUpstreamsDrained(t *testing.T) {
	t.Parallel()
	app := startApp(t, "tcp", echo)
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}}, false)
	site.tunnels.StartDrain(app.Host, 0)
	if client := site.ask(t, plainHandshake); client.response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the response is %s, want 503", client.response.Status)
	}
}
