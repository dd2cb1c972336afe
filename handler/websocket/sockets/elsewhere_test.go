package sockets

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// otherMachines counts the same for every name.
type otherMachines struct{ route, client, key, user int }

func (o *otherMachines) Route() int              { return o.route }
func (o *otherMachines) Client(netip.Prefix) int { return o.client }
func (o *otherMachines) Key(string) int          { return o.key }
func (o *otherMachines) User(string) int         { return o.user }

func TestLimitsIncludeOtherMachines(t *testing.T) {
	t.Parallel()
	info := Info{Route: "chat", Key: "screens", User: "42", Client: netip.MustParseAddr("192.0.2.1")}
	for _, c := range []struct {
		name   string
		limits Limits
		others otherMachines
		by     string
	}{
		{"below all", Limits{Route: 3, Client: 3, Key: 3, User: 3}, otherMachines{1, 1, 1, 1}, ""},
		{"route", Limits{Route: 3}, otherMachines{route: 2}, "route"},
		{"client", Limits{Client: 3}, otherMachines{client: 2}, "client"},
		{"key", Limits{Key: 3}, otherMachines{key: 2}, "key"},
		{"user", Limits{User: 3}, otherMachines{user: 2}, "user"},
		{"without a limit", Limits{}, otherMachines{9, 9, 9, 9}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := NewRegistry(time.Now)
			c.limits.Elsewhere = &c.others
			first, err := r.Open(info, c.limits)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(first.End)
			second, err := r.Open(info, c.limits)
			var limit *LimitError
			switch {
			case c.by == "" && err == nil:
				t.Cleanup(second.End)
			case c.by == "":
				t.Errorf("rejected: %v", err)
			case !errors.As(err, &limit) || limit.By != c.by:
				t.Errorf("Open: %v, want the limit of the %s", err, c.by)
			}
		})
	}
}

func TestCountRoute(t *testing.T) {
	t.Parallel()
	r := NewRegistry(time.Now)
	all := Limits{Route: 100, Client: 100, Key: 100, User: 100}
	for i, info := range []Info{
		{Route: "chat", Key: "old", KeyID: [16]byte{1}, User: "1", Client: netip.MustParseAddr("192.0.2.1")},
		{Route: "chat", Key: "old", KeyID: [16]byte{2}, User: "2", Client: netip.MustParseAddr("::ffff:192.0.2.1")},
		{Route: "chat", Key: "new", KeyID: [16]byte{3}, Client: netip.MustParseAddr("2001:db8::1")},
		{Route: "other", Key: "new", KeyID: [16]byte{3}, Client: netip.MustParseAddr("2001:db8::1")},
	} {
		s, err := r.Open(info, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			s.End()
			s, err = r.Open(info, Limits{})
			if err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(s.End)
	}
	got := r.CountRoute("", "chat", all)
	if want := "{3 map[192.0.2.1/32:2 2001:db8::/64:1] map[new:1 old:2] map[1:1 2:1]}"; fmt.Sprint(got) != want {
		t.Errorf("CountRoute = %v, want %s", got, want)
	}
	if got := r.CountRoute("", "chat", Limits{Route: 1}); got.Total != 3 || got.Clients != nil || got.Keys != nil || got.Users != nil {
		t.Errorf("CountRoute = %v, want the total alone", got)
	}
	if got := r.CountRoute("", "absent", all); got.Total != 0 {
		t.Errorf("CountRoute = %v for a route without sockets", got)
	}
}

func TestOpenCostsTheSameWithOtherMachines(t *testing.T) {
	info := Info{Route: "chat", Key: "screens", User: "42", Client: netip.MustParseAddr("192.0.2.1")}
	cost := func(other Elsewhere) float64 {
		r := NewRegistry(time.Now)
		kept, err := r.Open(info, Limits{}) // the maps of the route stay
		if err != nil {
			t.Fatal(err)
		}
		defer kept.End()
		limits := Limits{Route: 1000, Client: 1000, Key: 1000, User: 1000, Elsewhere: other}
		return testing.AllocsPerRun(100, func() {
			s, err := r.Open(info, limits)
			if err != nil {
				t.Fatal(err)
			}
			s.End()
		})
	}
	if alone, together := cost(nil), cost(&otherMachines{1, 1, 1, 1}); together > alone {
		t.Errorf("%v allocations, want %v as without other machines", together, alone)
	}
}

func TestSessionText(t *testing.T) {
	t.Parallel()
	session := Session{1, 2, 255}
	text, err := session.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var read Session
	if err := read.UnmarshalText(text); err != nil || read != session {
		t.Errorf("%s reads as %v, %v", text, read, err)
	}
	for _, bad := range []string{"", "00", "zz" + string(text[2:]), string(text) + "00"} {
		if err := read.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
