package websocketgate

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
)

// siteOf names the gate so that its successor after a reload has the same name, and no other gate has. The predecessor is
// the gate on the same addresses and hosts with which it has the most routes in common: a route that comes or goes changes
// nothing for the others, nor does a site that does.
//
// A site on several addresses (http://example.com, https://example.com) has several servers, for each of which Caddy makes
// a gate of the same words. They have one name: a route is what somebody wrote, once.
func siteOf(g *Handler, all []*Handler) string {
	site, most := "", 0
	for _, other := range all {
		if other.app == g.app {
			if sameWords(g, other) {
				return other.site
			}
			continue
		}
		if other.place != g.place || takenOver(all, other, g) {
			continue
		}
		if common := routesInCommon(g, other); common > most {
			site, most = other.site, common
		}
	}
	if site == "" {
		site = fmt.Sprintf("%s\n#%d", g.place, sitesNamed.Add(1))
	}
	return site
}

// sitesNamed counts the gates of the process that had no predecessor.
var sitesNamed atomic.Int64

// takenOver reports whether another gate of g's configuration is the successor of other.
func takenOver(all []*Handler, other, g *Handler) bool {
	return slices.ContainsFunc(all, func(sibling *Handler) bool {
		return sibling.app == g.app && sibling.site == other.site
	})
}

// sameWords reports whether two gates of one configuration come of the same directive of a Caddyfile. Of JSON nobody can tell.
func sameWords(g, other *Handler) bool {
	return slices.EqualFunc(g.Routes, other.Routes, func(route, theirs *Route) bool {
		return route.Source != "" && route.Source == theirs.Source
	})
}

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

// placeOf is what the gate's server listens on, and the hosts that the gate is for.
func placeOf(g *Handler) string {
	if g.server == nil {
		return ""
	}
	return strings.Join(append(slices.Clone(g.server.Listen), lifecycle.Hosts(g.server)...), "\n")
}
