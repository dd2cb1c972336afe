package websocketgate

import (
	"encoding/json"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/intercept"
	maphandler "github.com/caddyserver/caddy/v2/modules/caddyhttp/map"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
)

// handlerJSON is what routeWalk reads of a handler.
type handlerJSON struct {
	Handler     string            `json:"handler"`
	Name        string            `json:"name"`              // of invoke
	URI         string            `json:"uri"`               // of rewrite
	StripPrefix string            `json:"strip_path_prefix"` // of rewrite
	StripSuffix string            `json:"strip_path_suffix"` // of rewrite
	Substrings  []json.RawMessage `json:"uri_substring"`     // of rewrite
	PathRegexp  []json.RawMessage `json:"path_regexp"`       // of rewrite
	Rewrite     *handlerJSON      `json:"rewrite"`           // of reverse_proxy
	Method      string            `json:"method"`            // of rewrite
	Transport   transport         `json:"transport"`         // of reverse_proxy
	Headers     *headers.Handler  `json:"headers"`           // of reverse_proxy
	PassThru    bool              `json:"pass_thru"`         // of file_server
	Routes      json.RawMessage   `json:"routes"`            // of subroute and gate
	Unlisted    string            `json:"unlisted"`          // of gate
	Errors      struct {
		Routes caddyhttp.RouteList `json:"routes"`
	} `json:"errors"` // of subroute
	HandleResponse []caddyhttp.ResponseHandler `json:"handle_response"` // of reverse_proxy and intercept
}

// transport is what routeWalk reads of a transport of reverse_proxy.
type transport struct {
	Protocol string                  `json:"protocol"`
	Versions []string                `json:"versions"`
	TLS      *reverseproxy.TLSConfig `json:"tls"`
}

func transportOf(loaded http.RoundTripper) (t transport) {
	switch l := loaded.(type) {
	case *reverseproxy.HTTPTransport:
		t.Versions, t.TLS = l.Versions, l.TLS
	case caddy.Module:
		t.Protocol = l.CaddyModule().ID.Name()
	}
	return t
}

// switches reports whether the transport sends handshakes. FastCGI has none, and HTTP/2 without TLS has no Upgrade (RFC 9113, 8.6).
func (t transport) switches() bool {
	return t.Protocol != "fastcgi" && (t.TLS != nil || !slices.Contains(t.Versions, "h2c"))
}

// stepsOf returns the handlers of a route, loaded or not.
func stepsOf(route *caddyhttp.Route, named map[string]*caddyhttp.Route) []step {
	var steps []step
	for _, raw := range route.HandlersRaw {
		var h handlerJSON
		switch err := json.Unmarshal(raw, &h); {
		case h.Handler == "map" || h.Handler == "vars":
			steps = append(steps, stepOfSetter(h.Handler, raw))
		case err == nil:
			steps = append(steps, stepOfJSON(h, named))
		}
	}
	for _, handler := range route.Handlers {
		steps = append(steps, stepOfLoaded(handler, named))
	}
	return steps
}

// tunnel is a loaded websocket_tunnel.
type tunnel interface{ UpstreamAddresses() []string }

func stepOfJSON(h handlerJSON, named map[string]*caddyhttp.Route) step {
	switch h.Handler {
	case "websocket_gate":
		var gate Handler
		_ = json.Unmarshal(h.Routes, &gate.Routes)
		return stepOfGate(gate.Routes, h.Unlisted)
	case "subroute":
		s := step{kind: stepSubroute, errors: h.Errors.Routes}
		_ = json.Unmarshal(h.Routes, &s.routes)
		return s
	case "invoke":
		return invoked(h.Name, named)
	case "rewrite":
		return h.stepOfRewrite()
	case "reverse_proxy":
		s := stepOfProxy(h.Transport, h.Headers, h.HandleResponse)
		if h.Rewrite != nil {
			s.setRewrite(h.Rewrite.stepOfRewrite())
		}
		return s
	case "intercept":
		return step{responses: responseRoutes(h.HandleResponse)}
	case "file_server":
		return stepOfFiles(h.PassThru)
	default:
		return stepOfName(h.Handler)
	}
}

func stepOfLoaded(handler caddyhttp.MiddlewareHandler, named map[string]*caddyhttp.Route) step {
	switch h := handler.(type) {
	case *Handler:
		s := stepOfGate(h.Routes, h.Unlisted)
		s.handler = h
		return s
	case *caddyhttp.Subroute:
		s := step{kind: stepSubroute, routes: h.Routes}
		if h.Errors != nil {
			s.errors = h.Errors.Routes
		}
		return s
	case *caddyhttp.Invoke:
		return invoked(h.Name, named)
	case *rewrite.Rewrite:
		return stepOfRewrite(h)
	case *reverseproxy.Handler:
		s := stepOfProxy(transportOf(h.Transport), h.Headers, h.HandleResponse)
		if h.Rewrite != nil {
			s.setRewrite(stepOfRewrite(h.Rewrite))
		}
		for _, upstream := range h.Upstreams {
			s.upstreams = append(s.upstreams, upstream.Dial)
		}
		if dynamic, ok := h.DynamicUpstreams.(*reverseproxy.AUpstreams); ok {
			s.upstreams = append(s.upstreams, net.JoinHostPort(dynamic.Name, dynamic.Port))
		}
		return s
	case tunnel:
		return step{kind: stepProxyUpgrade, upstreams: h.UpstreamAddresses()}
	case *intercept.Intercept:
		return step{responses: responseRoutes(h.HandleResponse)}
	case *fileserver.FileServer:
		return stepOfFiles(h.PassThru)
	case *maphandler.Handler:
		return stepOfMap(h.Source, h.Destinations)
	case *caddyhttp.VarsMiddleware:
		return stepOfVars(*h)
	case *headers.Handler:
		return step{drops: h.Request != nil && (removes(h.Request, "Upgrade") || removes(h.Request, "Connection"))}
	case caddy.Module:
		s := stepOfName(h.CaddyModule().ID.Name())
		s.foreign = !isKnown(handler)
		return s
	default:
		return step{foreign: true}
	}
}

// isKnown reports whether a handler is a part of Caddy or usher. The walk knows all of their handlers that switch protocols.
func isKnown(handler any) bool {
	of := reflect.TypeOf(handler)
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	return strings.HasPrefix(of.PkgPath(), "github.com/caddyserver/caddy/") || strings.HasPrefix(of.PkgPath(), "github.com/scan2food/usher/")
}

func stepOfGate(routes []*Route, unlisted string) step {
	s := step{kind: stepGate, gate: idsOf(routes), passes: unlisted == "pass"}
	for _, route := range routes {
		if route != nil {
			s.paths = append(s.paths, route.Paths...)
		}
	}
	return s
}

func (h *handlerJSON) stepOfRewrite() step {
	return step{kind: stepRewrite, strip: h.StripPrefix, uri: h.URI, replaces: h.StripSuffix != "" || len(h.Substrings)+len(h.PathRegexp) > 0}
}

func stepOfRewrite(h *rewrite.Rewrite) step {
	return step{kind: stepRewrite, strip: h.StripPathPrefix, uri: h.URI, replaces: h.StripPathSuffix != "" || len(h.URISubstring)+len(h.PathRegexp) > 0}
}

// setRewrite adds the rewrite of a proxy.
func (s *step) setRewrite(of step) { s.strip, s.uri, s.replaces = of.strip, of.uri, of.replaces }

// stepOfProxy recognizes a reverse_proxy with header_up -Upgrade, and one to FastCGI or h2c. Such a proxy sends no handshake to
// its upstream.
func stepOfProxy(to transport, changes *headers.Handler, responses []caddyhttp.ResponseHandler) step {
	s := step{kind: stepProxyUpgrade, responses: responseRoutes(responses), asks: slices.ContainsFunc(responses, handlesSuccess)}
	if !to.switches() || changes != nil && changes.Request != nil && removes(changes.Request, "Upgrade") {
		s.kind = stepProxyHTTP
	}
	return s
}

// removes reports whether changes remove a header field.
func removes(changes *headers.HeaderOps, field string) bool {
	for _, fields := range []http.Header{changes.Add, changes.Set} {
		for name := range fields {
			if strings.EqualFold(name, field) {
				return false
			}
		}
	}
	return slices.ContainsFunc(changes.Delete, func(pattern string) bool { return matchPath(pattern, field) })
}

// handlesSuccess recognizes the handle_response of forward_auth.
func handlesSuccess(handler caddyhttp.ResponseHandler) bool {
	return handler.Match == nil || handler.Match.Match(http.StatusOK, http.Header{})
}

// responseRoutes returns the routes that a handler runs for responses. replace_status has none.
func responseRoutes(handlers []caddyhttp.ResponseHandler) (routes []caddyhttp.RouteList) {
	for _, handler := range handlers {
		if handler.StatusCode == "" {
			routes = append(routes, handler.Routes)
		}
	}
	return routes
}

// stepOfFiles recognizes a file_server with pass_thru. It calls the next handler for a file that does not exist.
func stepOfFiles(passThru bool) step {
	if passThru {
		return step{}
	}
	return step{kind: stepResponds}
}

func stepOfName(name string) step {
	switch name {
	case "websocket_tunnel":
		return step{kind: stepProxyUpgrade}
	case "static_response", "error", "copy_response":
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
