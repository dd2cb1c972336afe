package websocketgate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
)

// scope describes the requests that reach a gate: their addresses, their hosts, and the other matchers on the way.
type scope struct {
	addresses []string
	hosts     *hosts
	matchers  string
}

// scopeOf returns the scope of the gate that is being provisioned.
func scopeOf(ctx caddy.Context, g *Handler) scope {
	if g.server == nil {
		return scope{}
	}
	s := scope{addresses: g.server.Listen}
	routes := lifecycle.RoutesTo(ctx)
	if len(routes) == 0 {
		s.hosts = g.hostsOfInvokers()
		return s
	}
	var matchers []string
	for _, route := range routes {
		s.hosts = hostsOf(route).intersect(s.hosts)
		matchers = append(matchers, matchersOf(route)...)
	}
	s.matchers = strings.Join(matchers, "\n")
	return s
}

// matchersOf returns the matchers of a route but those of hosts, as text.
func matchersOf(route *caddyhttp.Route) (matchers []string) {
	for _, set := range route.MatcherSets {
		var all []string
		for _, matcher := range set {
			if _, ok := matcher.(*caddyhttp.MatchHost); !ok {
				options, _ := json.Marshal(matcher) // an error leaves the type
				all = append(all, fmt.Sprintf("%T %s", matcher, options))
			}
		}
		if len(all) > 0 {
			slices.Sort(all)
			matchers = append(matchers, strings.Join(all, " "))
		}
	}
	return matchers
}

// hostsOfInvokers returns the hosts whose routes invoke the named route of the gate.
func (g *Handler) hostsOfInvokers() *hosts {
	patterns, all := g.newWalk().hostsTo(g.server.Routes, nil, 0)
	if all || len(patterns) == 0 {
		return nil
	}
	return newHosts(patterns)
}

// hostsTo returns the hosts whose requests reach the gate in a list of routes. all reports that any host may.
func (w *routeWalk) hostsTo(routes caddyhttp.RouteList, outer *hosts, depth int) (patterns []string, all bool) {
	if depth > maxDepth {
		return nil, false
	}
	for i := range routes {
		inner := hostsOf(&routes[i]).intersect(outer)
		for _, s := range stepsOf(&routes[i], w.named) {
			if s.kind == stepGate && slices.Equal(w.own, s.gate) {
				patterns, all = append(patterns, inner.patterns()...), all || inner == nil
			}
			for _, routes := range s.inner() {
				below, any := w.hostsTo(routes, inner, depth+1)
				patterns, all = append(patterns, below...), all || any
			}
		}
	}
	return patterns, all
}

// sameWay reports whether requests reach two gates by the same matchers at a common address.
func (s *scope) sameWay(other *scope) bool {
	return s.matchers == other.matchers && s.sharesAddress(other)
}

func (s *scope) sharesAddress(other *scope) bool {
	return slices.ContainsFunc(s.addresses, func(address string) bool { return slices.Contains(other.addresses, address) })
}

// sharesPort reports whether two gates have a common address, or a common port at different addresses of the machine.
func (s *scope) sharesPort(other *scope) bool {
	return s.sharesAddress(other) || slices.ContainsFunc(s.addresses, func(address string) bool {
		ours, err := caddy.ParseNetworkAddress(address)
		return err == nil && ours.EndPort > 0 && slices.ContainsFunc(other.addresses, func(address string) bool {
			theirs, err := caddy.ParseNetworkAddress(address)
			return err == nil && ours.StartPort <= theirs.EndPort && theirs.StartPort <= ours.EndPort
		})
	})
}
