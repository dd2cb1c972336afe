package websocketgate

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
)

// checkInForce returns an error if another handler responds to the path of a route before the gate, or if an error route can
// switch protocols without a gate. exposed reports that handshakes for other paths of the site reach such a handler.
func (g *Handler) checkInForce() (exposed bool, err error) {
	if g.server == nil {
		return false, nil
	}
	routes := g.siteRoutes()
	w := g.newWalk()
	prefix, found := w.prefixOf(routes, 0)
	if !found {
		return false, nil // another module holds the gate
	}
	for _, route := range g.Routes {
		for _, p := range route.Paths {
			w := g.newWalk()
			w.run(routes, location(prefix+strings.Replace(p, "*", "x", 1)), true, 0)
			if w.upgrades {
				return false, route.errorf("path %s does not reach the gate: put websocket_gate before what answers this path", prefix+p)
			}
		}
	}
	w.run(routes, "", true, 0)
	exposed, g.unseen = w.mayUpgrade, w.mayUpgrade || w.mayProxy
	w = g.newWalk()
	if w.run(g.errorRoutes(), "", true, 0); w.mayUpgrade {
		return exposed, g.Routes[0].errorf("handle_errors can switch protocols without a gate: write header_up -Upgrade in its proxy, or use respond or file_server")
	}
	return exposed, nil
}

func (g *Handler) newWalk() *routeWalk {
	return &routeWalk{named: g.server.NamedRoutes, own: g.routeIDs()}
}

// siteRoutes returns the routes of the server that a request for the gate's site can reach.
func (g *Handler) siteRoutes() caddyhttp.RouteList {
	w := g.newWalk()
	holds := func(route caddyhttp.Route) bool {
		_, found := w.prefixOf(caddyhttp.RouteList{route}, 0)
		return found
	}
	current := slices.IndexFunc(g.server.Routes, func(route caddyhttp.Route) bool { return len(route.HandlersRaw) > 0 })
	var routes caddyhttp.RouteList
	for i, route := range g.server.Routes {
		switch {
		case current >= 0 && i == current, current < 0 && holds(route):
			route.MatcherSets = withoutHosts(route.MatcherSets)
			routes = append(routes, route)
		case !route.Terminal || len(hostsOfRoute(route)) == 0:
			routes = append(routes, route)
		}
	}
	return routes
}

// withoutHosts removes the host matchers: the walk is about requests for these hosts.
func withoutHosts(sets caddyhttp.MatcherSets) caddyhttp.MatcherSets {
	var all caddyhttp.MatcherSets
	for _, set := range sets {
		all = append(all, slices.DeleteFunc(slices.Clone(set), func(matcher any) bool {
			_, is := matcher.(*caddyhttp.MatchHost)
			return is
		}))
	}
	return all
}

// errorRoutes returns the error routes of the gate's site. Those of other sites have other hosts.
func (g *Handler) errorRoutes() caddyhttp.RouteList {
	if g.server.Errors == nil {
		return nil
	}
	own := lifecycle.Hosts(g.server)
	return slices.DeleteFunc(slices.Clone(g.server.Errors.Routes), func(route caddyhttp.Route) bool {
		hosts := hostsOfRoute(route)
		return len(own) > 0 && len(hosts) > 0 && !slices.ContainsFunc(hosts, func(host string) bool { return slices.Contains(own, host) })
	})
}

func hostsOfRoute(route caddyhttp.Route) (hosts []string) {
	for _, set := range route.MatcherSetsRaw {
		var names []string
		_ = json.Unmarshal(set["host"], &names)
		hosts = append(hosts, names...)
	}
	for _, set := range route.MatcherSets {
		for _, matcher := range set {
			if host, ok := matcher.(*caddyhttp.MatchHost); ok {
				hosts = append(hosts, *host...)
			}
		}
	}
	return hosts
}

// warnOfExposed warns, once the configuration has started, that a proxy of the site has no gate before it.
func (g *Handler) warnOfExposed() {
	if g.exposed {
		g.logger.Warn("other paths can switch protocols without a gate", zap.String("source", g.Routes[0].Source))
	}
}
