package statuspage

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
)

// isLoopback reports whether a server listens only on loopback addresses and Unix sockets.
func isLoopback(server *caddyhttp.Server) bool {
	if server == nil || len(server.Listen) == 0 {
		return false
	}
	for _, listen := range server.Listen {
		address, err := caddy.ParseNetworkAddress(listen)
		if err != nil || !address.IsUnixNetwork() && !isLoopbackHost(address.Host) {
			return false
		}
	}
	return true
}

func isLoopbackHost(host string) bool {
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.IsLoopback()
}

// isProtected reports whether an authentication handler comes before each status page of the route that is being provisioned.
// Caddy has loaded the handlers of earlier routes by then, and has those of the current route as JSON.
func isProtected(server *caddyhttp.Server) bool {
	if server == nil {
		return false
	}
	current := slices.IndexFunc(server.Routes, lifecycle.IsUnloaded)
	if current < 0 {
		return false
	}
	encoded, err := json.Marshal(server.Routes[current].HandlersRaw)
	if err != nil {
		return false
	}
	var handlers []any
	if json.Unmarshal(encoded, &handlers) != nil {
		return false
	}
	found, protected := protects(handlers, nil, nil)
	return found && protected
}

// protects walks handlers in order. guards are the matchers of authentication handlers before them, nil for one that guards all
// requests. matcher is the matcher of the route. It reports whether there is a status page that needs protection, and whether
// each has it.
func protects(handlers []any, guards []any, matcher any) (found, protected bool) {
	protected = true
	for _, element := range handlers {
		handler, _ := element.(map[string]any)
		switch handler["handler"] {
		case "authentication":
			guards = append(slices.Clone(guards), matcherOfAll)
		case "usher_status":
			if isPublic, _ := handler["public"].(bool); !isPublic {
				found = true
				protected = protected && isGuarded(guards, matcher)
			}
		default:
			routes, _ := handler["routes"].([]any)
			inFound, inProtected := protectsRoutes(routes, guards, matcher)
			found, protected = found || inFound, protected && inProtected
		}
	}
	return found, protected
}

// matcherOfAll marks an authentication handler that every request of the page passes.
const matcherOfAll = "all"

func isGuarded(guards []any, matcher any) bool {
	return slices.ContainsFunc(guards, func(guard any) bool {
		return guard == matcherOfAll || guard != nil && reflect.DeepEqual(guard, matcher)
	})
}

func protectsRoutes(routes []any, guards []any, outer any) (found, protected bool) {
	protected = true
	for _, element := range routes {
		route, _ := element.(map[string]any)
		handlers, _ := route["handle"].([]any)
		matcher := route["match"]
		inner := matcher
		if inner == nil {
			inner = outer
		}
		inFound, inProtected := protects(handlers, guards, inner)
		found, protected = found || inFound, protected && inProtected
		if slices.ContainsFunc(handlers, isAuthentication) {
			if matcher == nil {
				matcher = matcherOfAll
			}
			guards = append(slices.Clone(guards), matcher)
		}
	}
	return found, protected
}

func isAuthentication(element any) bool {
	handler, _ := element.(map[string]any)
	return handler["handler"] == "authentication"
}
