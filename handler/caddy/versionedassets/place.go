package versionedassets

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/intercept"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
)

// place is where a handler stands among the routes of its site.
type place struct {
	// mount is the part of the path that handle_path removes before the handler. Clients write it before the prefixes.
	mount string
	// optional is true if requests without mount come to the handler too.
	optional bool
	// patterns are the path matchers on the way to the handler, one set per matcher, as the matcher sees the path.
	patterns [][]string
	// inner is true if other matchers, or a handle block, stand on the way to the handler.
	inner bool
	// after and elsewhere are true if a handler that can answer with pages follows, or stands where requests do not come
	// from this handler.
	after, elsewhere bool
	// responds is true if any other handler of the site may answer requests.
	responds bool
	// always is true if the handler gets all requests that come so far, next if a handler follows that may answer, and hides if such a
	// handler gets only the requests that this one passes on.
	always, next, hides bool
	// gated is true if a websocket_gate stands before the handler: handlers after it may be for sockets alone.
	gated bool
	// intercepted is true if an earlier intercept may answer with pages.
	intercepted bool
	// shadowed is true if an earlier handler answers all requests below the prefixes.
	shadowed bool
	// deferred are the fields that an outer handler changes after this one, see deferredFields.
	deferred []string
}

// findPlace finds a handler in the routes that are being provisioned, by its JSON. ok=false: the handler is in an error route, or in
// another module.
func findPlace(server *caddyhttp.Server, prefixes []string, own func(handler json.RawMessage) bool) (found place, ok bool) {
	if server == nil {
		return place{}, false
	}
	isOwn := func(h step) bool { return h.raw != nil && own(h.raw) }
	current := slices.IndexFunc(server.Routes, lifecycle.IsUnloaded)
	if current < 0 {
		return findInvoked(server, prefixes, isOwn)
	}
	return placeAt(server, current, prefixes, isOwn)
}

// placeAt finds a handler in one route of the server, which is that of a site, or in the routes of the site of every host.
func placeAt(server *caddyhttp.Server, current int, prefixes []string, own func(step) bool) (found place, ok bool) {
	routes := caddyhttp.RouteList{server.Routes[current]}
	before := server.Routes[:0]
	if len(server.Routes[current].MatcherSets) == 0 { // a site of every host has its routes here
		routes, before = server.Routes[current:], server.Routes[:current]
	} else if only := routes[0].MatcherSets; len(only) == 1 && len(only[0]) == 1 && isHost(only[0][0]) {
		routes[0].MatcherSets = nil
	}
	found, ok = placeIn(routes, prefixes, own)
	if countOwn(routes, own) > 1 { // in JSON, without a line that tells them apart
		found.next, found.hides = true, false
	}
	var deferred []string
	for i := range before {
		if mayMatch(&before[i], mounted(prefixes, found.mount, found.optional)) {
			deferred = append(deferred, deferredIn(stepsOf(&before[i]))...)
		}
	}
	found.deferred = append(deferred, found.deferred...)
	return found, ok
}

func countOwn(routes caddyhttp.RouteList, own func(step) bool) (count int) {
	for i := range routes {
		for _, h := range stepsOf(&routes[i]) {
			if own(h) {
				count++
			}
			count += countOwn(h.Routes, own)
		}
	}
	return count
}

// findInvoked finds a handler in a named route. Caddy loads named routes last. If several routes invoke it, the place is that of
// the first one whose pages pass.
func findInvoked(server *caddyhttp.Server, prefixes []string, own func(step) bool) (found place, ok bool) {
	for name, route := range server.NamedRoutes {
		if !lifecycle.IsUnloaded(*route) {
			continue
		}
		inside, is := placeIn(caddyhttp.RouteList{*route}, prefixes, own)
		if !is {
			continue
		}
		invokes := func(h step) bool { return h.Handler == "invoke" && h.Name == name }
		for i := range server.Routes {
			outside, is := placeAt(server, i, mounted(prefixes, inside.mount, inside.optional), invokes)
			if !is {
				continue
			}
			outside.mount += inside.mount
			outside.optional = outside.optional || inside.optional
			outside.patterns = append(outside.patterns, inside.patterns...)
			outside.inner = outside.inner || inside.inner
			outside.after, outside.elsewhere = outside.after || inside.after, outside.elsewhere || inside.elsewhere
			outside.responds, outside.next = outside.responds || inside.responds, true // other routes may invoke it too
			outside.hides = inside.hides
			outside.gated, outside.intercepted = outside.gated || inside.gated, outside.intercepted || inside.intercepted
			outside.shadowed = outside.shadowed || inside.shadowed
			outside.deferred = append(outside.deferred, inside.deferred...)
			if outside.passesPages(prefixes, false) {
				return outside, true
			}
			if !ok {
				found, ok = outside, true
			}
		}
	}
	return found, ok
}

// mounted returns the prefixes as clients write them.
func mounted(prefixes []string, mount string, optional bool) (all []string) {
	for _, prefix := range prefixes {
		all = append(all, mount+prefix)
		if optional {
			all = append(all, prefix)
		}
	}
	return all
}

func isHost(matcher any) bool {
	_, is := matcher.(*caddyhttp.MatchHost)
	return is
}

// earlierRoute is a route before that of the handler, and what was stripped from paths before the route.
type earlierRoute struct {
	route    *caddyhttp.Route
	stripped string
}

// placeIn walks the routes of one level.
func placeIn(routes caddyhttp.RouteList, prefixes []string, own func(step) bool) (found place, ok bool) {
	stripped := ""
	var earlier []earlierRoute
	for i := range routes {
		route := &routes[i]
		steps, before := stepsOf(route), stripped
		for j, h := range steps {
			stripped += h.Strip
			switch {
			case own(h):
				found = place{always: true}
			case h.Handler == "subroute":
				if found, ok = placeIn(h.Routes, prefixes, own); !ok {
					continue
				}
			default:
				continue
			}
			found.mount = stripped + found.mount
			found.optional = found.optional || stripped != ""
			found.enter(route)
			var deferred []string
			for _, e := range earlier {
				below := mounted(prefixes, found.mount[len(e.stripped):], found.optional)
				if mayMatch(e.route, below) {
					deferred = append(deferred, deferredIn(stepsOf(e.route))...)
				}
				found.shadowed = found.shadowed || matchesAll(e.route, below) && slices.ContainsFunc(stepsOf(e.route), answersAll)
				found.comesAfter(stepsOf(e.route))
			}
			found.comesAfter(steps[:j])
			found.precedes(steps[j+1:])
			found.shadowed = found.shadowed || slices.ContainsFunc(steps[:j], answersAll)
			found.deferred = slices.Concat(deferred, deferredIn(steps[:j]), found.deferred)
			found.after = found.after || slices.ContainsFunc(steps[j+1:], answersWithPages)
			found.responds = found.responds || slices.ContainsFunc(steps[:j], mayRespond) || slices.ContainsFunc(steps[j+1:], mayRespond)
			for k := range routes {
				found.responds = found.responds || k != i && slices.ContainsFunc(stepsOf(&routes[k]), mayRespond)
				follows := k > i && !route.Terminal && (route.Group == "" || route.Group != routes[k].Group)
				if follows {
					found.precedes(stepsOf(&routes[k]))
				}
				switch {
				case k == i || !routeAnswersWithPages(routes[k]):
				case follows:
					found.after = true
				default:
					found.elsewhere = true
				}
			}
			return found, true
		}
		earlier = append(earlier, earlierRoute{route, before})
	}
	return place{}, false
}

// enter adds the matchers of a route that holds the handler.
func (p *place) enter(route *caddyhttp.Route) {
	var sets [][]string
	for _, set := range route.MatcherSetsRaw {
		sets = append(sets, lifecycle.RawPaths(set))
	}
	for _, set := range route.MatcherSets {
		sets = append(sets, lifecycle.LoadedPaths(set))
	}
	p.inner = p.inner || route.Group != "" || len(sets) > 0
	p.always = p.always && route.Group == "" && len(sets) == 0
	if len(sets) == 0 || slices.ContainsFunc(sets, func(paths []string) bool { return paths == nil }) {
		return
	}
	paths := slices.Concat(sets...)
	p.patterns = append(p.patterns, paths)
	if p.mount != "" && !slices.ContainsFunc(paths, func(pattern string) bool { return !strings.HasPrefix(pattern, p.mount) }) {
		p.optional = false
	}
}

// comesAfter notes the handlers before the handler.
func (p *place) comesAfter(steps []step) {
	for _, h := range steps {
		p.gated = p.gated || h.Handler == "websocket_gate"
		p.intercepted = p.intercepted || h.Handler == "intercept" && slices.ContainsFunc(h.Routes, routeAnswersWithPages)
	}
}

// precedes notes the handlers that may follow the handler.
func (p *place) precedes(steps []step) {
	p.next = p.next || slices.ContainsFunc(steps, mayAnswer)
	p.hides = p.hides || p.always && slices.ContainsFunc(steps, mayRespond)
}

// step is what matters of a handler, loaded or not.
type step struct {
	Handler string              `json:"handler"`
	Strip   string              `json:"strip_path_prefix"` // of rewrite
	Routes  caddyhttp.RouteList `json:"routes"`            // of subroute, and in the responses of intercept
	Name    string              `json:"name"`              // of invoke
	Serve   []*Root             `json:"serve"`             // of versioned_assets
	// PassThru is that of file_server, and HandleResponse that of reverse_proxy: requests may go on to later handlers, as with
	// forward_auth.
	PassThru       bool              `json:"pass_thru"`
	HandleResponse []json.RawMessage `json:"handle_response"`
	headers        *headers.Handler
	raw            json.RawMessage // nil if it is loaded
}

// stepsOf returns the handlers of a route.
func stepsOf(route *caddyhttp.Route) []step {
	steps := make([]step, 0, len(route.HandlersRaw)+len(route.Handlers))
	for _, raw := range route.HandlersRaw {
		steps = append(steps, readHandler(raw))
	}
	for _, handler := range route.Handlers {
		h := step{Handler: caddy.GetModuleName(handler)}
		switch handler := handler.(type) {
		case *caddyhttp.Subroute:
			h.Routes = handler.Routes
		case *rewrite.Rewrite:
			h.Strip = handler.StripPathPrefix
		case *caddyhttp.Invoke:
			h.Name = handler.Name
		case *headers.Handler:
			h.headers = handler
		case *fileserver.FileServer:
			h.PassThru = handler.PassThru
		case *reverseproxy.Handler:
			h.HandleResponse = make([]json.RawMessage, len(handler.HandleResponse))
		case *intercept.Intercept:
			for _, response := range handler.HandleResponse {
				h.Routes = append(h.Routes, response.Routes...)
			}
		}
		steps = append(steps, h)
	}
	return steps
}

func readHandler(raw json.RawMessage) step {
	h := step{raw: raw}
	var kind struct {
		Handler string `json:"handler"`
	}
	if json.Unmarshal(raw, &kind) != nil {
		return h
	}
	switch kind.Handler {
	case "subroute", "rewrite", "invoke", "file_server", "reverse_proxy", "versioned_assets":
		_ = json.Unmarshal(raw, &h)
	case "intercept":
		var handler intercept.Intercept
		_ = json.Unmarshal(raw, &handler)
		for _, response := range handler.HandleResponse {
			h.Routes = append(h.Routes, response.Routes...)
		}
	case "headers":
		h.headers = new(headers.Handler)
		_ = json.Unmarshal(raw, h.headers)
	}
	h.Handler = kind.Handler
	return h
}

func answersWithPages(h step) bool {
	switch h.Handler {
	case "reverse_proxy", "file_server", "php", "cgi", "invoke":
		return true
	default:
		return slices.ContainsFunc(h.Routes, routeAnswersWithPages)
	}
}

func routeAnswersWithPages(route caddyhttp.Route) bool {
	return slices.ContainsFunc(stepsOf(&route), answersWithPages)
}

// mayRespond reports a handler that may answer requests, with pages or otherwise.
func mayRespond(h step) bool {
	switch h.Handler {
	case "headers", "encode", "vars", "map", "rewrite", "request_body", "log_append", "templates", "push", "tracing", "authentication",
		"versioned_assets", "websocket_gate", "websocket_tunnel":
		return false
	case "subroute":
		return slices.ContainsFunc(h.Routes, func(route caddyhttp.Route) bool { return slices.ContainsFunc(stepsOf(&route), mayRespond) })
	default:
		return true
	}
}

// mayAnswer is mayRespond, with the handlers of usher that answer some requests, and those that reject requests.
func mayAnswer(h step) bool {
	switch h.Handler {
	case "authentication", "versioned_assets", "websocket_gate", "websocket_tunnel":
		return true
	case "subroute":
		return slices.ContainsFunc(h.Routes, func(route caddyhttp.Route) bool { return slices.ContainsFunc(stepsOf(&route), mayAnswer) })
	default:
		return mayRespond(h)
	}
}

// answersAll reports a handler that answers every request.
func answersAll(h step) bool {
	switch h.Handler {
	case "static_response", "error":
		return true
	case "file_server", "reverse_proxy":
		return !h.PassThru && len(h.HandleResponse) == 0
	case "subroute":
		return slices.ContainsFunc(h.Routes, func(route caddyhttp.Route) bool {
			return len(route.MatcherSets) == 0 && len(route.MatcherSetsRaw) == 0 && slices.ContainsFunc(stepsOf(&route), answersAll)
		})
	default:
		return false
	}
}

// isOwn reports whether a handler of the configuration is this one.
func (a *Handler) isOwn(raw json.RawMessage) bool {
	var other struct {
		Handler string  `json:"handler"`
		Serve   []*Root `json:"serve"`
	}
	if json.Unmarshal(raw, &other) != nil || other.Handler != "versioned_assets" {
		return false
	}
	return slices.EqualFunc(a.Serve, other.Serve, func(x, y *Root) bool { return *x == *y })
}

func (a *Handler) prefixes() (prefixes []string) {
	for _, root := range a.Serve {
		prefixes = append(prefixes, root.Prefix)
	}
	return prefixes
}

// mounts returns what clients write before the prefixes: "", what handle_path removes, or either.
func (p *place) mounts() []string {
	switch {
	case p.mount == "":
		return []string{""}
	case p.optional:
		return []string{"", p.mount}
	default:
		return []string{p.mount}
	}
}

// passesPages reports whether responses of other handlers can pass the handler.
func (p *place) passesPages(prefixes []string, passThru bool) bool {
	if !p.after {
		return false
	}
	if slices.Contains(mounted(prefixes, p.mount, p.optional), "/") {
		return passThru
	}
	isServed := func(pattern string) bool {
		pattern = strings.TrimSuffix(strings.TrimPrefix(pattern, p.mount), "*")
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(pattern, prefix) })
	}
	return !slices.ContainsFunc(p.patterns, func(set []string) bool { // requests must match each set
		return !slices.ContainsFunc(set, func(pattern string) bool { return !isServed(pattern) })
	})
}
