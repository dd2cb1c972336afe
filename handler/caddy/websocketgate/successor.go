package websocketgate

import (
	"cmp"
	"fmt"
	"slices"
	"sync/atomic"
)

// siteOf returns an ID that is stable across reloads and unique per site. A gate takes the ID of its predecessor: the gate at a
// common port and host with the most in common. Adding or removing a host, a route or a site does not change the IDs of the
// others.
//
// Caddy makes several gates of one directive if its site has several servers (http://example.com, https://example.com).
// These gates share an ID.
func siteOf(g *Handler, all []*Handler) string {
	taken := make(map[string]bool) // by gates of this configuration
	for _, other := range all {
		if other.app != g.app {
			continue
		}
		if sameDirective(g, other) {
			return other.site
		}
		taken[other.site] = true
	}
	site, best := "", likeness{}
	for _, other := range all {
		if other.app == g.app || taken[other.site] {
			continue
		}
		if like, related := likenessOf(g, other); related && (site == "" || like.compare(best) > 0) {
			site, best = other.site, like
		}
	}
	if site == "" {
		site = fmt.Sprintf("site %d", siteCount.Add(1))
	}
	return site
}

// siteCount counts the gates of the process that had no predecessor.
var siteCount atomic.Int64

// sameDirective reports whether two gates of one configuration come from the same directive of a Caddyfile. Routes from JSON
// have no source, and are never the same.
func sameDirective(g, other *Handler) bool {
	return slices.EqualFunc(g.Routes, other.Routes, func(route, theirs *Route) bool {
		return route.Source != "" && route.Source == theirs.Source
	})
}

// likeness is how much two gates of different configurations have in common.
type likeness struct {
	sameWay       int // 1: the same matchers lead to both
	hosts, routes int // in common
}

func (l likeness) compare(other likeness) int {
	return cmp.Or(cmp.Compare(l.sameWay, other.sameWay), cmp.Compare(l.hosts, other.hosts), cmp.Compare(l.routes, other.routes))
}

// likenessOf compares two gates. Gates without a common port, host and route are not related.
func likenessOf(g, other *Handler) (like likeness, related bool) {
	like.hosts, like.routes = g.scope.hosts.common(other.scope.hosts), routesInCommon(g, other)
	if g.scope.sameWay(&other.scope) {
		like.sameWay = 1
	}
	return like, like.hosts > 0 && like.routes > 0 && (g.server == nil && other.server == nil || g.scope.sharesPort(&other.scope))
}

// routesInCommon counts the routes with the same name and paths.
func routesInCommon(g, other *Handler) (common int) {
	for _, route := range g.Routes {
		if slices.ContainsFunc(other.Routes, func(theirs *Route) bool {
			return theirs.Name == route.Name && slices.Equal(theirs.Paths, route.Paths)
		}) {
			common++
		}
	}
	return common
}
