package keys

import (
	"container/heap"
	"sync"
	"time"
)

// Spent remembers the tickets that are good once and were used, until they end. There is one a process: it outlives
// configurations, so that a reload gives no ticket a second use. A restart does. It is safe for concurrent use.
//
// It never holds more than its maximum. When it is full of tickets that have not ended it fails closed: what it cannot
// remember is not used, and refused, until the first of them ends.
type Spent struct {
	max   int
	mutex sync.Mutex
	used  map[Use]struct{} // those of ends
	ends  endings
	// forgotten is the latest end of those that were dropped: what ends no later may be one of them. Requests overtake
	// each other and clocks are set back, so that a ticket has ended for one and not for the next.
	forgotten time.Time
}

// NewSpent remembers at most so many uses, each about 100 bytes.
func NewSpent(maximum int) *Spent {
	return &Spent{max: maximum, used: make(map[Use]struct{})}
}

// Spending is the result of using a ticket that is good once.
type Spending uint8

// The results. The zero value is the safe one.
const (
	// UsedBefore is every use but the first.
	UsedBefore Spending = iota
	// FirstUse is the use that opens a socket: of all that ask at once, one gets it.
	FirstUse
	// NoRoom means that too many tickets that have not ended were used: another use could not be remembered.
	NoRoom
)

// Spend uses a ticket that ends at until.
func (s *Spent) Spend(use Use, until, now time.Time) Spending {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.forget(now)
	_, spent := s.used[use]
	switch {
	case spent || !now.Before(until) || !s.forgotten.Before(until):
		return UsedBefore
	case len(s.ends) >= s.max:
		return NoRoom
	}
	s.used[use] = struct{}{}
	heap.Push(&s.ends, ending{until, use})
	return FirstUse
}

// forget drops what has ended: two for each that comes, so that all go in time and nobody waits for thousands.
func (s *Spent) forget(now time.Time) {
	for range 2 {
		if len(s.ends) == 0 || now.Before(s.ends[0].until) {
			return
		}
		ended := heap.Pop(&s.ends).(ending)
		delete(s.used, ended.use)
		if s.forgotten.Before(ended.until) {
			s.forgotten = ended.until
		}
	}
}

// ending is when a use may be forgotten.
type ending struct {
	until time.Time
	use   Use
}

// endings is a heap, the first to end first.
type endings []ending

func (e endings) Len() int           { return len(e) }
func (e endings) Less(i, j int) bool { return e[i].until.Before(e[j].until) }
func (e endings) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }

// Push is for package heap.
func (e *endings) Push(last any) { *e = append(*e, last.(ending)) }

// Pop is for package heap.
func (e *endings) Pop() any {
	last := len(*e) - 1
	popped := (*e)[last]
	*e = (*e)[:last]
	return popped
}
