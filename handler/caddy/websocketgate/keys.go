package websocketgate

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/keys"
)

// keySet holds the keys of one gate: the keys of its configuration, and the keys of the files that it watches.
type keySet struct {
	logger *zap.Logger
	stop   context.CancelFunc
	follow sync.WaitGroup

	mutex sync.Mutex
	fixed map[string][]keys.Key // keys of the configuration, by route
	files []*keysFile
}

// keysFile is one keys file and its last valid content.
type keysFile struct {
	route string
	file  *keys.File
	keys  []keys.Key
	// pending is newer content that conflicts with the keys of another file
	pending []keys.Key
	bad     atomic.Bool // the current content is invalid
}

// newKeySet resolves the keys of the configuration and reads the keys files.
func newKeySet(g *Handler) (*keySet, error) {
	k := &keySet{logger: g.logger, fixed: make(map[string][]keys.Key), stop: func() {}}
	for _, route := range g.Routes {
		if err := route.checkAccess(); err != nil {
			return nil, route.errorf("%w", err)
		}
		k.fixed[route.Name] = nil // the ring needs an entry for routes without keys too
		for i, key := range route.Keys {
			resolved, err := key.resolve(route.labelOf(i))
			if err != nil {
				return nil, route.keyErrorf(key, err)
			}
			k.fixed[route.Name] = append(k.fixed[route.Name], resolved)
		}
		for _, file := range route.KeysFiles {
			if err := k.open(route, file); err != nil {
				return nil, route.keysFileErrorf(file, err)
			}
		}
	}
	return k, nil
}

// open reads a keys file for the first time.
func (k *keySet) open(route *Route, config *KeysFile) error {
	resolved, err := lifecycle.Resolve(config.Path)
	if err != nil {
		return fmt.Errorf("keys_file: %w", err)
	}
	file, found, err := keys.OpenFile(resolved, config.Names...)
	if err != nil {
		return err
	}
	k.files = append(k.files, &keysFile{route: route.Name, file: file, keys: found})
	return nil
}

// buildRing returns a ring of all current keys. The caller holds the mutex, or k is not shared yet.
func (k *keySet) buildRing() (*keys.Ring, error) {
	byRoute := make(map[string][]keys.Key, len(k.fixed))
	for route, fixed := range k.fixed {
		byRoute[route] = slices.Clone(fixed)
	}
	for _, file := range k.files {
		byRoute[file.route] = append(byRoute[file.route], file.keys...)
	}
	return keys.NewRing(byRoute)
}

// followFiles reloads the keys of the gate when a file changes, until close is called.
func (k *keySet) followFiles(g *gate.Gate) {
	ctx, cancel := context.WithCancel(context.Background())
	k.stop = cancel
	for _, file := range k.files {
		k.follow.Go(func() {
			file.file.Follow(ctx,
				func(found []keys.Key) { k.replace(g, file, found) },
				func(err error) { k.keepPrevious(file, err) })
		})
	}
}

// replace puts the new keys of a file in force, and closes the sockets that the old ones opened. If the new keys conflict with
// those of another file, they stay pending until a file changes: a key may move from one file to another.
func (k *keySet) replace(g *gate.Gate, file *keysFile, found []keys.Key) {
	k.mutex.Lock()
	file.pending = found
	applied, err := k.applyPending(g)
	k.mutex.Unlock()
	for _, changed := range applied {
		changed.bad.Store(false)
		k.logger.Info("keys file reloaded", zap.String("route", changed.route), zap.Strings("keys", labelsOf(changed.keys)))
	}
	if err != nil {
		k.keepPrevious(file, err)
	}
	if len(applied) > 0 {
		closeRevoked()
	}
}

// applyPending puts all pending keys in force, or else those of as many files as possible. The mutex is held.
func (k *keySet) applyPending(g *gate.Gate) (applied []*keysFile, err error) {
	previous := make([][]keys.Key, len(k.files))
	for i, file := range k.files {
		if previous[i] = file.keys; file.pending != nil {
			file.keys = file.pending
			applied = append(applied, file)
		}
	}
	ring, err := k.buildRing()
	if err == nil {
		for _, file := range applied {
			file.pending = nil
		}
		g.SetRing(ring)
		return applied, nil
	}
	for i, file := range k.files {
		file.keys = previous[i]
	}
	applied = nil
	for i, file := range k.files {
		if file.pending == nil {
			continue
		}
		file.keys = file.pending
		ring, conflict := k.buildRing()
		if conflict != nil {
			file.keys, err = previous[i], conflict
			continue
		}
		file.pending, applied = nil, append(applied, file)
		g.SetRing(ring)
	}
	return applied, err
}

func (k *keySet) keepPrevious(file *keysFile, err error) {
	file.bad.Store(true)
	k.logger.Error("keys file invalid; keeping previous keys",
		zap.String("route", file.route), zap.Error(err))
}

func (k *keySet) close() {
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
