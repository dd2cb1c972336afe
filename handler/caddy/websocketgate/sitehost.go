package websocketgate

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
)

// maxLabelledHosts bounds the series of a site's metrics. Each host has a counter for each route and outcome.
const maxLabelledHosts = 50

// labelledHosts returns the hosts that metrics tell apart: those of the gate, if its site has several. It returns nil if the
// site has one host, no named host, or more than maxLabelledHosts.
func labelledHosts(ctx caddy.Context, ofGate *hosts) *hosts {
	site := ofGate
	if routes := lifecycle.RoutesTo(ctx); len(routes) > 0 {
		site = hostsOf(routes[0]) // the gate may be in a handle block of one of the hosts
	}
	if one := site.patterns(); len(one) == 1 && !strings.Contains(one[0], "*") || len(ofGate.patterns()) > maxLabelledHosts {
		return nil
	}
	return ofGate
}

// siteHost returns the value of the metrics' label host: a host as the configuration writes it, or nothing. The client's own
// spelling must not become a label.
func (g *Handler) siteHost(r *http.Request) string {
	if g.labelled == nil {
		return ""
	}
	host, _ := g.labelled.match(withoutPort(r.Host))
	return host
}
