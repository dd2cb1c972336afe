package shared

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"
)

const nodesPath = "nodes"

func nodePath(id string) string { return nodesPath + "/" + id }

// maxLoads is how many objects a node loads at the same time.
const maxLoads = 8

// rounds is the state of the rounds. Only the goroutine of the rounds changes it, except started.
type rounds struct {
	started  bool
	sequence uint64
	peers    map[string]*peer
	keyed    time.Time // when the key was last compared with that in the storage
}

// peer is another node as this node sees it.
type peer struct {
	object  *object
	changed time.Time // when its object was seen to change, by the clock of this node
}

func (n *Node) runRounds() {
	ticker := time.NewTicker(Period)
	defer ticker.Stop()
	for {
		err := n.runRound(n.ctx)
		if n.ctx.Err() != nil {
			return
		}
		n.health.record(err, n.config.Health)
		select {
		case <-n.ctx.Done():
			return
		case <-ticker.C:
		case <-n.questions.wake:
		}
	}
}

// runRound writes the object of the node, and reads those of others.
func (n *Node) runRound(ctx context.Context) error {
	err := n.exchange(ctx)
	if err != nil {
		n.round.keyed = time.Time{} // the storage may come back empty, or with the key of a node that found it empty
	}
	n.judge(ctx, err == nil) // also if the storage is away: the others may be dead
	if err == nil {
		n.answerAll(ctx)
	}
	return err
}

func (n *Node) exchange(ctx context.Context) error {
	now := n.config.Now()
	if !n.probed.Load() {
		if err := n.Probe(ctx); err != nil {
			return fmt.Errorf("probing the storage: %w", err)
		}
	}
	if n.Key() == nil || now.Sub(n.round.keyed) >= tidyEvery || now.Before(n.round.keyed) {
		if err := n.compareKey(ctx); err != nil {
			return err
		}
		n.round.keyed = now
	}
	if err := n.writeObject(ctx); err != nil {
		return fmt.Errorf("writing the object of the node: %w", err)
	}
	if err := n.readObjects(ctx); err != nil {
		return fmt.Errorf("reading the objects of the nodes: %w", err)
	}
	return nil
}

func (n *Node) writeObject(ctx context.Context) error {
	n.round.sequence++
	o := object{Name: n.config.Name, Sequence: n.round.sequence, Started: n.started, Questions: n.waiting(), counts: n.count()}
	if n.config.Describe != nil {
		var err error
		if o.Description, err = n.config.Describe(); err != nil {
			return err
		}
	}
	encoded, err := o.encode()
	if err != nil {
		return err
	}
	return n.store.Store(ctx, nodePath(n.id), encoded)
}

func (n *Node) count() counts {
	n.mutex.Lock()
	contributors := n.contributors
	n.mutex.Unlock()
	numbers, key := make(map[Count]uint32), n.Key()
	for _, c := range contributors {
		c.contribute(key, func(count Count, number int) {
			if number > 0 {
				numbers[count] += uint32(number)
			}
		})
	}
	return newCounts(numbers)
}

// readObjects loads the objects of the other nodes.
func (n *Node) readObjects(ctx context.Context) error {
	ids, err := n.store.List(ctx, nodesPath)
	if err != nil {
		return err
	}
	if !slices.Contains(ids, n.id) {
		return nil // a key was deleted during the call
	}
	var mutex sync.Mutex
	var loads sync.WaitGroup
	slots := make(chan struct{}, maxLoads)
	found := make(map[string]*object, len(ids))
	var failed error
	for _, id := range ids {
		if id == n.id || !validID(id) {
			continue
		}
		slots <- struct{}{}
		loads.Go(func() {
			defer func() { <-slots }()
			o, err := n.loadObject(ctx, id)
			mutex.Lock()
			defer mutex.Unlock()
			if failed = errors.Join(failed, err); o != nil {
				found[id] = o
			}
		})
	}
	loads.Wait()
	for id := range n.round.peers {
		if !slices.Contains(ids, id) {
			delete(n.round.peers, id) // it has left
		}
	}
	n.notice(found)
	return failed
}

// loadObject returns nil for a node that has left, and for an object that cannot be read.
func (n *Node) loadObject(ctx context.Context, id string) (*object, error) {
	encoded, err := n.store.Load(ctx, nodePath(id))
	if errors.Is(err, fs.ErrNotExist) {
		return &object{}, nil // the sequence of no node
	}
	if err != nil {
		return nil, err
	}
	o, err := decodeObject(encoded)
	if err != nil {
		n.unreadable(err)
		return nil, nil
	}
	return o, nil
}

func (n *Node) unreadable(err error) {
	if n.config.Unreadable != nil {
		n.config.Unreadable(err)
	}
}

// notice records which objects changed.
func (n *Node) notice(found map[string]*object) {
	now := n.config.Now()
	for id, o := range found {
		known := n.round.peers[id]
		switch {
		case o.Sequence == 0:
			delete(n.round.peers, id)
		case known == nil:
			n.round.peers[id] = &peer{o, now}
		case known.object.Sequence != o.Sequence:
			known.object, known.changed = o, now
		}
	}
}

// judge publishes what the live nodes count. It removes the objects of nodes that are dead for long, if the storage works.
func (n *Node) judge(ctx context.Context, works bool) {
	now := n.config.Now()
	var peers []Peer
	var elsewhere []counts
	for _, id := range slices.Sorted(maps.Keys(n.round.peers)) {
		p := n.round.peers[id]
		silent := now.Sub(p.changed)
		switch {
		case silent < deadAfter:
			peers = append(peers, Peer{ID: id, Name: p.object.Name, Started: p.object.Started, Description: p.object.Description})
			if len(p.object.counts) > 0 {
				elsewhere = append(elsewhere, p.object.counts)
			}
		case silent >= removedAfter && works && n.removeNode(ctx, id) == nil:
			delete(n.round.peers, id)
		}
	}
	n.peers.Store(&peers)
	if len(elsewhere) == 0 {
		n.elsewhere.Store(nil)
		return
	}
	n.elsewhere.Store(&elsewhere)
}

// removeNode removes what a node has in the storage, but for its events.
func (n *Node) removeNode(ctx context.Context, id string) error {
	if err := n.removeAnswers(ctx, id); err != nil {
		return err
	}
	return n.store.Delete(ctx, nodePath(id))
}

// validID reports whether a name is the ID of a node, since some storages list their temporary files too.
func validID(id string) bool {
	if len(id) != 16 {
		return false
	}
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
