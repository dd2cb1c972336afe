package websocketgate

import (
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
	revoked, found := make(map[uint64]gate.Outcome), make(candidates)
	for _, open := range socketlog.Registry().List() {
		from, ok := open.Owner.(*owner)
		if !ok {
			continue // from a tunnel without a gate
		}
		g, outcome := standing(from.gate, open.Info, found, now)
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
// the socket, else its candidates after a reload. One candidate that accepts is enough, since an unknown matcher must not cost
// an admitted socket. If several accept, the socket stays with its site, so that its limits go on.
func standing(from *Handler, info sockets.Info, found candidates, now time.Time) (decided *Handler, outcome gate.Outcome) {
	if from.live.Load() {
		return from, from.gate.Standing(info, now)
	}
	decided, outcome = from, gate.Unlisted
	for _, g := range found.of(from, info) {
		standing := g.gate.Standing(info, now)
		accepts, accepted := standing == gate.Accepted, outcome == gate.Accepted
		if outcome == gate.Unlisted || accepts && (!accepted || g.site == info.Site) {
			decided, outcome = g, standing
		}
	}
	return decided, outcome
}
