package websocketgate

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// candidates holds the gates that may decide about open sockets after a reload. Sockets with
// equal handshakes have the same candidates.
type candidates map[handshake][]*Handler

// handshake is what is known of a socket's handshake.
type handshake struct {
	from  *Handler // the gate that admitted it
	host  string   // "" if unknown
	path  location // before rewrites
	route string
}

// of returns the gates in force that the handshake of a socket would reach now. The gate that admitted the socket is not in force
// any more.
func (c candidates) of(from *Handler, info sockets.Info) []*Handler {
	h := handshake{from, withoutPort(info.Host), location(info.OriginalPath), info.Route}
	if strings.Contains(h.host, gate.Redacted) {
		h.host = ""
	}
	gates, found := c[h]
	if !found {
		gates = h.candidates()
		c[h] = gates
	}
	return gates
}

func (h *handshake) candidates() (gates []*Handler) {
	app := appAfter(h.from)
	if app == nil {
		return nil
	}
	for _, server := range app.Servers {
		if at := (&scope{addresses: server.Listen}); at.sharesPort(&h.from.scope) {
			w := &routeWalk{named: server.NamedRoutes, of: newReplay(h)}
			w.run(server.Routes, h.path, yes, 0)
			gates = append(gates, w.gates...)
		}
	}
	for g := range liveGates.All() {
		if g.app == app && g.hidden && g.scope.sharesPort(&h.from.scope) && h.mayBeOf(g.scope.hosts) {
			gates = append(gates, g)
		}
	}
	return slices.DeleteFunc(gates, func(g *Handler) bool { return !g.live.Load() })
}

func (h *handshake) mayBeOf(hosts *hosts) bool {
	_, closeness := hosts.match(h.host)
	return h.host == "" || closeness > 0
}

// appAfter returns the newest HTTP app in force with a gate at a port of the other gate, nil if there is none. An app that has
// not started is left out, since its routes are still being loaded.
func appAfter(from *Handler) (app *caddyhttp.App) {
	for g := range liveGates.All() {
		if g.started.Load() && g.scope.sharesPort(&from.scope) {
			app = g.app
		}
	}
	return app
}

// setStarted makes the gate a candidate for the sockets of its predecessors.
func (g *Handler) setStarted() {
	if g.server != nil {
		_, found := g.newWalk().prefixOf(g.server.Routes, 0)
		g.hidden = !found
	}
	g.started.Store(true)
}

// replay evaluates matchers for the handshake of an open socket.
type replay struct {
	*handshake
	request *http.Request // with the host and the path alone
}

func newReplay(h *handshake) *replay {
	ctx := context.WithValue(context.Background(), caddy.ReplacerCtxKey, caddy.NewReplacer())
	r := &http.Request{Host: h.host, URL: new(url.URL)}
	return &replay{h, r.WithContext(ctx)}
}

// matchRoute evaluates the matchers of host and path, and their negations. Any other matcher may match or not, since a socket
// does not keep its request.
func (r *replay) matchRoute(route *caddyhttp.Route, at location) match {
	if len(route.MatcherSets) == 0 {
		return yes
	}
	return r.matchAny(route.MatcherSets, at)
}

func (r *replay) matchAny(sets []caddyhttp.MatcherSet, at location) match {
	return matchAny(sets, func(matcher any) match { return r.match(matcher, at) })
}

func (r *replay) match(matcher any, at location) match {
	switch m := matcher.(type) {
	case *caddyhttp.MatchHost:
		if r.host != "" && isConstant(*m) {
			return r.evaluate(m, at)
		}
	case *caddyhttp.MatchPath:
		if at != "" && isConstant(*m) {
			return r.evaluate(m, at)
		}
	case *caddyhttp.MatchNot:
		return r.matchAny(m.MatcherSets, at).negated()
	}
	return maybe
}

func (r *replay) evaluate(matcher caddyhttp.RequestMatcherWithError, at location) match {
	r.request.URL.Path = string(at)
	matched, err := matcher.MatchWithError(r.request)
	switch {
	case err != nil:
		return maybe
	case matched:
		return yes
	default:
		return no
	}
}

// isConstant reports whether the patterns need nothing of a request but its host or its decoded path.
func isConstant(patterns []string) bool {
	return !slices.ContainsFunc(patterns, func(pattern string) bool {
		return strings.ContainsAny(pattern, "{%") && strings.ContainsAny(caddy.NewReplacer().ReplaceKnown(pattern, ""), "{%")
	})
}
