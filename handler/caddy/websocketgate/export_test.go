package websocketgate

import "github.com/caddyserver/caddy/v2/modules/caddyhttp"

// Gauges is the collector of the gates' gauges.
var Gauges = gauges{}

// OpenOn counts the open sockets of a route at the gate of a server. It returns -1 if the server has no gate.
func OpenOn(server *caddyhttp.Server, route string) int {
	for g := range liveGates.All() {
		if g.server == server {
			return openOf(g.site, route)
		}
	}
	return -1
}

// SiteOn returns the ID of the gate of a server, "" if the server has none.
func SiteOn(server *caddyhttp.Server) string {
	for g := range liveGates.All() {
		if g.server == server {
			return g.site
		}
	}
	return ""
}

// Tickets counts tickets by event.
var Tickets = tickets

// SessionMetrics is the collector of the sessions' metrics.
var SessionMetrics = sessionMetrics{}

// RateExceeded counts how often max_rate slowed or closed sockets of the route.
var RateExceeded = rateExceeded

// IsKnown reports whether a handler is a part of Caddy or usher.
var IsKnown = isKnown

// HidesClients reports whether a server has no addresses of clients.
var HidesClients = hidesClients
