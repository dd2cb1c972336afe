package sockets

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Registry is every socket of the process, those whose handshake is under way included. It is safe for concurrent use.
type Registry struct {
	now   func() time.Time
	clock atomic.Int64 // the time when it was last looked at, in Unix nanoseconds: exact enough for activity

	mutex   sync.Mutex
	sockets map[uint64]*Socket
	lastID  uint64
	routes  map[routeKey]*routeCount
	// sessions holds each value of each session that has sockets
	sessions    map[Session]*session
	lastSession uint64
	due         dueHeap
	stop        chan struct{} // ends the sweeper; nil while none runs
}

// Info is what is known of a socket at its handshake.
type Info struct {
	// Site tells routes of one name apart, where several gates have them. It may be empty.
	Site string
	// Route and Key (the key's label) name what it was admitted to and by.
	Route, Key string
	// KeyID tells the secret that opened it from every other; zero: none.
	KeyID [16]byte
	// User is the application's name for the person, from a ticket. It may be empty.
	User string
	// Bond is the session that the socket is bound to. Nil: none.
	Bond *Bond
	// Client is its address, trusted proxies considered.
	Client netip.Addr
	// Origin is the page's that opened it, cut at 255 bytes; "" for what is no browser.
	Origin string
	// Host and Path are those of the handshake, for logs.
	Host, Path string
	// Protocol is the HTTP version, for logs.
	Protocol string
	// Major is the major HTTP version of the handshake. Default: 1.
	Major int
	// Until is when it is closed, to about a second, with UntilCode and UntilReason. Zero: never.
	Until       time.Time
	UntilCode   Code
	UntilReason string
	// IdleTimeout is how long it may be silent both ways before it is closed, to about a second. Zero: for ever.
	IdleTimeout time.Duration
	// Owner admitted the socket, and is notified of it. May be nil.
	Owner Owner
}

// Owner is notified of the sockets that it admitted, also after its configuration is gone. Both methods must be quick: a
// handshake waits for Opened, the end of a handler for Ended.
type Owner interface {
	// Opened is called when the handshake has succeeded.
	Opened(*Socket)
	// Ended is called when a socket that was opened has ended.
	Ended(EndedEvent)
}

// NewRegistry makes an empty registry. now is the clock.
func NewRegistry(now func() time.Time) *Registry {
	return &Registry{now: now, sockets: make(map[uint64]*Socket), routes: make(map[routeKey]*routeCount), sessions: make(map[Session]*session)}
}

// maxOrigin bounds what a client can have the registry keep.
const maxOrigin = 255

// Open takes a place for a socket whose handshake is about to be handed on. The place is free again after
// [Socket.End]. The error is a *LimitError.
func (r *Registry) Open(info Info, limits Limits) (*Socket, error) {
	if len(info.Origin) > maxOrigin {
		info.Origin = strings.Clone(info.Origin[:maxOrigin])
	}
	info.Until = info.Until.Round(0) // the clock on the wall ends a key, also after the machine has slept
	now := r.now()
	r.mutex.Lock()
	defer r.mutex.Unlock()
	route, err := r.reserve(&info, limits)
	if err != nil {
		return nil, err
	}
	r.lastID++
	s := &Socket{registry: r, info: info, id: r.lastID, started: now, route: route, heapIndex: notInHeap}
	s.active.Store(now.UnixNano())
	r.clock.Store(now.UnixNano())
	r.sockets[s.id] = s
	r.bind(s)
	r.schedule(s)
	return s, nil
}

// setOpened counts a socket whose handshake has succeeded.
func (r *Registry) setOpened(s *Socket) {
	r.mutex.Lock()
	_, there := r.sockets[s.id]
	if there {
		s.opened.Store(true)
		s.active.Store(r.clock.Load())
		s.route.open++
	}
	r.mutex.Unlock()
	if there && s.info.Owner != nil {
		s.info.Owner.Opened(s)
	}
}

// remove frees the place of a socket.
func (r *Registry) remove(s *Socket) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	delete(r.sockets, s.id)
	r.release(s)
	r.unbind(s)
	r.unschedule(s)
}

// allSockets is the sockets of this moment, oldest first.
func (r *Registry) allSockets() []*Socket {
	r.mutex.Lock()
	sockets := make([]*Socket, 0, len(r.sockets))
	for _, s := range r.sockets {
		sockets = append(sockets, s)
	}
	r.mutex.Unlock()
	slices.SortFunc(sockets, func(a, b *Socket) int { return cmp.Compare(a.id, b.id) })
	return sockets
}

// List tells of every open socket, oldest first.
func (r *Registry) List() []Snapshot {
	var list []Snapshot
	for _, s := range r.allSockets() {
		if s.Opened() {
			snapshot := s.Snapshot()
			snapshot.Site = r.siteOf(s)
			list = append(list, snapshot)
		}
	}
	return list
}

// CloseWhere closes the sockets that match, as [Socket.Close] does, all at the same time, and returns how many. A
// handshake that is under way is given up.
func (r *Registry) CloseWhere(match func(Info) bool, code Code, reason string) int {
	return r.closeWhere(func(s *Socket) bool { return match(s.info) }, code, reason)
}

// CloseOnReload is CloseWhere for those that nobody keeps (see [Socket.SurviveReloads]).
func (r *Registry) CloseOnReload(match func(Info) bool, code Code, reason string) int {
	return r.closeWhere(func(s *Socket) bool { return !s.survivesReloads.Load() && match(s.info) }, code, reason)
}

func (r *Registry) closeWhere(match func(*Socket) bool, code Code, reason string) int {
	closed := 0
	for _, s := range r.allSockets() {
		if match(s) && s.startClose(code, reason) {
			closed++
		}
	}
	return closed
}

// CloseID closes the socket of that [Snapshot], and reports whether it was there to be closed.
func (r *Registry) CloseID(id uint64, code Code, reason string) bool {
	r.mutex.Lock()
	s := r.sockets[id]
	r.mutex.Unlock()
	return s != nil && s.startClose(code, reason)
}
