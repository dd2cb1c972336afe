package shared

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"
)

// Times of a node. A node is dead if its object did not change for deadAfter, by the clock of the reader.
const (
	// DefaultEvery is how often a node looks for new events.
	DefaultEvery = 400 * time.Millisecond
	// Period is how often a node writes its object and reads those of others.
	Period       = time.Second
	deadAfter    = 5 * time.Second
	removedAfter = 60 * time.Second
	tidyEvery    = 60 * time.Second
)

// Config configures a [Node].
type Config struct {
	// Prefix separates the sites that have one storage. It must pass [CheckPrefix].
	Prefix string
	// Name is the name of the machine, for reports.
	Name string
	// Describe returns the JSON object that the node shows others. Default: nothing.
	Describe func() ([]byte, error)
	// Health is called when the storage fails, with the error, and when it works again, with nil. Default: nil.
	Health func(error)
	// Unreadable is called for objects of others that cannot be read. Default: nil.
	Unreadable func(error)
	// Random is the source of the ID and of the shared key.
	Random io.Reader
	Now    func() time.Time
}

// Node is this process among the processes of the site.
type Node struct {
	config      Config
	id          string
	started     time.Time
	store       *Store
	key         atomic.Pointer[Key]
	previousKey atomic.Pointer[Key] // nil for none
	// elsewhere holds what the other nodes count, nil for nothing
	elsewhere atomic.Pointer[[]counts]
	peers     atomic.Pointer[[]Peer]
	health    health
	probed    atomic.Bool // that the storage is fit
	log       log
	questions questions

	mutex        sync.Mutex // guards the next four fields
	handlers     []*handler
	answerers    []*answerer
	contributors []*contributor
	keyed        []*keyed

	round   rounds
	leaving sync.Once
	ctx     context.Context
	stop    context.CancelFunc
	loops   sync.WaitGroup
}

type handler struct {
	kind   string
	handle func(payload []byte)
}

type keyed struct{ use func(*Key) }

type contributor struct{ contribute func(*Key, func(Count, int)) }

// New returns a node that is not started. It has no storage until [Node.Use].
func New(config Config) (*Node, error) {
	if err := CheckPrefix(config.Prefix); err != nil {
		return nil, err
	}
	var id [8]byte
	if _, err := io.ReadFull(config.Random, id[:]); err != nil {
		return nil, fmt.Errorf("drawing the ID of the node: %w", err)
	}
	n := &Node{config: config, id: hex.EncodeToString(id[:]), started: config.Now(), store: newStore(config.Prefix)}
	n.log.init()
	n.questions = questions{asked: make(map[string][]byte), wake: make(chan struct{}, 1), answered: make(map[string]bool)}
	n.round.peers = make(map[string]*peer)
	n.ctx, n.stop = context.WithCancel(context.Background())
	return n, nil
}

// Use makes the storage the one of the node, and looks for events every so often, until release is called. The latest of
// several storages is used. Zero: [DefaultEvery].
func (n *Node) Use(storage Storage, every time.Duration) (release func()) {
	if every <= 0 {
		every = DefaultEvery
	}
	n.probed.Store(false)
	return n.store.use(storage, every)
}

// Start starts to share. Further calls have no effect.
func (n *Node) Start() {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if n.round.started || n.ctx.Err() != nil {
		return
	}
	n.round.started = true
	n.loops.Go(n.runRounds)
	n.loops.Go(n.runLog)
	n.loops.Go(n.runTidy)
}

// Stop sends the last events, removes the object of the node, and ends all calls. It returns after 3 seconds at the latest.
func (n *Node) Stop() { n.leaving.Do(n.leave) }

func (n *Node) leave() {
	n.mutex.Lock()
	started := n.round.started
	n.stop()
	n.mutex.Unlock()
	n.loops.Wait()
	if !started {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	n.store.settle(ctx)   // a late Store would bring the object back
	_ = n.publishAll(ctx) // the others close the rest when they notice it themselves
	_ = n.removeNode(ctx, n.id)
}

// Store returns the storage of the node, below its prefix. The names key, nodes, heads, log, used and answers are taken.
func (n *Node) Store() *Store { return n.store }

// Key returns the shared key, nil before the storage was reached once.
func (n *Node) Key() *Key { return n.key.Load() }

// Prepare reads the shared key, and skips the events so far. It is for the start of a process, before sockets are open: events that
// come later may be about these sockets. It does nothing once the node is started. Errors are left to the rounds.
func (n *Node) Prepare(ctx context.Context) {
	n.mutex.Lock()
	started := n.round.started
	n.mutex.Unlock()
	if started {
		return
	}
	if key, err := n.store.readKey(ctx); err == nil {
		n.setKey(key)
	}
	n.skipEvents(ctx)
}

// compareKey takes over the key in the storage, or stores that of the node if there is none.
func (n *Node) compareKey(ctx context.Context) error {
	key, err := hedge(ctx, n.lookEvery(), n.store.readKey)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = n.store.loadKey(ctx, n.Key(), n.config.Random)
	}
	if err == nil {
		n.setKey(key)
	}
	return err
}

// setKey is called at the start, and then by the rounds and the log.
func (n *Node) setKey(key *Key) {
	n.mutex.Lock()
	old := n.key.Load()
	if old != nil && old.secret == key.secret {
		n.mutex.Unlock()
		return
	}
	n.previousKey.Store(old)
	n.key.Store(key)
	users := n.keyed
	n.mutex.Unlock()
	for _, k := range users {
		k.use(key)
	}
}

// OnKey calls use with the shared key once the storage was reached, and when another key replaces it, until remove is called.
func (n *Node) OnKey(use func(*Key)) (remove func()) {
	k := &keyed{use}
	n.mutex.Lock()
	n.keyed = append(n.keyed, k)
	key := n.key.Load()
	n.mutex.Unlock()
	if key != nil {
		use(key)
	}
	return func() { removeFrom(n, &n.keyed, k) }
}

// OK reports whether the storage worked when it was last needed.
func (n *Node) OK() bool { return n.health.ok.Load() }

// Reached reports whether the storage has worked at least once.
func (n *Node) Reached() bool { return n.health.reached.Load() }

// Contribute adds a source of counts, until remove is called. contribute gets the key for [Key.Count], and is called once a
// [Period].
func (n *Node) Contribute(contribute func(key *Key, add func(Count, int))) (remove func()) {
	c := &contributor{contribute}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.contributors = append(n.contributors, c)
	return func() { removeFrom(n, &n.contributors, c) }
}

// Handle calls handle for each event of a kind from other nodes, until remove is called.
func (n *Node) Handle(kind string, handle func(payload []byte)) (remove func()) {
	h := &handler{kind, handle}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.handlers = append(n.handlers, h)
	return func() { removeFrom(n, &n.handlers, h) }
}

func removeFrom[T comparable](n *Node, list *[]T, item T) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	kept := make([]T, 0, len(*list))
	for _, other := range *list {
		if other != item {
			kept = append(kept, other)
		}
	}
	*list = kept
}

// Elsewhere returns how many of a count the other nodes have. It takes no lock and does not allocate.
func (n *Node) Elsewhere(count Count) (number int) {
	if all := n.elsewhere.Load(); all != nil {
		for _, counts := range *all {
			number += counts.of(count)
		}
	}
	return number
}

// HasElsewhere reports whether other nodes count anything.
func (n *Node) HasElsewhere() bool { return n.elsewhere.Load() != nil }

// Peer is a live node.
type Peer struct {
	// ID and Name of the node.
	ID, Name string
	// Started is the start of the node, by its own clock.
	Started time.Time
	// Description is the JSON object of [Config.Describe], empty for none.
	Description []byte
}

// Self describes this node, without a description.
func (n *Node) Self() Peer { return Peer{ID: n.id, Name: n.config.Name, Started: n.started} }

// Peers returns the other live nodes, sorted by ID. The caller must not change them.
func (n *Node) Peers() []Peer {
	if peers := n.peers.Load(); peers != nil {
		return *peers
	}
	return nil
}
