package gate

import (
	"sync"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// recentEvents remembers how sessions changed. Events about one session arrive from other machines in any order: a logout may
// arrive before the event that gave the session its last value. The zero value is empty.
type recentEvents struct {
	mutex  sync.Mutex
	events map[sockets.Session]*SiteEvent
	order  []recentEvent // oldest first
}

type recentEvent struct {
	session sockets.Session
	event   *SiteEvent
	at      time.Time
}

const (
	// recentTime exceeds the time in which an event arrives while the storage works.
	recentTime = time.Minute
	maxRecent  = 1 << 16
)

// add remembers the event for each of its sessions. The latest event of a session counts.
func (r *recentEvents) add(e *SiteEvent, now time.Time) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.events == nil {
		r.events = make(map[sockets.Session]*SiteEvent)
	}
	for _, session := range e.Sessions {
		r.events[session] = e
		r.order = append(r.order, recentEvent{session, e, now})
	}
	for len(r.order) > 0 && (len(r.order) > maxRecent || now.Sub(r.order[0].at) > recentTime) {
		oldest := r.order[0]
		r.order = r.order[1:]
		if r.events[oldest.session] == oldest.event {
			delete(r.events, oldest.session)
		}
	}
}

// of returns what became of a session, nil for nothing.
func (r *recentEvents) of(session sockets.Session) *SiteEvent {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.events[session]
}
