package websocketgate

import (
	"net"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// warnOfOtherSites warns, once the configuration has started, of other sites whose proxies open sockets to an upstream of the
// gate's site without a gate: a site for plain HTTP, for every host, or on another port.
func (g *Handler) warnOfOtherSites() {
	if g.server == nil || g.app == nil {
		return
	}
	others := func(route caddyhttp.Route) bool { return !g.holds(route) }
	own := make(map[string]bool)
	for _, upstream := range g.newWalk().upstreamsOf(slices.DeleteFunc(slices.Clone(g.server.Routes), others), 0) {
		own[dialed(upstream)] = true
	}
	for _, server := range g.app.Servers {
		routes := server.Routes
		if server == g.server {
			routes = slices.DeleteFunc(slices.Clone(routes), g.holds)
		}
		if server.Errors != nil { // those of this site cannot switch protocols, or the configuration would not load
			routes = append(slices.Clone(routes), server.Errors.Routes...)
		}
		for i := range routes {
			w := &routeWalk{named: server.NamedRoutes}
			w.run(routes[i:i+1], "", unknown, 0)
			for _, upstream := range w.upstreams {
				if own[dialed(upstream)] {
					g.logger.Warn("another site opens sockets to this upstream", zap.String("upstream", upstream),
						zap.Strings("hosts", hostsOfRoute(routes[i])), zap.Strings("listen", server.Listen), zap.String("source", g.Routes[0].Source))
				}
			}
		}
	}
}

// dialed returns the address that a proxy dials, in one notation. The names of this machine are one address.
func dialed(upstream string) string {
	upstream = caddy.NewReplacer().ReplaceKnown(upstream, "")
	if socket, isUnix := strings.CutPrefix(upstream, "unix/"); isUnix {
		return "unix/" + path.Clean("/"+socket)
	}
	host, port, err := net.SplitHostPort(strings.TrimPrefix(upstream, "tcp/"))
	if err != nil {
		return upstream
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if address, err := netip.ParseAddr(host); err == nil {
		host = address.Unmap().String()
	}
	switch host {
	case "", "127.0.0.1", "::1", "0.0.0.0", "::":
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// holds reports whether a route of the server holds the gate.
func (g *Handler) holds(route caddyhttp.Route) bool {
	_, found := g.newWalk().prefixOf(caddyhttp.RouteList{route}, 0)
	return found
}

// upstreamsOf returns the upstreams of all proxies in the routes.
func (w *routeWalk) upstreamsOf(routes caddyhttp.RouteList, depth int) (upstreams []string) {
	if depth > maxDepth {
		return nil
	}
	for i := range routes {
		for _, s := range stepsOf(&routes[i], w.named) {
			upstreams = append(upstreams, s.upstreams...)
			for _, inner := range s.inner() {
				upstreams = append(upstreams, w.upstreamsOf(inner, depth+1)...)
			}
		}
	}
	return upstreams
}
