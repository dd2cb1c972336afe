package websocketgate

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
)

// handlerJSON is what routeWalk reads of a handler.
type handlerJSON struct {
	Handler     string                    `json:"handler"`
	Name        string                    `json:"name"`              // of invoke
	URI         string                    `json:"uri"`               // of rewrite
	StripPrefix string                    `json:"strip_path_prefix"` // of rewrite
	Method      string                    `json:"method"`            // of rewrite
	Transport   struct{ Protocol string } `json:"transport"`         // of reverse_proxy
	Rewrite     json.RawMessage           `json:"rewrite"`           // of reverse_proxy
	Headers     *headers.Handler          `json:"headers"`           // of reverse_proxy
	Routes      json.RawMessage           `json:"routes"`            // of subroute and gate
}

// stepsOf returns the handlers of a route, loaded or not.
func stepsOf(route *caddyhttp.Route, named map[string]*caddyhttp.Route) []step {
	var steps []step
	for _, raw := range route.HandlersRaw {
		var h handlerJSON
		if json.Unmarshal(raw, &h) == nil {
			steps = append(steps, stepOfJSON(h, named))
		}
	}
	for _, handler := range route.Handlers {
		steps = append(steps, stepOfLoaded(handler, named))
	}
	return steps
}

func stepOfJSON(h handlerJSON, named map[string]*caddyhttp.Route) step {
	switch h.Handler {
	case "websocket_gate":
		s := step{kind: stepGate}
		_ = json.Unmarshal(h.Routes, &s.gate)
		return s
	case "subroute":
		s := step{kind: stepSubroute}
		_ = json.Unmarshal(h.Routes, &s.routes)
		return s
	case "invoke":
		return invoked(h.Name, named)
	case "rewrite":
		return step{kind: stepRewrite, strip: h.StripPrefix, uri: h.URI}
	case "reverse_proxy":
		if h.Transport.Protocol == "fastcgi" && len(h.Rewrite) == 0 {
			return step{kind: stepProxyHTTP}
		}
		if len(h.Rewrite) > 0 {
			return step{} // forward_auth rewrites its request, and the response goes to the next handler
		}
		return stepOfProxy(h.Headers)
	default:
		return stepOfName(h.Handler)
	}
}

func stepOfLoaded(handler caddyhttp.MiddlewareHandler, named map[string]*caddyhttp.Route) step {
	switch h := handler.(type) {
	case *Handler:
		return step{kind: stepGate, gate: h.routeIDs()}
	case *caddyhttp.Subroute:
		return step{kind: stepSubroute, routes: h.Routes}
	case *caddyhttp.Invoke:
		return invoked(h.Name, named)
	case *rewrite.Rewrite:
		return step{kind: stepRewrite, strip: h.StripPathPrefix, uri: h.URI}
	case *reverseproxy.Handler:
		transport, _ := h.Transport.(caddy.Module)
		if h.Rewrite != nil {
			return step{}
		}
		if transport != nil && transport.CaddyModule().ID.Name() == "fastcgi" {
			return step{kind: stepProxyHTTP}
		}
		return stepOfProxy(h.Headers)
	case caddy.Module:
		return stepOfName(h.CaddyModule().ID.Name())
	default:
		return step{}
	}
}

// stepOfProxy recognizes a reverse_proxy with header_up -Upgrade. Such a proxy sends no handshake to its upstream.
func stepOfProxy(changes *headers.Handler) step {
	if changes == nil || changes.Request == nil || !slices.ContainsFunc(changes.Request.Delete, isUpgrade) {
		return step{kind: stepProxyUpgrade}
	}
	for field := range changes.Request.Set {
		if isUpgrade(field) {
			return step{kind: stepProxyUpgrade}
		}
	}
	return step{kind: stepProxyHTTP}
}

func isUpgrade(field string) bool { return strings.EqualFold(field, "Upgrade") }

func stepOfName(name string) step {
	switch name {
	case "websocket_tunnel":
		return step{kind: stepProxyUpgrade}
	case "static_response", "error", "file_server":
		return step{kind: stepResponds}
	default:
		return step{}
	}
}

func invoked(name string, named map[string]*caddyhttp.Route) step {
	if route := named[name]; route != nil {
		return step{kind: stepSubroute, routes: caddyhttp.RouteList{*route}}
	}
	return step{}
}

// match says whether a request reaches a route.
type match uint8

const (
	no match = iota
	maybe
	yes
)

func matchRoute(route *caddyhttp.Route, at location) match {
	best, sets := no, 0
	for _, set := range route.MatcherSetsRaw {
		best, sets = max(best, matchSet(lifecycle.RawPaths(set), len(set), at)), sets+1
	}
	for _, set := range route.MatcherSets {
		best, sets = max(best, matchSet(lifecycle.LoadedPaths(set), len(set), at)), sets+1
	}
	if sets == 0 {
		return yes
	}
	return best
}

// matchSet evaluates the path matcher of a set. Any other matcher may match or not.
func matchSet(paths []string, matchers int, at location) match {
	others := matchers
	if paths != nil {
		others--
		switch {
		case at == "":
			if !slices.Contains(paths, "*") && !slices.Contains(paths, "/*") {
				return maybe
			}
		case !slices.ContainsFunc(paths, func(pattern string) bool { return matchPath(pattern, string(at)) }):
			return no
		}
	}
	if others > 0 {
		return maybe
	}
	return yes
}

// matchPath is Caddy's path matcher for a clean path.
func matchPath(pattern, at string) bool {
	pattern, at = strings.ToLower(pattern), strings.ToLower(at)
	before, hasBefore := strings.CutPrefix(pattern, "*")
	middle, hasAfter := strings.CutSuffix(before, "*")
	switch {
	case strings.Contains(middle, "*") || strings.ContainsAny(middle, "?["):
		matched, _ := path.Match(pattern, at)
		return matched
	case hasBefore && hasAfter:
		return strings.Contains(at, middle)
	case hasBefore:
		return strings.HasSuffix(at, before)
	case hasAfter:
		return strings.HasPrefix(at, middle)
	default:
		return at == pattern
	}
}
