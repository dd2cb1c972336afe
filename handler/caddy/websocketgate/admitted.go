package websocketgate

import (
	"strings"

	"go.uber.org/zap"
)

// warnOfAdmitted warns, once the configuration has started, of admitted handshakes that reach a forward_auth with their Upgrade
// field, whose service may then open the socket, or that reach no handler that can open a socket.
func (g *Handler) warnOfAdmitted() {
	if g.server == nil {
		return
	}
	routes, _ := g.siteRoutes()
	prefix, found := g.newWalk().prefixOf(routes, 0)
	if !found {
		return
	}
	for _, route := range g.Routes {
		for _, path := range route.Paths {
			example := location(strings.ReplaceAll(prefix+path, "*", fillers[0]))
			w := g.newWalk()
			w.through = true
			w.run(routes, example, yes, 0)
			fields := []zap.Field{zap.String("route", route.Name), zap.String("path", prefix+path), zap.String("source", route.Source)}
			if len(w.asked) > 0 {
				g.logger.Warn("forward_auth forwards handshakes; its service may accept them",
					append(fields, zap.Strings("upstreams", w.asked), zap.String("remedy", "header_up -Upgrade"))...)
			}
			if strings.HasSuffix(path, "/*") { // a handler may take a part of the paths
				w = g.newWalk()
				w.through = true
				w.run(routes, anywhere, yes, 0)
			}
			if w.admitted && !w.served {
				g.logger.Warn("handshakes over HTTP/1.1 cannot open sockets",
					append(fields, zap.String("remedy", "reverse_proxy or websocket_tunnel, without -Upgrade before it"))...)
			}
		}
	}
}

// follow records what an admitted handshake reaches.
func (w *routeWalk) follow(s *step, reach match, continues bool) {
	w.dropped = w.dropped || w.through && s.drops && reach == yes
	switch {
	case !w.admitted || w.dropped || s.kind != stepProxyUpgrade && !s.foreign:
	case s.asks && continues:
		w.asked = append(w.asked, strings.Join(s.upstreams, " "))
	default:
		w.served = true
	}
}
