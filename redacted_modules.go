package usher

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
)

// redactHandlers has the handlers of Caddy that log requests with their headers log them redacted, all over a server.
//
// Caddy loads handlers in the order in which they stand. When it comes to the gate, those behind it are JSON still, and those
// become other modules, which do the same work: at no time is there a handler in use that changes. Those that stand before the
// gate, and those of a site that invokes the gate, are loaded, and in no use yet: they are changed where they are. What that does not
// reach, in one route with the gate and before it, is told at the start (warnOfDebug).
func redactHandlers(ctx caddy.Context, server *caddyhttp.Server) error {
	var within []caddyhttp.RouteList
	var metrics *caddyhttp.Metrics
	for _, module := range ctx.Modules() {
		switch around := module.(type) {
		case *caddyhttp.App:
			metrics = around.Metrics
		case *caddyhttp.Subroute:
			within = append(within, around.Routes)
		}
	}
	if server.Errors != nil {
		within = append(within, server.Errors.Routes)
	}
	// Caddy counts the routes of servers and named ones, not those within.
	if err := redactRoutes(ctx, server, server.Routes, metrics); err != nil {
		return err
	}
	for _, route := range server.NamedRoutes {
		if err := redactRoute(ctx, server, route, metrics); err != nil {
			return err
		}
	}
	for _, routes := range within {
		if err := redactRoutes(ctx, server, routes, nil); err != nil {
			return err
		}
	}
	return nil
}

func redactRoutes(ctx caddy.Context, server *caddyhttp.Server, routes caddyhttp.RouteList, metrics *caddyhttp.Metrics) error {
	for i := range routes {
		if err := redactRoute(ctx, server, &routes[i], metrics); err != nil {
			return err
		}
	}
	return nil
}

func redactRoute(ctx caddy.Context, server *caddyhttp.Server, route *caddyhttp.Route, metrics *caddyhttp.Metrics) error {
	for i, raw := range route.HandlersRaw {
		redacted, err := redactedHandler(raw)
		if err != nil {
			return err
		}
		route.HandlersRaw[i] = redacted // in place: Caddy may be going through them
	}
	replaced := false
	for i, handler := range route.Handlers {
		switch loaded := handler.(type) {
		case *rewrite.Rewrite:
			route.Handlers[i] = newRedactedRewrite(ctx, loaded)
			replaced = true
		case *reverseproxy.Handler:
			redactLoaded(server, loaded)
		case *caddyhttp.Subroute:
			if err := redactRoutes(ctx, server, loaded.Routes, nil); err != nil {
				return err
			}
		}
	}
	if !replaced {
		return nil
	}
	return route.ProvisionHandlers(ctx, metrics) // it has none to load, and makes its chain anew
}

// redactedHandler is the JSON of a handler, in which each reverse_proxy and rewrite is one that logs redacted.
func redactedHandler(raw json.RawMessage) (json.RawMessage, error) {
	if !bytes.Contains(raw, []byte("reverse_proxy")) && !bytes.Contains(raw, []byte("rewrite")) {
		return raw, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var handler any
	if err := decoder.Decode(&handler); err != nil {
		return nil, fmt.Errorf("decoding a handler: %w", err)
	}
	if !redactTree(handler, true) {
		return raw, nil
	}
	return json.Marshal(handler)
}

// redactTree changes the handlers below a value: what stands in a list named "handle", as in routes wherever they are.
func redactTree(value any, isHandler bool) (changed bool) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			changed = redactTree(element, isHandler) || changed
		}
	case map[string]any:
		if isHandler {
			changed = redactObject(value)
		}
		for name, member := range value {
			changed = redactTree(member, name == "handle") || changed
		}
	}
	return changed
}

func redactObject(handler map[string]any) bool {
	switch handler["handler"] {
	case "rewrite":
		handler["handler"] = "usher_redacted_rewrite"
		return true
	case "reverse_proxy":
		return redactProxy(handler)
	default:
		return false
	}
}

// redactProxy puts a redactedTransport around the transport. A proxy whose retries depend on headers is left as it is: its
// matchers look at those that it has sent.
func redactProxy(proxy map[string]any) bool {
	balancing, _ := member(proxy, "load_balancing").(map[string]any)
	if strings.Contains(fmt.Sprint(member(balancing, "retry_match")), "header") {
		return false
	}
	transport := member(proxy, "transport")
	if transport == nil {
		transport = map[string]any{"protocol": "http"}
	}
	for name := range proxy {
		if strings.EqualFold(name, "transport") {
			delete(proxy, name)
		}
	}
	proxy["transport"] = map[string]any{"protocol": "usher_redacted", "transport": transport}
	return true
}

// member is that of an object of JSON, whose names encoding/json matches without regard to case.
func member(object map[string]any, name string) any {
	for candidate, value := range object {
		if strings.EqualFold(candidate, name) {
			return value
		}
	}
	return nil
}
