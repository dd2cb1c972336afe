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

// Registry holds every socket of the process, including unfinished handshakes. It is safe for concurrent use.
type Registry struct {
	now   func() time.Time
	clock atomic.Int64 // the time when the clock was last read, in Unix nanoseconds: precise enough for activity

	mutex   sync.Mutex
	sockets map[uint64]*Socket
	lastID  uint64
	routes  map[routeKey]*routeCount
	// sessions holds each value of each session that has sockets
	sessions    map[Session]*session
	lastSession uint64
	counts      SessionCounts
	due         dueHeap
	stop        chan struct{} // ends the sweeper; nil while it does not run
}

// Info is what is known of a socket at its handshake.
type Info struct {
	// Site distinguishes routes with the same name in different gates. May be empty.
	Site string
	// Route is the route of the socket. Key is the label of the key that opened it.
	Route, Key string
	// KeyID identifies the secret that opened the socket. Zero: none.
	KeyID [16]byte
	// User is the user's name in the application, from a ticket. May be empty.
	User string
	// Bond is the session that the socket is bound to. Nil: none.
	Bond *Bond
	// Client is the address of the client behind trusted proxies.
	Client netip.Addr
	// Origin is the origin of the page, at most 255 bytes. Empty for clients other than browsers.
	Origin string
	// Host and Path of the handshake, for logs.
	Host, Path string
	// OriginalPath is the path before rewrites. Empty: unknown.
	OriginalPath string
	// SiteHost is the configured host that Host matched, for metrics. It never comes from the client. May be empty.
	SiteHost string
	// Protocol is the HTTP version, for logs.
	Protocol string
	// Major is the major HTTP version of the handshake. Default: 1.
	Major int
	// Until is when the socket is closed with UntilCode and UntilReason, with a precision of about a second. Zero: never.
	Until       time.Time
	UntilCode   Code
	UntilReason string
	// IdleTimeout is how long the socket may be silent in both directions, with a precision of about a second. Zero: no limit.
	IdleTimeout time.Duration
	// Rate limits what the client may send. Nil: no limit.
	Rate *Rate
	// Owner admitted the socket and is notified of its events. May be nil.
	Owner Owner
}

// Owner is notified of the sockets that it admitted, also after its configuration is gone. Both methods must be quick: the
// handshake waits for Opened, and the end of the handler waits for Ended.
type Owner interface {
	// Opened is called when the handshake has succeeded.
	Opened(*Socket)
	// Ended is called when an opened socket has ended.
	Ended(EndedEvent)
}

// NewRegistry returns an empty registry. now is the clock.
func NewRegistry(now func() time.Time) *Registry {
	return &Registry{now: now, sockets: make(map[uint64]*Socket), routes: make(map[routeKey]*routeCount), sessions: make(map[Session]*session)}
}

// maxOrigin is the maximum length of a recorded origin.
const maxOrigin = 255

// Open reserves a socket before its handshake is forwarded. [Socket.End] releases it. The error is a *LimitError.
func (r *Registry) Open(info Info, limits Limits) (*Socket, error) {
	if len(info.Origin) > maxOrigin {
		info.Origin = strings.Clone(info.Origin[:maxOrigin])
	}
	info.Until = info.Until.Round(0) // without the monotonic clock, which stops while the machine sleeps
	now := r.now()
	elsewhere := limits.elsewhere(info.Client, info.Key, info.User)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	route, err := r.reserve(&info, limits, elsewhere)
	if err != nil {
		return nil, err
	}
	r.lastID++
	s := &Socket{registry: r, info: info, id: r.lastID, started: now, route: route, heapIndex: notInHeap}
	s.throttle = newThrottle(s, info.Rate)
	s.active.Store(now.UnixNano())
	r.clock.Store(now.UnixNano())
	r.sockets[s.id] = s
	r.bind(s)
	r.schedule(s)
	return s, nil
}

// setOpened counts a socket as open when its handshake has succeeded.
func (r *Registry) setOpened(s *Socket) {
	r.mutex.Lock()
	_, present := r.sockets[s.id]
	if present {
		s.opened.Store(true)
		s.active.Store(r.clock.Load())
		s.route.countOpen(&s.info, 1)
	}
	r.mutex.Unlock()
	if present && s.info.Owner != nil {
		s.info.Owner.Opened(s)
	}
}

// remove removes a socket.
func (r *Registry) remove(s *Socket) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	delete(r.sockets, s.id)
	r.release(s)
	r.unbind(s)
	r.unschedule(s)
}

// allSockets returns the current sockets, oldest first.
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

// List returns every open socket, oldest first.
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

// CloseWhere closes the sockets that match, as [Socket.Close] does, all at the same time. It returns their number. An
// unfinished handshake is aborted.
func (r *Registry) CloseWhere(match func(Info) bool, code Code, reason string) int {
	return r.closeWhere(func(s *Socket) bool { return match(s.info) }, code, reason)
}

// CloseOnReload is CloseWhere without the sockets that called [Socket.SurviveReloads].
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

// CloseID closes the socket with the ID of a [Snapshot]. It returns false if the socket is gone or is being closed already.
func (r *Registry) CloseID(id uint64, code Code, reason string) bool {
	r.mutex.Lock()
	s := r.sockets[id]
	r.mutex.Unlock()
	return s != nil && s.startClose(code, reason)
}
