package websocketgate

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// routeWalk follows a request through the routes of a server, up to the first handler that responds. It finds handlers that can
// switch protocols before a gate. While Caddy provisions a gate, some routes are loaded and others are JSON. routeWalk reads both.
type routeWalk struct {
	named   map[string]*caddyhttp.Route
	own     []routeID                         // of the gate that walks
	of      *replay                           // the handshake of an open socket; nil for other walks
	site    *hosts                            // of the request
	tls     bool                              // the request is encrypted
	request *choices                          // nil: any request
	through bool                              // the walk continues behind the gate with a handshake that the gate admits
	behind  []string                          // paths of its routes, for a walk that continues behind the gate with what the gate passes
	ctx     caddy.Context                     // of the examples
	derived []string                          // placeholders whose value the client chooses, set by map and vars
	parsed  map[*caddyhttp.Route]*parsedRoute // nil: a route is read each time

	// results
	upgrades   bool       // the request reaches a handler that can switch protocols
	mayBypass  bool       // the request reaches such a handler if a matcher matches that the client does not choose
	mayUpgrade bool       // some requests reach a handler that can switch protocols
	mayProxy   bool       // some requests reach a proxy that cannot switch protocols
	reaches    bool       // the request may reach the gate
	rejected   bool       // another gate rejects the request
	guessed    bool       // the result of a regular expression may differ for other paths of the route
	rewritten  bool       // a request that the gate passed may reach a handler that can switch protocols, with the path of a route
	upstreams  []string   // of the proxies that can switch protocols
	gates      []*Handler // loaded gates that some requests reach
	admitted   bool       // with through: the request is behind the gate
	dropped    bool       // with through: a handler removes Upgrade or Connection
	served     bool       // with through: the request may reach a handler that can switch protocols, behind the gate
	asked      []string   // with through: the upstreams of a forward_auth behind the gate that forwards Upgrade
}

// parsedRoute is a route as the walk reads it. One gate walks each route many times.
type parsedRoute struct {
	sets  [][]any
	steps []step
}

func (w *routeWalk) parse(route *caddyhttp.Route) *parsedRoute {
	parsed := w.parsed[route]
	if parsed == nil {
		parsed = &parsedRoute{w.parseSets(route.MatcherSetsRaw, route.MatcherSets), stepsOf(route, w.named)}
		if w.parsed != nil {
			w.parsed[route] = parsed
		}
	}
	return parsed
}

// with returns the walk of one example request.
func (w *routeWalk) with(request *choices) *routeWalk {
	return &routeWalk{named: w.named, own: w.own, site: w.site, tls: w.tls, derived: w.derived, parsed: w.parsed, request: request}
}

// add adds the results of another walk.
func (w *routeWalk) add(other *routeWalk) {
	w.upgrades, w.mayBypass = w.upgrades || other.upgrades, w.mayBypass || other.mayBypass
	w.reaches, w.guessed, w.rejected = w.reaches || other.reaches, w.guessed || other.guessed, w.rejected || other.rejected
}

// location is the path of a request after the rewrites so far.
type location string

// Locations that are no paths.
const (
	anywhere  location = ""          // any path
	passed    location = "passed"    // any path that is not of a route, behind the gate
	intoRoute location = "intoRoute" // a path behind the gate that a rewrite may have made the path of a route
)

func (at location) isPath() bool { return strings.HasPrefix(string(at), "/") }

// step is one handler.
type step struct {
	kind      stepKind
	routes    caddyhttp.RouteList
	errors    caddyhttp.RouteList   // the error routes of a subroute
	responses []caddyhttp.RouteList // the handle_response routes of a proxy or of intercept
	gate      []routeID             // the routes of a gate
	paths     []string              // of these routes
	passes    bool                  // the gate passes other paths
	handler   *Handler              // a loaded gate
	upstreams []string              // of a loaded proxy
	strip     string                // of a rewrite
	uri       string                // of a rewrite
	replaces  bool                  // a rewrite changes parts of the path
	asks      bool                  // a proxy handles successful responses, as forward_auth does
	sets      map[string]string     // placeholders that the handler sets, and the text of their values
	drops     bool                  // removes Upgrade or Connection from the request
	foreign   bool                  // neither of Caddy nor of usher: may switch protocols
}

// inner returns all routes within the handler.
func (s *step) inner() []caddyhttp.RouteList { return append(s.responses, s.routes, s.errors) }

// routeID distinguishes the routes of gates. Routes from JSON have no source.
type routeID struct {
	Name   string `json:"name"`
	Source string `json:"source"`
}

func idsOf(routes []*Route) (ids []routeID) {
	for _, route := range routes {
		if route != nil {
			ids = append(ids, routeID{route.Name, route.Source})
		}
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

// run reports whether the request ends in the routes, and its path after them. reach says whether it reaches the routes.
func (w *routeWalk) run(routes caddyhttp.RouteList, at location, reach match, depth int) (after location, ends bool) {
	if depth > maxDepth {
		return at, true
	}
	taken := make(map[string]bool)
	for i := range routes {
		route := &routes[i]
		parsed := w.parse(route)
		admitted := w.admitted
		matched := w.matchRoute(route, parsed, at)
		if matched == no || route.Group != "" && taken[route.Group] {
			continue
		}
		if route.Group != "" && matched == yes {
			taken[route.Group] = true
		}
		if file := w.fallbackOf(parsed); file != "" && at.isPath() {
			at = file
			continue
		}
		moved, ends := w.steps(parsed.steps, at, min(reach, matched), depth)
		if matched != yes {
			if ends || route.Terminal || route.Group != "" {
				w.admitted = admitted // the next route gets other requests
			}
			switch {
			case ends || route.Terminal:
				reach = min(reach, matched)
			case moved == passed || moved == intoRoute:
				at = moved
			case moved != at:
				at = anywhere
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

func (w *routeWalk) matchRoute(route *caddyhttp.Route, parsed *parsedRoute, at location) match {
	if w.of != nil {
		return w.of.matchRoute(route, at)
	}
	return w.matchSets(parsed.sets, at)
}

// passes reports that the gate passes the handshake of the walk to the next handlers, since it lacks the route.
func (w *routeWalk) passes(g *Handler) bool {
	return w.of != nil && g != nil && g.Unlisted == "pass" && !slices.Contains(g.routeNames(), w.of.route)
}

func (w *routeWalk) steps(steps []step, at location, reach match, depth int) (after location, ends bool) {
	for _, s := range steps {
		continues := w.runInner(&s, depth)
		w.follow(&s, reach, continues)
		switch s.kind {
		case stepGate:
			if slices.Equal(w.own, s.gate) && w.behind != nil {
				at = passed
			} else if !w.gate(&s, at) {
				return at, true
			}
		case stepResponds:
			return at, true
		case stepProxyUpgrade:
			w.mayUpgrade = true
			w.rewritten = w.rewritten || w.moved(at, s) == intoRoute
			w.upstreams = append(w.upstreams, s.upstreams...)
			if !continues {
				w.upgrades = w.upgrades || reach == yes
				w.mayBypass = w.mayBypass || reach == maybe
				return at, true
			}
		case stepSubroute:
			if at, ends = w.run(s.routes, at, reach, depth+1); ends {
				return at, true
			}
		case stepProxyHTTP:
			w.mayProxy = w.mayProxy || !continues
		case stepRewrite:
			at = w.moved(at, s)
		}
	}
	return at, false
}

// gate reports whether the request may continue behind a gate without a key. A route of another gate guards its path, so the
// request counts as one that reaches this gate.
func (w *routeWalk) gate(s *step, at location) (continues bool) {
	if w.of != nil {
		if s.handler != nil {
			w.gates = append(w.gates, s.handler)
		}
		return w.passes(s.handler)
	}
	listed := slices.ContainsFunc(s.paths, func(pattern string) bool { return matchPath(pattern, string(at)) })
	switch {
	case w.through && slices.Equal(w.own, s.gate):
		w.admitted = true
		return true
	case slices.Equal(w.own, s.gate), listed:
		w.reaches = w.reaches || listed || !at.isPath() // a rewrite may have moved the path
		return false
	case w.request == nil || !at.isPath():
		return false
	default:
		w.rejected = w.rejected || !s.passes
		return s.passes
	}
}

// runInner follows requests through the routes that a handler runs after a response or an error. Such a request may still be a
// handshake. continues reports that the handler calls the next one after some responses, as forward_auth does.
func (w *routeWalk) runInner(s *step, depth int) (continues bool) {
	for _, routes := range s.responses {
		_, ends := w.run(routes, "", unknown, depth+1)
		continues = continues || !ends
	}
	w.run(s.errors, "", unknown, depth+1)
	return continues
}
