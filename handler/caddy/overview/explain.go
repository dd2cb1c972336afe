package overview

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"

	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/handler/caddy/websocketgate"
	"github.com/scan2food/usher/handler/operate/report"
)

// undecided begins the reason of a response that neither a gate nor a served directory decides.
const undecided = "no gate checks the request, and no served directory has the path: "

// Explain says how a request is answered. It follows the request through the routes of its server, with Caddy's own matchers and
// rewrites, to the first handler that decides, and prints the decision of that handler. No handler is called.
func Explain(r *http.Request) report.Explanation {
	servers, note := serversOf(r)
	undecidedBy := report.Explanation{By: "none", Why: undecided + "the next handler answers"}
	for _, server := range servers {
		w := newWalk(server, r)
		w.routes(server.Routes, 0)
		if w.answer == nil {
			continue
		}
		w.answer.NotEvaluated = append(note, w.notes...)
		for _, text := range append([]*string{&w.answer.File, &w.answer.Why}, pointers(w.answer.NotEvaluated)...) {
			*text = websocketgate.RedactText(*text)
		}
		if w.answer.By != "none" {
			return *w.answer
		}
		undecidedBy = *w.answer
	}
	return undecidedBy
}

func pointers(texts []string) (all []*string) {
	for i := range texts {
		all = append(all, &texts[i])
	}
	return all
}

// serversOf returns the servers that may get a request, those of the newest configuration first: the servers at the port of the URL,
// or all if none has it. The port may be another one in front of Caddy.
func serversOf(r *http.Request) (servers []*caddyhttp.Server, note []string) {
	all := append(websocketgate.Servers(), versionedassets.Servers()...)
	slices.Reverse(all)
	known := make(map[string]bool)
	for _, server := range all {
		if server == nil || known[strings.Join(server.Listen, " ")] {
			continue // during a reload two configurations are loaded; the newest counts
		}
		known[strings.Join(server.Listen, " ")] = true
		servers = append(servers, server)
	}
	_, port, _ := net.SplitHostPort(r.Host)
	if port == "" {
		port = map[bool]string{false: "80", true: "443"}[r.TLS != nil]
	}
	atPort := slices.DeleteFunc(slices.Clone(servers), func(server *caddyhttp.Server) bool { return !listensAt(server, port) })
	if len(atPort) > 0 || len(servers) == 0 {
		return atPort, nil
	}
	return servers, []string{"no server listens at port " + port + ": the servers at other ports were asked"}
}

func listensAt(server *caddyhttp.Server, port string) bool {
	return slices.ContainsFunc(server.Listen, func(listen string) bool {
		address, err := caddy.ParseNetworkAddress(listen)
		if err != nil || address.IsUnixNetwork() {
			return true // a proxy in front of Caddy has the port
		}
		for offset := range address.PortRangeSize() {
			if fmt.Sprint(address.StartPort+offset) == port {
				return true
			}
		}
		return false
	})
}

// walk follows one request through routes.
type walk struct {
	server  *caddyhttp.Server
	replace *caddy.Replacer
	request *http.Request   // as the rewrites so far have changed it
	groups  map[string]bool // of which a route has matched
	notes   []string
	answer  *report.Explanation
}

func newWalk(server *caddyhttp.Server, r *http.Request) *walk {
	client := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey)
	replacer := caddy.NewReplacer()
	r = caddyhttp.PrepareRequest(copyOf(r), replacer, noResponse{}, server)
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, client)
	return &walk{server: server, replace: replacer, request: r, groups: make(map[string]bool)}
}

// copyOf returns a copy of a request that rewrites may change.
func copyOf(r *http.Request) *http.Request {
	copied := new(http.Request)
	*copied = *r
	copied.URL = new(url.URL)
	*copied.URL = *r.URL
	return copied
}

// noResponse is the response of a request that no handler is called for.
type noResponse struct{}

func (noResponse) Header() http.Header         { return http.Header{} }
func (noResponse) Write(p []byte) (int, error) { return len(p), nil }
func (noResponse) WriteHeader(int)             {}

// maxDepth limits the depth of subroutes, since named routes can invoke each other.
const maxDepth = 20

// routes follows the request through a list of routes, as caddyhttp.RouteList does. It returns false if the request ends there.
func (w *walk) routes(routes caddyhttp.RouteList, depth int) (next bool) {
	if depth > maxDepth {
		return false
	}
	for i := range routes {
		route := &routes[i]
		if route.Group != "" && w.groups[route.Group] {
			continue
		}
		matched, unknown := matchRoute(route, w.request)
		switch {
		case matched == no:
			continue
		case matched == maybe:
			if w.assume(route, unknown, depth) {
				return false
			}
			continue
		}
		w.groups[route.Group] = true
		if !w.handlers(route, depth) || route.Terminal {
			return false
		}
	}
	return true
}

// assume follows the request into a route that may match. It returns false, and leaves the walk as it was, if nothing of usher
// decides there.
func (w *walk) assume(route *caddyhttp.Route, unknown []string, depth int) (decided bool) {
	before, request, at := *w, *w.request, *w.request.URL
	w.groups = maps.Clone(w.groups)
	for _, matcher := range unknown {
		w.note("matcher " + matcher + ", assumed to match")
	}
	w.groups[route.Group] = true
	w.handlers(route, depth)
	if w.answer != nil && w.answer.By != "none" {
		return true
	}
	*w = before
	*w.request, *w.request.URL = request, at // placeholders read this request
	return false
}

func (w *walk) note(text string) {
	if !slices.Contains(w.notes, text) {
		w.notes = append(w.notes[:len(w.notes):len(w.notes)], text)
	}
}

// handlers follows the request through the handlers of a route. It returns false if the request ends there.
func (w *walk) handlers(route *caddyhttp.Route, depth int) (next bool) {
	for _, handler := range route.Handlers {
		if !w.handler(handler, depth) {
			return false
		}
	}
	return true
}

func (w *walk) handler(handler caddyhttp.MiddlewareHandler, depth int) (next bool) {
	switch h := handler.(type) {
	case *websocketgate.Handler:
		return w.explained(h.Explanation(w.request))
	case *versionedassets.Handler:
		return w.explained(h.Explanation(w.request))
	case *caddyhttp.Subroute:
		return w.routes(h.Routes, depth+1)
	case *caddyhttp.Invoke:
		if named := w.server.NamedRoutes[h.Name]; named != nil {
			return w.routes(caddyhttp.RouteList{*named}, depth+1)
		}
		return true
	case *rewrite.Rewrite:
		h.Rewrite(w.request, w.replace)
		return true
	case *reverseproxy.Handler:
		if h.Rewrite != nil { // forward_auth
			w.note("handler forward_auth, which may reject the request")
			return true
		}
	case *fileserver.FileServer:
		if h.PassThru {
			w.note("handler file_server, which may answer first")
			return true
		}
	}
	return w.other(handler)
}

// explained ends the walk with the answer of a handler that decides.
func (w *walk) explained(answer report.Explanation, decides bool) (next bool) {
	if decides {
		w.answer = &answer
	}
	return !decides
}

// other follows the request through a handler of another module.
func (w *walk) other(handler caddyhttp.MiddlewareHandler) (next bool) {
	module, ok := handler.(caddy.Module)
	if !ok {
		return true
	}
	name := module.CaddyModule().ID.Name()
	switch name {
	case "static_response", "error", "file_server", "reverse_proxy", "acme_server", "metrics", "usher_status":
		return w.explained(report.Explanation{By: "none", Why: undecided + name + " answers"}, true)
	case "websocket_tunnel":
		return w.explained(report.Explanation{By: "none", Why: undecided + name + " answers"}, w.request.Header["Upgrade"] != nil)
	case "headers", "encode", "vars", "map", "tracing", "log_append", "request_body", "intercept", "push", "templates":
		return true
	case "authentication":
		w.note("handler authentication, which may reject the request")
		return true
	default:
		w.note("handler " + name + ", which may answer first")
		return true
	}
}
