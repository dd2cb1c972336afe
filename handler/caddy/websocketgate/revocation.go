package websocketgate

import (
	"maps"
	"slices"
	"time"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/caddy/socketlog"
	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// liveGates holds the gates of the configurations in force, in load order. During a reload these are two configurations.
var liveGates lifecycle.PerServer[*Handler]

// closeRevoked closes each socket that no gate would admit now, whichever configuration admitted it.
func closeRevoked() {
	now := time.Now()
	byOutcome := make(map[gate.Outcome]map[uint64]bool)
	for _, open := range socketlog.Registry().List() {
		if open.Site == "" {
			continue // from a tunnel without a gate
		}
		if outcome := standing(open.Info, now); outcome != gate.Accepted {
			if byOutcome[outcome] == nil {
				byOutcome[outcome] = make(map[uint64]bool)
			}
			byOutcome[outcome][open.ID] = true
		}
	}
	for _, outcome := range slices.Sorted(maps.Keys(byOutcome)) {
		code, reason := sockets.Code(outcome.CloseCode()), outcome.Reason()
		if outcome == gate.Unlisted {
			code, reason = sockets.CodeGoingAway, "this site no longer offers the socket"
		}
		for id := range byOutcome[outcome] {
			socketlog.Registry().CloseID(id, code, reason)
		}
	}
}

// standing returns the outcome that the socket's own credential would have now: at the gate that admitted the socket, else
// at that gate's successor after a reload, else at any gate that has the route.
func standing(info sockets.Info, now time.Time) gate.Outcome {
	for g := range liveGates.All() {
		if g.owner == info.Owner {
			return g.gate.Standing(info, now)
		}
	}
	outcome := gate.Unlisted
	for g := range liveGates.All() {
		standing := g.gate.Standing(info, now)
		if g.site == info.Site {
			return standing
		}
		if standing == gate.Accepted || outcome == gate.Unlisted {
			outcome = standing
		}
	}
	return outcome
}
