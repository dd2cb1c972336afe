package websocketgate

import (
	"slices"
	"time"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/caddy/socketlog"
	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// liveGates holds the gates of the configurations in force, in load order. During a reload these are two configurations.
var liveGates lifecycle.PerServer[*Handler]

// owner is the gate that admitted a socket. The gate's configuration may be gone.
type owner struct {
	*socketlog.Owner
	gate *Handler
}

// closeRevoked closes each socket that no gate would admit now, whichever configuration admitted it. Each of the others counts
// for the limits of the gate that would admit it.
func closeRevoked() {
	now := time.Now()
	revoked := make(map[uint64]gate.Outcome)
	for _, open := range socketlog.Registry().List() {
		from, ok := open.Owner.(*owner)
		if !ok {
			continue // from a tunnel without a gate
		}
		g, outcome := standing(from.gate, open.Info, now)
		if outcome != gate.Accepted {
			revoked[open.ID] = outcome
		} else {
			socketlog.Registry().Move(open.ID, g.site)
		}
	}
	for id, outcome := range revoked {
		code, reason := sockets.Code(outcome.CloseCode()), outcome.Reason()
		if outcome == gate.Unlisted {
			code, reason = sockets.CodeGoingAway, "this site no longer offers the socket"
		}
		socketlog.Registry().CloseID(id, code, reason)
	}
}

// standing returns the outcome that the socket's credential would have now, and the gate that decided: the gate that admitted
// the socket, else its successors after a reload. One successor that accepts is enough.
func standing(from *Handler, info sockets.Info, now time.Time) (*Handler, gate.Outcome) {
	if from.live.Load() {
		return from, from.gate.Standing(info, now)
	}
	decided, outcome := from, gate.Unlisted
	for _, g := range successors(from, info.Host) {
		standing := g.gate.Standing(info, now)
		if standing == gate.Accepted {
			return g, standing
		}
		if outcome == gate.Unlisted {
			decided, outcome = g, standing
		}
	}
	return decided, outcome
}

// successors returns the gates in force for the sockets of a host that another gate admitted: the gates at a common port whose
// hosts match the host most closely. If some of them are reached the same way as the other gate was, it returns those alone.
func successors(from *Handler, host string) []*Handler {
	var closest []*Handler
	best := 0
	host = withoutPort(host)
	for g := range liveGates.All() {
		_, closeness := g.scope.hosts.match(host)
		if closeness == 0 || closeness < best || !g.scope.sharesPort(&from.scope) {
			continue
		}
		if closeness > best {
			closest, best = closest[:0], closeness
		}
		closest = append(closest, g)
	}
	isSameWay := func(g *Handler) bool { return g.scope.sameWay(&from.scope) }
	if slices.ContainsFunc(closest, isSameWay) {
		closest = slices.DeleteFunc(closest, func(g *Handler) bool { return !isSameWay(g) })
	}
	return closest
}
