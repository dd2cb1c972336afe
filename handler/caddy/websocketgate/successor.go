package websocketgate

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
)

// siteOf returns an ID that is stable across reloads and unique per site. A gate takes the ID of its predecessor: the gate on
// the same addresses and hosts with the most routes in common. Adding or removing a route or a site does not change the IDs
// of the others.
//
// Caddy makes several gates of one directive if its site has several servers (http://example.com, https://example.com).
// These gates share an ID.
func siteOf(g *Handler, all []*Handler) string {
	site, most := "", 0
	for _, other := range all {
		if other.app == g.app {
			if sameDirective(g, other) {
				return other.site
			}
			continue
		}
		if other.siteKey != g.siteKey || hasSuccessor(all, other, g) {
			continue
		}
		if common := routesInCommon(g, other); common > most {
			site, most = other.site, common
		}
	}
	if site == "" {
		site = fmt.Sprintf("%s\n#%d", g.siteKey, siteCount.Add(1))
	}
	return site
}

// siteCount counts the gates of the process that had no predecessor.
var siteCount atomic.Int64

// hasSuccessor reports whether another gate of g's configuration is the successor of other.
func hasSuccessor(all []*Handler, other, g *Handler) bool {
	return slices.ContainsFunc(all, func(sibling *Handler) bool {
		return sibling.app == g.app && sibling.site == other.site
	})
}

// sameDirective reports whether two gates of one configuration come from the same directive of a Caddyfile. Routes from JSON
// have no source, and are never the same.
func sameDirective(g, other *Handler) bool {
	return slices.EqualFunc(g.Routes, other.Routes, func(route, theirs *Route) bool {
		return route.Source != "" && route.Source == theirs.Source
	})
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

// siteKeyOf returns the listen addresses and the hosts of the gate's site.
func siteKeyOf(g *Handler) string {
	if g.server == nil {
		return ""
	}
	return strings.Join(append(slices.Clone(g.server.Listen), lifecycle.Hosts(g.server)...), "\n")
}
