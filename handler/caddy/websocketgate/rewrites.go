package websocketgate

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"
)

// moved returns the path of a request behind a rewrite.
func (w *routeWalk) moved(at location, s step) location {
	switch {
	case at == passed && w.mayHitRoute(s):
		return intoRoute
	case !at.isPath() && at != anywhere:
		return at
	case at == anywhere || s.replaces || s.strip == "" && s.uri == "":
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

// mayHitRoute reports whether a rewrite can make the path of a route from a path that the gate passes. Removing a prefix cannot: the
// gate rejects every path that contains the path of a route.
func (w *routeWalk) mayHitRoute(s step) bool {
	if s.replaces {
		return true
	}
	uri, _, _ := strings.Cut(s.uri, "?")
	if uri == "" || uri == "{http.request.uri}" || uri == "{http.request.uri.path}" || strings.HasPrefix(uri, "{http.matchers.file.") {
		return false
	}
	start, _, isOpen := strings.Cut(uri, "{")
	return slices.ContainsFunc(w.behind, func(pattern string) bool {
		base, isWildcard := strings.CutSuffix(pattern, "*")
		switch {
		case isOpen:
			return strings.HasPrefix(base, start) || isWildcard && strings.HasPrefix(start, base)
		default:
			return matchPath(pattern, start)
		}
	})
}

// fallbackOf returns the last file of a route that try_files makes. No other file of it has the name of a socket's path.
func (w *routeWalk) fallbackOf(parsed *parsedRoute) location {
	if w.request == nil && !w.through || len(parsed.sets) != 1 || len(parsed.sets[0]) != 1 || len(parsed.steps) != 1 {
		return ""
	}
	m, ok := parsed.sets[0][0].(*fileserver.MatchFile)
	if !ok || len(m.TryFiles) == 0 || !strings.HasPrefix(parsed.steps[0].uri, "{http.matchers.file.relative}") {
		return ""
	}
	file := m.TryFiles[len(m.TryFiles)-1]
	if strings.ContainsAny(file, "{*") || strings.HasPrefix(file, "=") {
		return ""
	}
	return location("/" + strings.TrimPrefix(file, "/"))
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
			}
			for _, routes := range s.inner() {
				if within, ok := w.prefixOf(routes, depth+1); ok {
					return stripped + within, true
				}
			}
		}
	}
	return "", false
}
