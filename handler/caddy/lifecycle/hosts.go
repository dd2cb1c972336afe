package lifecycle

import (
	"encoding/json"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// HTTPApp returns the HTTP app of the configuration that is being provisioned, or nil. It identifies the configuration.
func HTTPApp(ctx caddy.Context) *caddyhttp.App {
	for _, module := range ctx.Modules() {
		if app, ok := module.(*caddyhttp.App); ok {
			return app
		}
	}
	return nil
}

// Hosts returns the hosts of the server's route whose handlers are being provisioned, in order. It returns none for a route of
// every host.
func Hosts(server *caddyhttp.Server) []string {
	route := provisioning(server.Routes)
	if route == nil {
		return nil // a named route, which any other route may invoke
	}
	return HostsOf(route)
}

// HostsOf returns the hosts of a route, in order. Its matchers may be loaded or not.
func HostsOf(route *caddyhttp.Route) []string {
	var hosts []string
	for _, set := range route.MatcherSetsRaw {
		var names caddyhttp.MatchHost
		if json.Unmarshal(set["host"], &names) == nil && names.Provision(caddy.Context{}) == nil {
			hosts = append(hosts, names...)
		}
	}
	for _, set := range route.MatcherSets {
		for _, matcher := range set {
			if host, ok := matcher.(*caddyhttp.MatchHost); ok {
				hosts = append(hosts, *host...)
			}
		}
	}
	slices.Sort(hosts)
	return hosts
}

// RoutesTo returns the routes that lead to the module that is being provisioned: a route of the server, then one of each
// subroute. It returns none for a module in a named route or an error route.
func RoutesTo(ctx caddy.Context) []*caddyhttp.Route {
	server := Server(ctx)
	if server == nil {
		return nil
	}
	route := provisioning(server.Routes)
	if route == nil {
		return nil
	}
	routes := []*caddyhttp.Route{route}
	for _, module := range ctx.Modules() {
		if subroute, ok := module.(*caddyhttp.Subroute); ok {
			if route := provisioning(subroute.Routes); route != nil {
				routes = append(routes, route)
			}
		}
	}
	return routes
}

// provisioning returns the route of a list whose handlers are being provisioned, or nil. Caddy provisions the matchers of the
// whole list first, then the handlers of one route after the other.
func provisioning(routes caddyhttp.RouteList) *caddyhttp.Route {
	if i := slices.IndexFunc(routes, IsUnloaded); i >= 0 {
		return &routes[i]
	}
	return nil
}

// IsUnloaded reports a route whose handlers are not loaded yet. The first such route of a list is being provisioned.
func IsUnloaded(route caddyhttp.Route) bool {
	return len(route.Handlers) == 0 && len(route.HandlersRaw) > 0
}
