package sockets

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Info is what is known of a socket at its handshake.
type Info struct {
	// Route and Key (the key's label) name what it was admitted to and by.
	Route, Key string
	// KeyID tells the secret that opened it from every other.
	KeyID [16]byte
	// Client is its address, trusted proxies considered.
	Client netip.Addr
	// Origin is the page's that opened it; "" for what is no browser.
	Origin string
	// Protocol is HTTP/1.1, HTTP/2.0 or HTTP/3.0.
	Protocol string
	// Until is when it is closed, with UntilCode and UntilReason; zero: never.
	Until       time.Time
	UntilCode   Code
	UntilReason string
	// Idle is how long it may be silent both ways before it is closed; zero: for ever.
	Idle time.Duration
	// Owner is whoever admitted it. The registry does not look at it; its hooks may.
	Owner any
}

// Limits is how many sockets may be open at once; zero is no limit.
type Limits struct {
	Route, Client, Key int
}

// LimitError says which limit was met.
type LimitError struct {
	By  string // route, client or key
	Max int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("at most %d sockets may be open per %s", e.Max, e.By)
}

// Registry is every open socket of the process. It is safe for concurrent use.
type Registry struct {
	now   func() time.Time
	hooks atomic.Pointer[hooks]
	clock atomic.Int64 // the time at the last sweep, in nanoseconds: exact enough for activity

	mutex    sync.Mutex
	sockets  map[uint64]*Socket
	lastID   uint64
	counts   map[countKey]int
	sweeping bool
}

type hooks struct {
	opened func(*Socket)
	ended  func(Ended)
}

// countKey is what a limit counts: exactly one of its forms is set.
type countKey struct {
	route  string
	client netip.Prefix
	key    [16]byte
}

// NewRegistry makes an empty registry. now is the clock.
func NewRegistry(now func() time.Time) *Registry {
	r := &Registry{now: now, sockets: make(map[uint64]*Socket), counts: make(map[countKey]int)}
	r.hooks.Store(&hooks{func(*Socket) {}, func(Ended) {}})
	r.clock.Store(now().UnixNano())
	return r
}

// SetHooks replaces what is called when a socket opens and when it has ended. The latest configuration's hooks serve
// every socket, older ones too.
func (r *Registry) SetHooks(opened func(*Socket), ended func(Ended)) {
	r.hooks.Store(&hooks{opened, ended})
}

// Open takes a place for a socket whose handshake is about to be handed on. The place is free again after
// [Socket.End]. The error is a *LimitError.
func (r *Registry) Open(info Info, limits Limits) (*Socket, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	s := &Socket{
		registry: r, info: info, started: r.now(),
		written: make(chan struct{}), answered: make(chan struct{}), ended: make(chan struct{}),
	}
	keys := s.countKeys()
	for i, limit := range [...]struct {
		max int
		by  string
	}{{limits.Route, "route"}, {limits.Client, "client"}, {limits.Key, "key"}} {
		if limit.max > 0 && r.counts[keys[i]] >= limit.max {
			return nil, &LimitError{limit.by, limit.max}
		}
	}
	for _, key := range keys {
		r.counts[key]++
	}
	r.lastID++
	s.id = r.lastID
	r.clock.Store(s.started.UnixNano())
	s.active.Store(s.started.UnixNano())
	r.sockets[s.id] = s
	r.startSweeping()
	return s, nil
}

// remove frees the place of a socket.
func (r *Registry) remove(s *Socket) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.sockets[s.id] == nil {
		return
	}
	delete(r.sockets, s.id)
	for _, key := range s.countKeys() {
		if r.counts[key]--; r.counts[key] == 0 {
			delete(r.counts, key)
		}
	}
}

// countKeys is what the socket counts under: its route, its client's network, its key on its route.
func (s *Socket) countKeys() [3]countKey {
	return [3]countKey{
		{route: s.info.Route},
		{client: clientNetwork(s.info.Client)},
		{route: s.info.Route, key: s.info.KeyID, client: everyClient},
	}
}

// everyClient keeps the count of a key apart from that of its route.
var everyClient = netip.PrefixFrom(netip.IPv6Unspecified(), 0)

// clientNetwork is what one client can hold of the address space: an IPv4 address, or an IPv6 /64.
func clientNetwork(client netip.Addr) netip.Prefix {
	client = client.Unmap()
	bits := 64
	if client.Is4() {
		bits = 32
	}
	network, err := client.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}

// all is the sockets of this moment, oldest first.
func (r *Registry) all() []*Socket {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	sockets := make([]*Socket, 0, len(r.sockets))
	for _, s := range r.sockets {
		sockets = append(sockets, s)
	}
	slices.SortFunc(sockets, func(a, b *Socket) int { return int(int64(a.id) - int64(b.id)) })
	return sockets
}

// List tells of every open socket, oldest first.
func (r *Registry) List() []Snapshot {
	var list []Snapshot
	for _, s := range r.all() {
		if s.Opened() {
			list = append(list, s.Snapshot())
		}
	}
	return list
}

// CloseWhere closes the sockets that match, at once, and returns how many.
func (r *Registry) CloseWhere(match func(Info) bool, code Code, reason string) int {
	closed := 0
	for _, s := range r.all() {
		if match(s.info) {
			s.Close(code, reason)
			closed++
		}
	}
	return closed
}

// CloseID closes one socket of [Registry.List], and reports whether there is one of that number.
func (r *Registry) CloseID(id uint64, code Code, reason string) bool {
	r.mutex.Lock()
	s := r.sockets[id]
	r.mutex.Unlock()
	if s == nil {
		return false
	}
	s.Close(code, reason)
	return true
}

// CloseAll closes every socket, evenly over spread with some jitter, so that clients do not come back all at once. It
// returns when the last one is being closed.
func (r *Registry) CloseAll(code Code, reason string, spread time.Duration) {
	sockets := r.all()
	if len(sockets) == 0 {
		return
	}
	step := spread / time.Duration(len(sockets))
	for _, s := range sockets {
		if step > 0 {
			time.Sleep(step/2 + rand.N(step))
		}
		s.Close(code, reason)
	}
}

// sweepEvery is how exact Until and Idle are.
const sweepEvery = time.Second

// startSweeping runs one goroutine for all sockets while there are any. The mutex is held.
func (r *Registry) startSweeping() {
	if r.sweeping {
		return
	}
	r.sweeping = true
	go r.sweep()
}

func (r *Registry) sweep() {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for range ticker.C {
		now := r.now()
		r.clock.Store(now.UnixNano())
		var due []*Socket
		r.mutex.Lock()
		if len(r.sockets) == 0 {
			r.sweeping = false
			r.mutex.Unlock()
			return
		}
		for _, s := range r.sockets {
			if s.due(now) {
				due = append(due, s)
			}
		}
		r.mutex.Unlock()
		for _, s := range due {
			s.closeDue(now)
		}
	}
}
