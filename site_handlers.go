package usher

import (
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// eachHandler visits the handlers of routes that are loaded, and of the routes within them, in the order in which they stand.
func eachHandler(routes caddyhttp.RouteList, visit func(caddyhttp.MiddlewareHandler)) {
	for _, route := range routes {
		for _, handler := range route.Handlers {
			visit(handler)
			if within, ok := handler.(*caddyhttp.Subroute); ok {
				eachHandler(within.Routes, visit)
			}
		}
	}
}

// eachAround visits the handlers that a request may come to, beside this one: not those of other sites, whose routes are
// terminal, nor those of a `handle` that excludes the handler's own.
func eachAround(own caddyhttp.MiddlewareHandler, routes caddyhttp.RouteList, visit func(caddyhttp.MiddlewareHandler)) {
	at := slices.IndexFunc(routes, func(route caddyhttp.Route) bool { return holds(route, own) })
	for i, route := range routes {
		if i != at && at >= 0 && (route.Terminal || route.Group != "" && route.Group == routes[at].Group) {
			continue
		}
		for _, handler := range route.Handlers {
			visit(handler)
			if within, ok := handler.(*caddyhttp.Subroute); ok {
				eachAround(own, within.Routes, visit)
			}
		}
	}
}

func holds(route caddyhttp.Route, own caddyhttp.MiddlewareHandler) bool {
	found := false
	eachHandler(caddyhttp.RouteList{route}, func(handler caddyhttp.MiddlewareHandler) { found = found || handler == own })
	return found
}
