package websockettunnel

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scan2food/usher/handler/operate/report"
	"github.com/scan2food/usher/handler/websocket/tunnel"
)

// hosts returns the upstreams of loaded configurations, sorted by name.
func hosts() []*host {
	var all []*host
	hostPool.Range(func(_, value any) bool {
		all = append(all, value.(*host))
		return true
	})
	slices.SortFunc(all, func(a, b *host) int { return strings.Compare(a.key, b.key) })
	return all
}

// name returns the upstream as configurations write it: host:port, or unix//path.
func (h *host) name() string {
	network, address, _ := strings.Cut(h.key, "/")
	if network == "unix" {
		return h.key
	}
	return address
}

// ReportUpstreams returns the upstreams of all tunnels.
func ReportUpstreams() []report.Upstream {
	upstreams := []report.Upstream{}
	for _, h := range hosts() {
		upstreams = append(upstreams, report.Upstream{
			Upstream: h.name(), Up: !h.Down(), Since: h.Changed(), Open: h.Open(), Failures: h.Failures(),
			Drained: h.Drained(), DrainedSince: h.DrainedSince(),
		})
	}
	return upstreams
}

// UpstreamsOfSockets returns the upstream of each open tunnel, by the ID of its socket.
func UpstreamsOfSockets() map[uint64]string {
	names := make(map[*tunnel.Host]string)
	for _, h := range hosts() {
		names[&h.Host] = h.name()
	}
	upstreams := make(map[uint64]string)
	for id, host := range openTunnels.Hosts() {
		upstreams[id] = names[host]
	}
	return upstreams
}

// ErrUnknownUpstream is returned for an upstream that no loaded configuration names.
var ErrUnknownUpstream = errors.New("unknown upstream")

// Drain closes the sockets to an upstream, spread over a time, and opens no new ones there until Undrain. It does not wait. A
// drain outlives reloads, and ends with the process.
func Drain(upstream string, over time.Duration) (report.Drain, error) {
	h, err := findHost(upstream)
	if err != nil {
		return report.Drain{}, err
	}
	open := openTunnels.StartDrain(&h.Host, over)
	return report.Drain{Upstream: h.name(), Drained: true, Open: open}, nil
}

// Undrain lets an upstream get sockets again.
func Undrain(upstream string) (report.Drain, error) {
	h, err := findHost(upstream)
	if err != nil {
		return report.Drain{}, err
	}
	h.Undrain()
	return report.Drain{Upstream: h.name(), Open: h.Open()}, nil
}

func findHost(upstream string) (*host, error) {
	var known []string
	for _, h := range hosts() {
		if h.name() == upstream || h.key == upstream {
			return h, nil
		}
		known = append(known, h.name())
	}
	if len(known) == 0 {
		return nil, fmt.Errorf("%w: no configuration has a websocket_tunnel", ErrUnknownUpstream)
	}
	const most = 20
	return nil, fmt.Errorf("%w: use %s", ErrUnknownUpstream, strings.Join(known[:min(len(known), most)], ", "))
}
