package websocketgate

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
)

// checkInForce returns an error if another handler responds to the path of a route before the gate, as every client gets it or as
// a client chooses, or if an error route can switch protocols without a gate. It also collects the warnings for the
// start of the configuration.
func (g *Handler) checkInForce(ctx caddy.Context) error {
	if g.server == nil {
		return nil
	}
	routes, site := g.siteRoutes()
	w := g.newWalk()
	prefix, found := w.prefixOf(routes, 0)
	if !found {
		return nil // another module holds the gate
	}
	w.ctx = ctx
	w.site, w.tls, w.parsed = site, len(g.server.TLSConnPolicies) > 0, make(map[*caddyhttp.Route]*parsedRoute)
	w.derive(routes, 0)
	examples := w.examplesIn(routes)
	for _, route := range g.Routes {
		for _, p := range route.Paths {
			if err := g.checkPath(w, routes, &examples, route, prefix, p); err != nil {
				return err
			}
		}
	}
	bypassed := slices.ContainsFunc(g.warnings, func(s startWarning) bool { return s.message == bypassMessage })
	w.run(routes, "", yes, 0)
	g.exposed, g.unseen = w.mayUpgrade && !bypassed, w.mayUpgrade || w.mayProxy
	g.rewrites = g.Unlisted == "pass" && g.rewritesBehind(routes)
	w = g.newWalk()
	if w.run(g.errorRoutes(), "", yes, 0); w.mayUpgrade {
		return g.Routes[0].errorf("handle_errors can switch protocols without a gate: write header_up -Upgrade in its proxy, or use respond or file_server")
	}
	return nil
}

// checkPath follows example requests for a path of a route.
func (g *Handler) checkPath(w *routeWalk, routes caddyhttp.RouteList, examples *examples, route *Route, prefix, own string) error {
	var all routeWalk // the results of all requests
	for _, pattern := range examples.pathsOf(prefix, own) {
		for _, filler := range fillers {
			same := w.runAll(routes, examples, location(strings.ReplaceAll(pattern, "*", filler)))
			switch {
			case same.upgrades && same.reaches:
				return route.errorf("path %s does not reach the gate for some methods, fields or queries: remove such matchers from the gate and from proxies before it", pattern)
			case same.upgrades:
				return route.errorf("path %s does not reach the gate: put websocket_gate before what answers this path, with no matcher that excludes it", pattern)
			case same.mayBypass && !all.mayBypass:
				g.warnings = append(g.warnings, startWarning{bypassMessage, route, pattern})
			}
			all.add(same)
		}
	}
	plain := w.runAll(routes, examples, location(strings.ReplaceAll(own, "*", fillers[0])))
	switch repeats := prefix != "" && strings.HasPrefix(own, prefix+"/"); {
	case repeats && !plain.reaches && plain.upgrades:
		return route.errorf("path %s does not reach the gate: the prefix %s is stripped from it; write the path without the prefix", own, prefix)
	case repeats && !plain.reaches:
		g.warnings = append(g.warnings, startWarning{prefixMessage, route, own})
	case all.reaches || all.mayBypass || prefix != "" && plain.reaches:
	case all.rejected:
		g.warnings = append(g.warnings, startWarning{rejectedMessage, route, prefix + own})
	case !all.guessed || !strings.HasSuffix(own, "/*"):
		g.warnings = append(g.warnings, startWarning{unreachedMessage, route, prefix + own})
	}
	return nil
}

// runAll follows all example requests for one path.
func (w *routeWalk) runAll(routes caddyhttp.RouteList, examples *examples, at location) *routeWalk {
	all := new(routeWalk)
	for _, request := range examples.choices {
		one := w.with(request)
		one.run(routes, at, yes, 0)
		all.add(one)
	}
	return all
}

// rewritesBehind reports whether a request that the gate passes as unlisted may reach the application with the path of a route.
func (g *Handler) rewritesBehind(routes caddyhttp.RouteList) bool {
	w := g.newWalk()
	for _, route := range g.Routes {
		w.behind = append(w.behind, route.Paths...)
	}
	w.run(routes, anywhere, yes, 0)
	return w.rewritten
}

// startWarning is about a route for which the gate is not in force. It may be intended.
type startWarning struct {
	message string
	route   *Route
	path    string
}

const (
	bypassMessage    = "some requests for the route bypass the gate"
	rejectedMessage  = "another gate rejects requests for the route"
	unreachedMessage = "no request for the route reaches the gate"
	prefixMessage    = "path of the route has a stripped prefix"
)

func (g *Handler) newWalk() *routeWalk {
	return &routeWalk{named: g.server.NamedRoutes, own: idsOf(g.Routes)}
}

// siteRoutes returns the routes of the server that a request for the gate's site can reach, and the hosts of the site.
func (g *Handler) siteRoutes() (routes caddyhttp.RouteList, site *hosts) {
	var patterns []string
	everyHost := false
	current := slices.IndexFunc(g.server.Routes, func(route caddyhttp.Route) bool { return len(route.HandlersRaw) > 0 })
	for i, route := range g.server.Routes {
		switch {
		case current >= 0 && i == current, current < 0 && g.holds(route):
			of := hostsOfRoute(route)
			patterns, everyHost = append(patterns, of...), everyHost || len(of) == 0
			route.MatcherSets = withoutHosts(route.MatcherSets)
			routes = append(routes, route)
		case !route.Terminal || len(hostsOfRoute(route)) == 0:
			routes = append(routes, route)
		}
	}
	if everyHost {
		return routes, nil
	}
	return routes, hostsOfPatterns(patterns)
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

// errorRoutes returns the error routes of the gate's site. Those of other sites have other hosts. A wildcard covers the hosts of
// several sites.
func (g *Handler) errorRoutes() caddyhttp.RouteList {
	if g.server.Errors == nil {
		return nil
	}
	own := hostsOfPatterns(lifecycle.Hosts(g.server))
	return slices.DeleteFunc(slices.Clone(g.server.Errors.Routes), func(route caddyhttp.Route) bool {
		return own.common(hostsOfPatterns(hostsOfRoute(route))) == 0
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

// warnOfNotInForce warns, once the configuration has started, of routes whose requests do not all reach the gate, and of a proxy of
// the site that has no gate before it, or that gets rewritten paths.
func (g *Handler) warnOfNotInForce() {
	for _, w := range g.warnings {
		fields := []zap.Field{zap.String("route", w.route.Name), zap.String("path", w.path), zap.String("source", w.route.Source)}
		switch w.message {
		case rejectedMessage:
			fields = append(fields, zap.String("remedy", "write all routes into one gate, or unlisted pass into the first"))
		case prefixMessage:
			fields = append(fields, zap.String("remedy", "write the path without the prefix, or handle in place of handle_path"))
		}
		g.logger.Warn(w.message, fields...)
	}
	if g.rewrites {
		g.logger.Warn("rewrites behind unlisted pass may open routes", zap.String("source", g.Routes[0].Source))
	}
	if g.exposed {
		g.logger.Warn("other paths can switch protocols without a gate", zap.String("source", g.Routes[0].Source))
	}
}
