package websocketgate

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// routeWalk follows a request through the routes of a server, up to the first handler that responds. It finds handlers that can
// switch protocols before a gate. While Caddy provisions a gate, some routes are loaded and others are JSON. routeWalk reads both.
type routeWalk struct {
	named map[string]*caddyhttp.Route
	own   []routeID // of the gate that walks

	// results
	upgrades   bool // every request of the walk reaches a handler that can switch protocols
	mayUpgrade bool // some requests do
	mayProxy   bool // some requests reach a proxy that cannot
}

// location is the path of a request after the rewrites so far. "" means any path.
type location string

// step is one handler.
type step struct {
	kind   stepKind
	routes caddyhttp.RouteList
	gate   []routeID // the routes of a gate
	strip  string
	uri    string
}

// routeID distinguishes the routes of gates. Routes from JSON have no source.
type routeID struct {
	Name   string `json:"name"`
	Source string `json:"source"`
}

func (g *Handler) routeIDs() (ids []routeID) {
	for _, route := range g.Routes {
		ids = append(ids, routeID{route.Name, route.Source})
	}
	return ids
}

type stepKind uint8

const (
	stepNext         stepKind = iota // calls the next handler, or is unknown
	stepResponds                     // responds without an application
	stepProxyUpgrade                 // proxies, and can switch protocols
	stepProxyHTTP                    // proxies, and cannot switch protocols
	stepGate
	stepSubroute
	stepRewrite
)

// maxDepth limits the depth of subroutes, since named routes can invoke each other.
const maxDepth = 20

// run reports whether the request ends in the routes, and its path after them. certain means that every request reaches the
// routes.
func (w *routeWalk) run(routes caddyhttp.RouteList, at location, certain bool, depth int) (after location, ends bool) {
	if depth > maxDepth {
		return at, true
	}
	taken := make(map[string]bool)
	for i := range routes {
		route := &routes[i]
		matched := matchRoute(route, at)
		if matched == no || route.Group != "" && taken[route.Group] {
			continue
		}
		if route.Group != "" && matched == yes {
			taken[route.Group] = true
		}
		moved, ends := w.steps(stepsOf(route, w.named), at, certain && matched == yes, depth)
		if matched != yes {
			certain = certain && !ends
			if moved != at {
				at = ""
			}
			continue
		}
		at = moved
		if ends || route.Terminal {
			return at, true
		}
	}
	return at, false
}

func (w *routeWalk) steps(steps []step, at location, certain bool, depth int) (after location, ends bool) {
	for _, s := range steps {
		switch s.kind {
		case stepGate, stepResponds:
			return at, true
		case stepProxyUpgrade:
			w.mayUpgrade = true
			w.upgrades = w.upgrades || certain
			return at, true
		case stepSubroute:
			if at, ends = w.run(s.routes, at, certain, depth+1); ends {
				return at, true
			}
		case stepProxyHTTP:
			w.mayProxy = true
		case stepRewrite:
			at = at.moved(s)
		}
	}
	return at, false
}

func (at location) moved(s step) location {
	switch {
	case at == "" || s.strip == "" && s.uri == "":
		return ""
	case s.uri != "":
		uri, _, _ := strings.Cut(s.uri, "?")
		if strings.Contains(uri, "{") || !strings.HasPrefix(uri, "/") {
			return ""
		}
		return location(uri)
	default:
		stripped := strings.TrimPrefix(string(at), s.strip)
		if !strings.HasPrefix(stripped, "/") {
			stripped = "/" + stripped
		}
		return location(stripped)
	}
}

// prefixOf returns the prefix that handle_path strips before the gate. ok is false if the routes do not hold the gate.
func (w *routeWalk) prefixOf(routes caddyhttp.RouteList, depth int) (prefix string, ok bool) {
	stripped := ""
	for i := range routes {
		if depth > maxDepth {
			return "", false
		}
		for _, s := range stepsOf(&routes[i], w.named) {
			switch s.kind {
			case stepGate:
				if slices.Equal(w.own, s.gate) {
					return stripped, true
				}
			case stepRewrite:
				stripped += s.strip
			case stepSubroute:
				if within, ok := w.prefixOf(s.routes, depth+1); ok {
					return stripped + within, true
				}
			}
		}
	}
	return "", false
}
