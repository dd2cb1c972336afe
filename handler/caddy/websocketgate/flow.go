package websocketgate

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// flow answers what a request comes to in the routes of a server: a gate, or a handler that switches protocols without one. While
// Caddy provisions a gate, some routes are loaded and others are JSON. flow reads both.
type flow struct {
	named map[string]*caddyhttp.Route
	own   []routeID // the gate in question

	// what was found
	answered, mayBeAnswered bool
	mayBeServed             bool // by FastCGI, which switches no protocol
}

// location is the path of a request on its way through the routes. "" means any path.
type location string

// step is one handler.
type step struct {
	kind   stepKind
	routes caddyhttp.RouteList
	gate   []routeID // the routes of a gate
	strip  string
	uri    string
}

// routeID tells the routes of gates apart. Routes from JSON have no source.
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
	passes   stepKind = iota // it calls the next handler, or is not known
	answers                  // it answers itself and switches no protocol
	switches                 // it may switch protocols
	gates
	nests
	moves  // it rewrites the path
	serves // it asks an application and switches no protocol
)

// maxDepth ends the walk where named routes invoke each other.
const maxDepth = 20

// run reports whether the request ends in the routes. certain reports that the request comes to them.
func (f *flow) run(routes caddyhttp.RouteList, at location, certain bool, depth int) (after location, ends bool) {
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
		moved, ends := f.steps(stepsOf(route, f.named), at, certain && matched == yes, depth)
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

func (f *flow) steps(steps []step, at location, certain bool, depth int) (after location, ends bool) {
	for _, s := range steps {
		switch s.kind {
		case gates, answers:
			return at, true
		case switches:
			f.mayBeAnswered = true
			f.answered = f.answered || certain
			return at, true
		case nests:
			if at, ends = f.run(s.routes, at, certain, depth+1); ends {
				return at, true
			}
		case serves:
			f.mayBeServed = true
		case moves:
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

// prefixOf returns what handle_path strips on the way to the gate. ok=false: it is not there.
func (f *flow) prefixOf(routes caddyhttp.RouteList, depth int) (prefix string, ok bool) {
	stripped := ""
	for i := range routes {
		if depth > maxDepth {
			return "", false
		}
		for _, s := range stepsOf(&routes[i], f.named) {
			switch s.kind {
			case gates:
				if slices.Equal(f.own, s.gate) {
					return stripped, true
				}
			case moves:
				stripped += s.strip
			case nests:
				if within, ok := f.prefixOf(s.routes, depth+1); ok {
					return stripped + within, true
				}
			}
		}
	}
	return "", false
}
