package keys

import (
	"container/heap"
	"sync"
	"time"
)

// UsedTickets records the used single-use tickets until they expire. A process has one, which outlives configurations: a reload
// permits no second use. A restart does. It is safe for concurrent use.
//
// It never holds more than its maximum. When it is full of unexpired tickets, it fails closed: it rejects further tickets until
// the first one expires.
type UsedTickets struct {
	max      int
	mutex    sync.Mutex
	used     map[UseID]bool // the same as in expiries; false after Unmark
	expiries expiryHeap
	// lastForgotten is the latest expiry of the removed tickets. A ticket that expires no later may be one of them: requests
	// overtake each other and clocks are set back.
	lastForgotten time.Time
}

// NewUsedTickets records at most this number of uses, each about 100 bytes.
func NewUsedTickets(maximum int) *UsedTickets {
	return &UsedTickets{max: maximum, used: make(map[UseID]bool)}
}

// UseResult is the result of using a single-use ticket.
type UseResult uint8

// The results. The zero value is the safe one.
const (
	// AlreadyUsed is the result of every use but the first.
	AlreadyUsed UseResult = iota
	// FirstUse permits a socket. Of concurrent uses only one gets it.
	FirstUse
	// NoCapacity means that too many unexpired tickets are recorded.
	NoCapacity
)

// MarkUsed records the use of a ticket that expires at until.
func (s *UsedTickets) MarkUsed(use UseID, until, now time.Time) UseResult {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.forget(now)
	spent, recorded := s.used[use]
	switch {
	case spent || !now.Before(until) || !s.lastForgotten.Before(until):
		return AlreadyUsed
	case recorded:
		s.used[use] = true
		return FirstUse
	case len(s.expiries) >= s.max:
		return NoCapacity
	}
	s.used[use] = true
	heap.Push(&s.expiries, expiry{until, use})
	return FirstUse
}

// Unmark permits another use of a ticket whose only use opened no socket.
func (s *UsedTickets) Unmark(use UseID) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.used[use] {
		s.used[use] = false // it keeps its place until it expires
	}
}

// forget removes expired tickets: two for each new one, so that all are removed in time and no request waits for thousands.
func (s *UsedTickets) forget(now time.Time) {
	for range 2 {
		if len(s.expiries) == 0 || now.Before(s.expiries[0].until) {
			return
		}
		ended := heap.Pop(&s.expiries).(expiry)
		delete(s.used, ended.use)
		if s.lastForgotten.Before(ended.until) {
			s.lastForgotten = ended.until
		}
	}
}

// expiry is when a recorded use may be removed.
type expiry struct {
	until time.Time
	use   UseID
}

// expiryHeap is a heap with the earliest expiry first.
type expiryHeap []expiry

func (e expiryHeap) Len() int           { return len(e) }
func (e expiryHeap) Less(i, j int) bool { return e[i].until.Before(e[j].until) }
func (e expiryHeap) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }

// Push implements heap.Interface.
func (e *expiryHeap) Push(last any) { *e = append(*e, last.(expiry)) }

// Pop implements heap.Interface.
func (e *expiryHeap) Pop() any {
	last := len(*e) - 1
	popped := (*e)[last]
	*e = (*e)[:last]
	return popped
}
