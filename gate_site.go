package usher

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// siteOf names the gate so that its successor after a reload has the same name, and no other gate has: by what its server
// listens on, the hosts that it is for, its routes, and how many such gates the server had before it. Without the hosts, a
// site that comes or goes would give the sockets of all sites behind it to another site's gate.
func (s *gateSet) siteOf(g *WebSocketGate) string {
	var parts []string
	if g.logs.server != nil {
		parts = append(parts, g.logs.server.Listen...)
		parts = append(parts, hostsOf(g.logs.server)...)
	}
	for _, route := range g.Routes {
		parts = append(parts, route.Name, strings.Join(route.Paths, " "))
	}
	shape, before := strings.Join(parts, "\n"), 0
	for _, other := range s.all() {
		if other.logs.server == g.logs.server && strings.HasPrefix(other.site, shape+"\n#") {
			before++
		}
	}
	return fmt.Sprintf("%s\n#%d", shape, before)
}

// hostsOf is the hosts of the route whose handlers are being provisioned: Caddy has the matchers of all routes of a server
// by then, and provisions the handlers of one route after the other. None for a route of every host.
func hostsOf(server *caddyhttp.Server) []string {
	current := slices.IndexFunc(server.Routes, func(route caddyhttp.Route) bool {
		return len(route.Handlers) == 0 && len(route.HandlersRaw) > 0
	})
	if current < 0 {
		return nil // a named route, which any of the others may invoke
	}
	var hosts []string
	for _, set := range server.Routes[current].MatcherSets {
		for _, matcher := range set {
			if host, ok := matcher.(*caddyhttp.MatchHost); ok {
				hosts = append(hosts, *host...)
			}
		}
	}
	slices.Sort(hosts)
	return hosts
}
