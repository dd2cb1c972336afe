package redact

import (
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy/fastcgi"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
)

// StillShowing returns the loggers of other handlers that show, at level DEBUG, the credentials of requests for a gate. A log
// that is encoded by websocket_keys shows none. forwards reports that the gate leaves credentials in the request.
func StillShowing(ctx caddy.Context, own caddyhttp.MiddlewareHandler, forwards bool) []string {
	server := lifecycle.Server(ctx)
	if server == nil {
		return nil
	}
	showing := showingLoggers{gate: own, forwards: forwards}
	showing.collect(server.Routes)
	return slices.DeleteFunc(showing.names, func(name string) bool {
		return !showsCredentials(lifecycle.Logger(ctx, caddy.ModuleID(name)))
	})
}

// showingLoggers collects the loggers of handlers that print, at level DEBUG, requests with a credential in them.
type showingLoggers struct {
	gate     caddyhttp.MiddlewareHandler
	forwards bool // the gate leaves the credential in the request

	behind    bool // the walk has passed the gate
	tunnelled bool // the walk has passed a tunnel, which takes every admitted handshake
	names     []string
}

// collect visits the handlers that a request for the gate may reach, in their order. It leaves out other sites, whose routes
// are terminal, and each `handle` that excludes the one of the gate.
func (l *showingLoggers) collect(routes caddyhttp.RouteList) {
	before := l.tunnelled
	own := slices.IndexFunc(routes, func(route caddyhttp.Route) bool { return containsHandler(route, l.gate) })
	for i, route := range routes {
		if i != own && own >= 0 && (route.Terminal || route.Group != "" && route.Group == routes[own].Group) {
			continue
		}
		for _, handler := range route.Handlers {
			l.visit(handler, len(route.MatcherSets) == 0)
		}
	}
	l.tunnelled = before
}

func (l *showingLoggers) visit(handler caddyhttp.MiddlewareHandler, always bool) {
	switch handler := handler.(type) {
	case *caddyhttp.Subroute:
		l.collect(handler.Routes)
	default:
		l.tunnelled = l.tunnelled || always && isTunnel(handler)
		l.behind = l.behind || handler == l.gate
		if l.behind && (l.tunnelled || !l.forwards) {
			return
		}
		for _, name := range requestLoggers(handler) {
			if !slices.Contains(l.names, name) {
				l.names = append(l.names, name)
			}
		}
	}
}

func isTunnel(handler caddyhttp.MiddlewareHandler) bool {
	module, ok := handler.(caddy.Module)
	return ok && module.CaddyModule().ID == "http.handlers.websocket_tunnel"
}

// requestLoggers returns the loggers to which a handler writes whole requests at level DEBUG.
func requestLoggers(handler caddyhttp.MiddlewareHandler) []string {
	switch handler := handler.(type) {
	case *rewrite.Rewrite:
		return []string{"http.handlers.rewrite"}
	case *reverseproxy.Handler:
		if _, is := handler.Transport.(*fastcgi.Transport); is {
			return []string{"http.handlers.reverse_proxy", "http.reverse_proxy.transport.fastcgi"}
		}
		return []string{"http.handlers.reverse_proxy"}
	default:
		return nil
	}
}

func containsHandler(route caddyhttp.Route, handler caddyhttp.MiddlewareHandler) bool {
	return slices.ContainsFunc(route.Handlers, func(member caddyhttp.MiddlewareHandler) bool {
		within, ok := member.(*caddyhttp.Subroute)
		return member == handler || ok && slices.ContainsFunc(within.Routes, func(route caddyhttp.Route) bool {
			return containsHandler(route, handler)
		})
	})
}
