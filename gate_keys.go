package usher

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/keys"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// gateKeys is which keys a gate knows at the moment: those of its configuration, and those of the files that it follows.
type gateKeys struct {
	logger *zap.Logger
	stop   context.CancelFunc
	follow sync.WaitGroup

	mutex sync.Mutex
	fixed map[string][]keys.Key // by route; those of the configuration
	files []*gateKeysFile
}

// gateKeysFile is one file of keys, and what it held when it was last good.
type gateKeysFile struct {
	route string
	file  *keys.File
	keys  []keys.Key
	bad   atomic.Bool // what it holds now cannot be used
}

// newGateKeys resolves every key of the configuration, and reads the files.
func newGateKeys(g *WebSocketGate) (*gateKeys, error) {
	k := &gateKeys{logger: g.logger, fixed: make(map[string][]keys.Key), stop: func() {}}
	for _, route := range g.Routes {
		if len(route.Keys) == 0 && len(route.KeysFiles) == 0 && route.Ticket == nil {
			return nil, route.errorf("want at least one key, a keys_file or a ticket")
		}
		k.fixed[route.Name] = nil // a route of a file alone has a place in the ring too
		for i, key := range route.Keys {
			resolved, err := key.resolve(route.labelOf(i))
			if err != nil {
				return nil, route.keyErrorf(key, err)
			}
			k.fixed[route.Name] = append(k.fixed[route.Name], resolved)
		}
		for _, path := range route.KeysFiles {
			if err := k.open(route, path); err != nil {
				return nil, route.errorf("%w", err)
			}
		}
	}
	return k, nil
}

func (k *gateKeys) open(route *GateRoute, path string) error {
	resolved, err := caddy.NewReplacer().ReplaceOrErr(path, true, true)
	if err != nil {
		return fmt.Errorf("keys_file: %w", err)
	}
	file, found, err := keys.OpenFile(resolved)
	if err != nil {
		return err
	}
	k.files = append(k.files, &gateKeysFile{route: route.Name, file: file, keys: found})
	return nil
}

// ring is all keys as they are now. The mutex is held, or nobody else has k yet.
func (k *gateKeys) ring() (*keys.Ring, error) {
	byRoute := make(map[string][]keys.Key, len(k.fixed))
	for route, fixed := range k.fixed {
		byRoute[route] = slices.Clone(fixed)
	}
	for _, file := range k.files {
		byRoute[file.route] = append(byRoute[file.route], file.keys...)
	}
	return keys.NewRing(byRoute)
}

// followFiles has the gate take over what the files hold, until stop is called.
func (k *gateKeys) followFiles(g *gate.Gate) {
	ctx, cancel := context.WithCancel(context.Background())
	k.stop = cancel
	for _, file := range k.files {
		k.follow.Go(func() {
			file.file.Follow(ctx,
				func(found []keys.Key) { k.replace(g, file, found) },
				func(err error) { k.keepLastGood(file, err) })
		})
	}
}

// replace puts the new keys of a file in force, and closes what the old ones opened.
func (k *gateKeys) replace(g *gate.Gate, file *gateKeysFile, found []keys.Key) {
	k.mutex.Lock()
	before := file.keys
	file.keys = found
	ring, err := k.ring()
	if err != nil {
		file.keys = before
	} else {
		g.SetRing(ring)
	}
	k.mutex.Unlock()
	if err != nil {
		k.keepLastGood(file, err)
		return
	}
	file.bad.Store(false)
	k.logger.Info("a file of keys was read again", zap.String("route", file.route), zap.Strings("keys", labelsOf(found)))
	closeRevoked()
}

func (k *gateKeys) keepLastGood(file *gateKeysFile, err error) {
	file.bad.Store(true)
	k.logger.Error("a file of keys cannot be used; the last good keys stay in force",
		zap.String("route", file.route), zap.Error(err))
}

func (k *gateKeys) close() {
	k.stop()
	k.follow.Wait()
}

func labelsOf(all []keys.Key) []string {
	var labels []string
	for _, key := range all {
		labels = append(labels, key.Label)
	}
	return labels
}

// liveGates are those of the configurations that are loaded, in the order in which they were.
var liveGates liveSet[*WebSocketGate]

// loadedGates are those and the ones that are being retired: requests may still come to them.
var loadedGates liveSet[*WebSocketGate]

// gatesOf are the gates of a server, also one that is shutting down.
func gatesOf(server *caddyhttp.Server) []*WebSocketGate {
	var gates []*WebSocketGate
	for _, g := range loadedGates.all() {
		if g.logs.server == server {
			gates = append(gates, g)
		}
	}
	return gates
}

// closeRevoked closes the sockets, whichever configuration admitted them, that no gate would admit now.
func closeRevoked() {
	gates, now := liveGates.all(), time.Now()
	byOutcome := make(map[gate.Outcome]map[uint64]bool)
	for _, open := range openSockets.List() {
		if owner, ok := open.Owner.(*WebSocketGate); !ok || owner.gate == nil {
			continue // a tunnel without a gate in front of it
		}
		if outcome := standing(gates, open.Info, now); outcome != gate.Accepted {
			if byOutcome[outcome] == nil {
				byOutcome[outcome] = make(map[uint64]bool)
			}
			byOutcome[outcome][open.ID] = true
		}
	}
	for _, outcome := range slices.Sorted(maps.Keys(byOutcome)) {
		code, reason := sockets.Code(outcome.CloseCode()), outcome.Reason()
		if outcome == gate.Unlisted {
			code, reason = sockets.CodeGoingAway, "this site does not offer the socket any more"
		}
		for id := range byOutcome[outcome] {
			openSockets.CloseID(id, code, reason)
		}
	}
}

// standing is the outcome that the socket's own credential would have now: at the gate that admitted it, at its successor
// after a reload, or, where both are gone, at any that has the route.
func standing(gates []*WebSocketGate, info sockets.Info, now time.Time) gate.Outcome {
	if owner, ok := info.Owner.(*WebSocketGate); ok && owner.live.Load() {
		return owner.gate.Standing(info.Route, info.KeyID, now)
	}
	outcome := gate.Unlisted
	for _, g := range gates {
		of := g.gate.Standing(info.Route, info.KeyID, now)
		if g.site == info.Site {
			return of
		}
		if of == gate.Accepted || outcome == gate.Unlisted {
			outcome = of
		}
	}
	return outcome
}
