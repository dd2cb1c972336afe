package sockets

import (
	"net/netip"
	"testing"
)

func TestClientNetwork(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, client, want string }{
		{"IPv4", "192.0.2.1", "192.0.2.1/32"},
		{"IPv4 in IPv6", "::ffff:192.0.2.1", "192.0.2.1/32"},
		{"IPv6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"zone", "fe80::1%eth0", "fe80::/64"},
		{"IPv4 in IPv6 with a zone", "::ffff:192.0.2.1%eth0", "192.0.2.1/32"},
	} {
		if got := ClientNetwork(netip.MustParseAddr(c.client)).String(); got != c.want {
			t.Errorf("%s: network %s, want %s", c.name, got, c.want)
		}
	}
	if got := ClientNetwork(netip.Addr{}); got.IsValid() {
		t.Errorf("unknown address: network %s, want none", got)
	}
}
