package versionedassets

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

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
	// deferred are the fields that an outer handler changes after this one, see deferredFields.
	deferred []string
}

// findPlace finds a handler in the routes that are being provisioned, by its JSON. ok=false: the handler is in a named route, or
// in another module.
func findPlace(server *caddyhttp.Server, prefixes []string, own func(handler json.RawMessage) bool) (found place, ok bool) {
	if server == nil {
		return place{}, false
	}
	current := slices.IndexFunc(server.Routes, func(route caddyhttp.Route) bool {
		return len(route.Handlers) == 0 && len(route.HandlersRaw) > 0
	})
	if current < 0 {
		return place{}, false
	}
	var before []string
	routes := caddyhttp.RouteList{server.Routes[current]}
	if len(server.Routes[current].MatcherSets) == 0 { // a site of every host has its routes here
		routes = server.Routes[current:]
		for i := range current {
			if mayMatch(&server.Routes[i], prefixes) {
				before = append(before, deferredIn(&server.Routes[i], nil)...)
			}
		}
	} else if only := routes[0].MatcherSets; len(only) == 1 && len(only[0]) == 1 && isHost(only[0][0]) {
		routes[0].MatcherSets = nil
	}
	found, ok = placeIn(routes, prefixes, own)
	found.deferred = append(before, found.deferred...)
	return found, ok
}

func isHost(matcher any) bool {
	_, is := matcher.(*caddyhttp.MatchHost)
	return is
}

// placeIn walks the routes of one level.
func placeIn(routes caddyhttp.RouteList, prefixes []string, own func(json.RawMessage) bool) (found place, ok bool) {
	stripped, optional := "", false
	var deferred []string
	for i := range routes {
		route := &routes[i]
		for j, raw := range route.HandlersRaw {
			h := readHandler(raw)
			stripped += h.Strip
			optional = optional || h.Strip != ""
			switch {
			case own(raw):
				found = place{}
			case h.Handler == "subroute":
				if found, ok = placeIn(h.Routes, prefixes, own); !ok {
					continue
				}
			default:
				continue
			}
			found.mount = stripped + found.mount
			found.deferred = slices.Concat(deferred, deferredIn(route, route.HandlersRaw[:j]), found.deferred)
			found.optional = found.optional || optional
			found.enter(route)
			found.after = found.after || slices.ContainsFunc(route.HandlersRaw[j+1:], answersWithPages)
			for k := range routes {
				switch {
				case k == i || !routeAnswersWithPages(routes[k]):
				case k > i && !route.Terminal && (route.Group == "" || route.Group != routes[k].Group):
					found.after = true
				default:
					found.elsewhere = true
				}
			}
			return found, true
		}
		if mayMatch(route, prefixes) {
			deferred = append(deferred, deferredIn(route, route.HandlersRaw)...)
		}
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
	if len(sets) == 0 || slices.ContainsFunc(sets, func(paths []string) bool { return paths == nil }) {
		return
	}
	paths := slices.Concat(sets...)
	p.patterns = append(p.patterns, paths)
	if p.mount != "" && !slices.ContainsFunc(paths, func(pattern string) bool { return !strings.HasPrefix(pattern, p.mount) }) {
		p.optional = false
	}
}

// handlerJSON is what matters of a handler.
type handlerJSON struct {
	Handler string              `json:"handler"`
	Strip   string              `json:"strip_path_prefix"` // of rewrite
	Routes  caddyhttp.RouteList `json:"routes"`            // of subroute
}

func readHandler(raw json.RawMessage) (h handlerJSON) {
	var kind struct {
		Handler string `json:"handler"`
	}
	if json.Unmarshal(raw, &kind) != nil {
		return h
	}
	switch kind.Handler {
	case "subroute", "rewrite":
		_ = json.Unmarshal(raw, &h)
	}
	h.Handler = kind.Handler
	return h
}

func answersWithPages(raw json.RawMessage) bool {
	switch h := readHandler(raw); h.Handler {
	case "reverse_proxy", "file_server", "php", "cgi", "invoke":
		return true
	default:
		return slices.ContainsFunc(h.Routes, routeAnswersWithPages)
	}
}

func routeAnswersWithPages(route caddyhttp.Route) bool {
	return slices.ContainsFunc(route.HandlersRaw, answersWithPages)
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
	if passThru {
		return true
	}
	isServed := func(pattern string) bool {
		pattern = strings.TrimSuffix(strings.TrimPrefix(pattern, p.mount), "*")
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(pattern, prefix) })
	}
	if slices.Contains(prefixes, "/") {
		return false
	}
	return !slices.ContainsFunc(p.patterns, func(set []string) bool { // requests must match each set
		return !slices.ContainsFunc(set, func(pattern string) bool { return !isServed(pattern) })
	})
}

// unstampedPages returns how the configuration should be changed so that pages pass the handler, or "".
func (a *Handler) unstampedPages() string {
	p, prefixes := &a.place, a.prefixes()
	switch {
	case !a.Stamps(StampHTML) || !p.after && !p.elsewhere || p.passesPages(prefixes, a.PassThru):
		return ""
	case p.inner && slices.Contains(prefixes, "/") && !a.PassThru:
		return "put versioned_assets outside of handle blocks, without a matcher, and add pass_thru"
	case p.inner:
		return "put versioned_assets outside of handle blocks, without a matcher"
	default:
		return "add pass_thru"
	}
}

// warnOfUnstampedPages logs that `stamp html` has no effect on the pages of the site.
func (a *Handler) warnOfUnstampedPages(ctx caddy.Context) {
	if mend := a.unstampedPages(); mend != "" && !a.servesPages(ctx) {
		ctx.Logger().Warn("pages bypass versioned_assets and are not stamped",
			zap.String("remedy", mend), zap.String("source", a.Serve[0].Source))
	}
}

// warnOfOtherBlocks logs the prefixes of other blocks of the site that this block does not stamp in pages, since only their own
// block knows their files.
func (a *Handler) warnOfOtherBlocks(ctx caddy.Context) {
	if !a.Stamps(StampHTML) {
		return
	}
	own := a.served[0]
	var prefixes []string
	for other := range servedRoots.Of(own.server) {
		if other.app == own.app && other.site == own.site && !other.stamped {
			prefixes = append(prefixes, other.prefix)
		}
	}
	if len(prefixes) > 0 {
		ctx.Logger().Warn("files of another versioned_assets block are not stamped", zap.Strings("prefixes", prefixes),
			zap.String("remedy", "write all serve lines in one block, or add stamp html to the other block"),
			zap.String("source", a.Serve[0].Source))
	}
}

// servesPages waits for the first reading and reports an index page among the served files. A site of such files may need nothing
// else stamped.
func (a *Handler) servesPages(ctx caddy.Context) bool {
	for _, site := range a.handler.Sites {
		catalog := site.Tree.Catalog(ctx)
		if catalog == nil {
			continue
		}
		for file := range catalog.All() {
			if file.Path == "index.html" || strings.HasSuffix(file.Path, "/index.html") {
				return true
			}
		}
	}
	return false
}
