package lifecycle

import (
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// HTTPApp returns the HTTP app of the configuration that is being provisioned, or nil. It tells configurations apart.
func HTTPApp(ctx caddy.Context) *caddyhttp.App {
	for _, module := range ctx.Modules() {
		if app, ok := module.(*caddyhttp.App); ok {
			return app
		}
	}
	return nil
}

// Hosts returns the hosts of the route whose handlers are being provisioned, in order: Caddy has the matchers of all routes of a
// server by then, and provisions the handlers of one route after the other. It returns none for a route of every host.
func Hosts(server *caddyhttp.Server) []string {
	current := slices.IndexFunc(server.Routes, func(route caddyhttp.Route) bool {
		return len(route.Handlers) == 0 && len(route.HandlersRaw) > 0
	})
	if current < 0 {
		return nil // a named route, which any of the others may invoke
	}
	var hosts []string
	for _, set := range server.Routes[current].MatcherSets {
		for _, matcher := range set {
			if host, ok := matcher.(*caddyhttp.MatchHost); ok {
				hosts = append(hosts, *host...)
			}
		}
	}
	slices.Sort(hosts)
	return hosts
}
