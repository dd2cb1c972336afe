package websocketgate

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/cluster"
	"github.com/scan2food/usher/handler/caddy/socketlog"
	"github.com/scan2food/usher/handler/shared"
	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/keys"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// joinOthers finds the node of this process, if the configuration shares. [Handler.leaveOthers] must follow.
func (g *Handler) joinOthers(ctx caddy.Context) (err error) {
	if g.node, err = cluster.Of(ctx); err != nil || g.node == nil {
		return err
	}
	key, err := g.loadSessionKey()
	if err != nil {
		return err
	}
	g.leaves = append(g.leaves,
		g.node.OnKey(func(k *shared.Key) { shareSessionKey(key, k) }),
		g.node.Contribute(g.contribute),
		g.node.Handle(siteEvents, g.receive),
	)
	return nil
}

// leaveOthers undoes joinOthers.
func (g *Handler) leaveOthers() {
	for _, leave := range g.leaves {
		leave()
	}
	g.leaves = nil
}

// shareSessionKey replaces the process's own key of sessions with the shared one. It closes the sockets with sessions of the old
// key, since other machines could not close them when the session ends. Such sockets exist only if the process started while the
// storage was unavailable, or if the shared key changed.
func shareSessionKey(key *gate.SessionKey, k *shared.Key) {
	if !key.Replace(k.Derive("sessions")) {
		return
	}
	socketlog.Registry().CloseWhere(func(info sockets.Info) bool { return info.Bond != nil },
		sockets.CodeRestart, "this machine has joined the others; connect again")
}

// sharedSite is the name of the site on all machines. Ports are left out, since machines may have different ones.
func (g *Handler) sharedSite() string { return strings.Join(g.scope.hosts.patterns(), " ") }

// sharedRoute is the name of a route on all machines.
func (g *Handler) sharedRoute(route string) string { return g.sharedSite() + "\x00" + route }

// Kinds of counts.
const (
	countRoute byte = iota
	countClient
	countKey
	countUser
)

// elsewhere implements sockets.Elsewhere for one route.
type elsewhere struct {
	node  *shared.Node
	route string
}

func (e *elsewhere) count(kind byte, name string) int {
	if !e.node.HasElsewhere() {
		return 0
	}
	return e.node.Elsewhere(e.node.Key().Count(kind, e.route, name))
}

// Route implements sockets.Elsewhere.
func (e *elsewhere) Route() int { return e.count(countRoute, "") }

// Client implements sockets.Elsewhere.
func (e *elsewhere) Client(network netip.Prefix) int {
	address := network.Addr().As16()
	return e.count(countClient, string(address[:]))
}

// Key implements sockets.Elsewhere.
func (e *elsewhere) Key(label string) int { return e.count(countKey, label) }

// User implements sockets.Elsewhere.
func (e *elsewhere) User(user string) int { return e.count(countUser, user) }

// countElsewhere has the limits of the routes include the sockets of other machines.
func (g *Handler) countElsewhere(routes []*gate.Route) {
	if g.node == nil {
		return
	}
	for _, route := range routes {
		if isLimited(route.Limits) {
			route.Limits.Elsewhere = &elsewhere{g.node, g.sharedRoute(route.Name)}
		}
	}
}

// openElsewhere returns the sockets of other machines that count for max_open.
func (g *Handler) openElsewhere(route *Route) int {
	if g.node == nil || route.MaxOpen == 0 {
		return 0
	}
	return (&elsewhere{g.node, g.sharedRoute(route.Name)}).Route()
}

func isLimited(l sockets.Limits) bool { return l.Route > 0 || l.Client > 0 || l.Key > 0 || l.User > 0 }

// contribute counts the sockets of the limited routes for the other machines.
func (g *Handler) contribute(key *shared.Key, add func(shared.Count, int)) {
	if !g.countsForSite() {
		return
	}
	for _, route := range g.Routes {
		limits := sockets.Limits{Route: route.MaxOpen, Client: route.MaxOpenPerClient, Key: route.MaxOpenPerKey, User: route.MaxOpenPerUser}
		if !isLimited(limits) {
			continue
		}
		open, name := socketlog.Registry().CountRoute(g.site, route.Name, limits), g.sharedRoute(route.Name)
		if limits.Route > 0 {
			add(key.Count(countRoute, name, ""), open.Total)
		}
		for network, number := range open.Clients {
			address := network.Addr().As16()
			add(key.Count(countClient, name, string(address[:])), int(number))
		}
		for label, number := range open.Keys {
			add(key.Count(countKey, name, label), int(number))
		}
		for user, number := range open.Users {
			add(key.Count(countUser, name, user), int(number))
		}
	}
}

// countsForSite reports whether this gate counts the sockets of its site for other machines. Only one gate of a site does: a site
// with several servers has several gates, and a reload has two.
func (g *Handler) countsForSite() bool {
	for other := range liveGates.All() {
		if other.site == g.site && other.node == g.node {
			return other == g
		}
	}
	return false
}

// siteEvents is the kind of events that carry a [sharedEvent].
const siteEvents = "site"

// sharedEvent is an event of one site.
type sharedEvent struct {
	Site  string          `json:"site"`
	Event *gate.SiteEvent `json:"event"`
}

// publish lets the other machines carry out an event.
func (g *Handler) publish(e *gate.SiteEvent) {
	if err := g.node.Publish(siteEvents, sharedEvent{g.sharedSite(), e}); err != nil {
		g.logger.Error("other machines keep sockets open", zap.String("cause", string(e.Cause)), zap.Error(err))
	}
}

// receive carries out an event of another machine.
func (g *Handler) receive(payload []byte) {
	var e sharedEvent
	if err := json.Unmarshal(payload, &e); err != nil || e.Event == nil {
		g.logger.Error("event of another machine invalid; ignoring it", zap.Error(err))
		return
	}
	if g.live.Load() && g.isSharedSite(e.Site) {
		g.gate.Apply(e.Event)
	}
}

// isSharedSite reports whether a site of another machine is that of this gate. The site of a machine that has other aliases, as
// while a change is rolled out, is every site with a host in common, unless a site of this machine has exactly its hosts.
func (g *Handler) isSharedSite(name string) bool {
	if name == g.sharedSite() {
		return true
	}
	for other := range liveGates.All() {
		if other.node == g.node && other.live.Load() && other.sharedSite() == name {
			return false
		}
	}
	return hostsOfPatterns(strings.Fields(name)).common(g.scope.hosts) > 0
}

// claim reports whether a single-use ticket was used on no other machine.
func (g *Handler) claim(ctx context.Context, use keys.UseID, until time.Time) (first bool, err error) {
	return g.node.Claim(ctx, use[:], until)
}

// unclaim lets all machines accept a single-use ticket again.
func (g *Handler) unclaim(ctx context.Context, use keys.UseID, until time.Time) error {
	return g.node.Unclaim(ctx, use[:], until)
}
