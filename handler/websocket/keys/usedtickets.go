package keys

import (
	"container/heap"
	"sync"
	"time"
)

// UsedTickets remembers the tickets that are good once and were used, until they end. There is one a process: it outlives
// configurations, so that a reload gives no ticket a second use. A restart does. It is safe for concurrent use.
//
// It never holds more than its maximum. When it is full of tickets that have not ended it fails closed: what it cannot
// remember is not used, and refused, until the first of them ends.
type UsedTickets struct {
	max      int
	mutex    sync.Mutex
	used     map[UseID]struct{} // those of ends
	expiries expiryHeap
	// lastForgotten is the latest end of those that were dropped: what ends no later may be one of them. Requests overtake
	// each other and clocks are set back, so that a ticket has ended for one and not for the next.
	lastForgotten time.Time
}

// NewUsedTickets remembers at most so many uses, each about 100 bytes.
func NewUsedTickets(maximum int) *UsedTickets {
	return &UsedTickets{max: maximum, used: make(map[UseID]struct{})}
}

// UseResult is the result of using a ticket that is good once.
type UseResult uint8

// The results. The zero value is the safe one.
const (
	// AlreadyUsed is every use but the first.
	AlreadyUsed UseResult = iota
	// FirstUse is the use that opens a socket: of all that ask at once, one gets it.
	FirstUse
	// NoCapacity means that too many tickets that have not ended were used: another use could not be remembered.
	NoCapacity
)

// MarkUsed uses a ticket that ends at until.
func (s *UsedTickets) MarkUsed(use UseID, until, now time.Time) UseResult {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.forget(now)
	_, spent := s.used[use]
	switch {
	case spent || !now.Before(until) || !s.lastForgotten.Before(until):
		return AlreadyUsed
	case len(s.expiries) >= s.max:
		return NoCapacity
	}
	s.used[use] = struct{}{}
	heap.Push(&s.expiries, expiry{until, use})
	return FirstUse
}

// forget drops what has ended: two for each that comes, so that all go in time and nobody waits for thousands.
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

// expiry is when a use may be forgotten.
type expiry struct {
	until time.Time
	use   UseID
}

// expiryHeap is a heap, the first to end first.
type expiryHeap []expiry

func (e expiryHeap) Len() int           { return len(e) }
func (e expiryHeap) Less(i, j int) bool { return e[i].until.Before(e[j].until) }
func (e expiryHeap) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }

// Push is for package heap.
func (e *expiryHeap) Push(last any) { *e = append(*e, last.(expiry)) }

// Pop is for package heap.
func (e *expiryHeap) Pop() any {
	last := len(*e) - 1
	popped := (*e)[last]
	*e = (*e)[:last]
	return popped
}
