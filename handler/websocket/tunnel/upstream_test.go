package tunnel

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"time"
)

func TestUpstreams(t *testing.T) {
	t.Parallel()
	app := startApp(t, "tcp", echo)
	dead := &Upstream{Network: "tcp", Address: "127.0.0.1:1", Host: new(Host)} // no other test's port
	mute := startApp(t, "tcp", func(c *appConn) { c.reset() })
	cases := []struct {
		name, why string
		upstreams []*Upstream
		status    int
	}{
		{"refused", "no listener and no other upstream", []*Upstream{dead}, 502},
		{"second", "one that cannot be reached is passed over", []*Upstream{dead, app.Upstream}, 101},
		{"silent", "one that ends before it answers is passed over", []*Upstream{mute.Upstream, app.Upstream}, 101},
		{"none", "", []*Upstream{dead, mute.Upstream}, 502},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site := startSite(t, Config{Upstreams: c.upstreams}, false)
			if got := site.ask(t, plainHandshake).response.StatusCode; got != c.status {
				t.Errorf("status = %d, want %d (%s)", got, c.status, c.why)
			}
		})
	}
}

func TestUpstreamHealth(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	first, second := &Upstream{Address: "first"}, &Upstream{Address: "second"}
	var dialed []string
	dead := map[string]bool{"first": true}
	app := startApp(t, "tcp", echo)
	var changes []string
	site := startSite(t, Config{
		Upstreams: []*Upstream{first, second},
		Now:       func() time.Time { return now },
		UpstreamChanged: func(u *Upstream, cause error) {
			if cause != nil {
				changes = append(changes, u.Address+": "+cause.Error())
			} else {
				changes = append(changes, u.Address+" is back")
			}
		},
		Dial: func(ctx context.Context, _, address string) (net.Conn, error) {
			dialed = append(dialed, address)
			if dead[address] {
				return nil, errors.New("no listener")
			}
			return new(net.Dialer).DialContext(ctx, "tcp", app.Address)
		},
	}, false)
	steps := []struct {
		name, why string
		after     time.Duration
		dead      []string
		want      []string
	}{
		{"first fails", "", 0, []string{"first"}, []string{"first", "second"}},
		{"remembered", "one that failed is left in peace", time.Second, []string{"first"}, []string{"second"}},
		{"both fail", "when none is up, all are asked", time.Second, []string{"first", "second"}, []string{"second", "first"}},
		{"both are down", "", time.Second, nil, []string{"first"}},
		{"reached", "one success and it is up again", time.Second, nil, []string{"first"}},
		{"second is tried later", "the time is over", failedFor, []string{"first"}, []string{"first", "second"}},
	}
	for _, step := range steps {
		now = now.Add(step.after)
		dialed, dead = nil, map[string]bool{}
		for _, name := range step.dead {
			dead[name] = true
		}
		client := site.ask(t, plainHandshake)
		client.Close()
		if !slices.Equal(dialed, step.want) {
			t.Fatalf("%s: dialed %v, want %v (%s)", step.name, dialed, step.want, step.why)
		}
	}
	wantChanges := []string{
		"first: dialing first: no listener", "second: dialing second: no listener", "first is back",
		"first: dialing first: no listener", "second is back",
	}
	if !slices.Equal(changes, wantChanges) {
		t.Errorf("reported %q, want %q", changes, wantChanges)
	}
	waitFor(t, "the counts of open tunnels to fall", func() bool { return first.Host.Open() == 0 && second.Host.Open() == 0 })
}
