// Package routing follows a request through the routes of a server, to the handler that answers.
package routing

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
)

// Walk configures how a request is followed through the routes of a server: with Caddy's own matchers, variables and rewrites. No
// handler that may respond is called.
type Walk struct {
	Server *caddyhttp.Server
	// Decides is called for each handler on the way that no other field concerns. The walk ends at the first one that decides.
	Decides func(handler caddyhttp.MiddlewareHandler, r *http.Request) bool
	// Complete is true if the request has all fields of a client's request, so that all matchers of Caddy are evaluated. Otherwise only
	// the matchers that do not depend on other fields are evaluated. Routes behind other matchers are tried.
	Complete bool
	// KeepPath is true if rewrites only strip prefixes, as handle_path does.
	KeepPath bool
}

// End is where a walk has ended.
type End struct {
	// Decided is true if a handler decided.
	Decided bool
	// By names the handler of another module, or the status of a matcher, that ended the walk. Empty: the request passed all routes.
	By string
	// Path is the path of the request at the end.
	Path string
	// NotEvaluated are the matchers and handlers whose effect is unknown.
	NotEvaluated []string
}

// Follow follows a request. It does not change the request.
func (w Walk) Follow(r *http.Request) End {
	client := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey)
	replacer := caddy.NewReplacer()
	r = caddyhttp.PrepareRequest(copyOf(r), replacer, noResponse{}, w.Server)
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, client)
	f := &follower{Walk: w, replace: replacer, request: r, groups: make(map[string]bool)}
	f.routes(w.Server.Routes, 0)
	f.end.Path = f.request.URL.Path
	return f.end
}

// copyOf returns a copy of a request that rewrites may change.
func copyOf(r *http.Request) *http.Request {
	copied := new(http.Request)
	*copied = *r
	copied.URL = new(url.URL)
	*copied.URL = *r.URL
	return copied
}

// follower is the state of a walk.
type follower struct {
	Walk
	replace *caddy.Replacer
	request *http.Request   // as the rewrites so far have changed it
	groups  map[string]bool // of which a route has matched
	end     End
}

// noResponse is the response of a request that no handler is called for.
type noResponse struct{}

func (noResponse) Header() http.Header         { return http.Header{} }
func (noResponse) Write(p []byte) (int, error) { return len(p), nil }
func (noResponse) WriteHeader(int)             {}

// maxDepth limits the depth of subroutes, since named routes can invoke each other.
const maxDepth = 20

// routes follows the request through a list of routes, as caddyhttp.RouteList does. It returns false if the request ends there.
func (f *follower) routes(routes caddyhttp.RouteList, depth int) (next bool) {
	if depth > maxDepth {
		return false
	}
	for i := range routes {
		route := &routes[i]
		if route.Group != "" && f.groups[route.Group] {
			continue
		}
		matched, names := matcher{f.Complete}.route(route, f.request)
		switch {
		case matched == fails && f.KeepPath:
			continue // a rewrite with `try_files {path} =404`
		case matched == fails:
			return f.endsAt(strings.Join(names, ", "))
		case matched == no:
			continue
		case matched == maybe:
			if f.assume(route, names, depth) {
				return false
			}
			continue
		}
		f.groups[route.Group] = true
		if !f.handlers(route, depth) || route.Terminal {
			return false
		}
	}
	return true
}

// assume follows the request into a route that may match. It returns false, and leaves the walk as it was, if no handler decides
// there.
func (f *follower) assume(route *caddyhttp.Route, unknown []string, depth int) (decided bool) {
	before, request, at := *f, *f.request, *f.request.URL
	vars, _ := f.request.Context().Value(caddyhttp.VarsCtxKey).(map[string]any)
	varsBefore := maps.Clone(vars)
	f.groups = maps.Clone(f.groups)
	for _, matcher := range unknown {
		f.note("matcher " + matcher + ", assumed to match")
	}
	f.groups[route.Group] = true
	f.handlers(route, depth)
	if f.end.Decided {
		return true
	}
	rewritten := f.request.URL.Path != at.Path
	*f = before
	*f.request, *f.request.URL = request, at // placeholders read this request
	clear(vars)
	maps.Copy(vars, varsBefore)
	if rewritten {
		f.note("rewrite behind the matcher " + strings.Join(unknown, " and ") + ", assumed not to match")
	}
	return false
}

func (f *follower) note(text string) {
	if notes := f.end.NotEvaluated; !slices.Contains(notes, text) {
		f.end.NotEvaluated = append(notes[:len(notes):len(notes)], text)
	}
}

// handlers follows the request through the handlers of a route. It returns false if the request ends there.
func (f *follower) handlers(route *caddyhttp.Route, depth int) (next bool) {
	for _, handler := range route.Handlers {
		if !f.handler(handler, depth) {
			return false
		}
	}
	return true
}

func (f *follower) handler(handler caddyhttp.MiddlewareHandler, depth int) (next bool) {
	switch h := handler.(type) {
	case *caddyhttp.Subroute:
		return f.routes(h.Routes, depth+1)
	case *caddyhttp.Invoke:
		if named := f.Server.NamedRoutes[h.Name]; named != nil {
			return f.routes(caddyhttp.RouteList{*named}, depth+1)
		}
		return true
	case *rewrite.Rewrite:
		if !f.KeepPath || h.StripPathPrefix != "" {
			h.Rewrite(f.request, f.replace)
		}
		return true
	case *reverseproxy.Handler:
		if h.Rewrite != nil { // forward_auth
			f.note("handler forward_auth, which may reject the request")
			return true
		}
	case *fileserver.FileServer:
		if h.PassThru {
			f.note("handler file_server, which may answer first")
			return true
		}
	}
	if f.Decides(handler, f.request) {
		f.end.Decided = true
		return false
	}
	return f.other(handler)
}

// endsAt ends the walk at a handler that does not decide.
func (f *follower) endsAt(name string) (next bool) {
	f.end.By = name
	return false
}

// other follows the request through a handler of another module.
func (f *follower) other(handler caddyhttp.MiddlewareHandler) (next bool) {
	module, ok := handler.(caddy.Module)
	if !ok {
		return true
	}
	name := module.CaddyModule().ID.Name()
	switch name {
	case "static_response", "error", "file_server", "reverse_proxy", "acme_server", "metrics", "usher_status":
		return f.endsAt(name)
	case "websocket_tunnel":
		if f.request.Header["Upgrade"] != nil {
			return f.endsAt(name)
		}
	case "vars", "map": // they set placeholders, and call the next handler
		_ = handler.ServeHTTP(noResponse{}, f.request, noHandler)
	case "headers", "encode", "tracing", "log_append", "request_body", "intercept", "push", "templates", "versioned_assets", "websocket_gate":
	case "authentication":
		f.note("handler authentication, which may reject the request")
	default:
		f.note("handler " + name + ", which may answer first")
	}
	return true
}

var noHandler = caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
