package sockets

import (
	"container/heap"
	"math"
	"time"
)

// sweepInterval is how exact Until, Idle and the times of activity are.
const sweepInterval = 500 * time.Millisecond

// notInHeap is the place of a socket that is not in the heap.
const notInHeap = -1

// dueHeap is the sockets that have an Until or an Idle, the next to be looked at first.
type dueHeap []*Socket

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due < h[j].due }

func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heapIndex, h[j].heapIndex = i, j
}

// Push and Pop are heap.Interface's.
func (h *dueHeap) Push(s any) {
	socket := s.(*Socket)
	socket.heapIndex = len(*h)
	*h = append(*h, socket)
}

func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	socket := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	socket.heapIndex = notInHeap
	return socket
}

// schedule has the sweeper look at a new socket, and start if it is the first. The mutex is held.
func (r *Registry) schedule(s *Socket) {
	if s.info.IdleTimeout > 0 || !s.info.Until.IsZero() {
		s.due = s.nextDue()
		heap.Push(&r.due, s)
	}
	if r.stop == nil {
		r.stop = make(chan struct{})
		go r.sweepUntil(r.stop)
	}
}

// unschedule ends what watch began. The mutex is held.
func (r *Registry) unschedule(s *Socket) {
	if s.heapIndex != notInHeap {
		heap.Remove(&r.due, s.heapIndex)
	}
	if len(r.sockets) == 0 && r.stop != nil {
		close(r.stop)
		r.stop, r.due = nil, nil
	}
}

func (r *Registry) sweepUntil(stop <-chan struct{}) {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			r.sweep()
		}
	}
}

// sweep sets the clock, and closes what is due.
func (r *Registry) sweep() {
	now := r.now()
	r.clock.Store(now.UnixNano())
	for _, s := range r.takeDue(now) {
		if s.isExpired(now) {
			s.Close(s.info.UntilCode, s.info.UntilReason)
		} else {
			s.Close(CodeGoingAway, "nothing was said for "+s.info.IdleTimeout.String())
		}
	}
}

// takeDue takes the sockets out of the heap whose time is up, and puts off those that said something meanwhile.
func (r *Registry) takeDue(now time.Time) (over []*Socket) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for len(r.due) > 0 && r.due[0].due <= now.UnixNano() {
		s := r.due[0]
		if s.isExpired(now) || s.isIdle(now) {
			over = append(over, heap.Pop(&r.due).(*Socket))
			continue
		}
		s.due = max(s.nextDue(), now.Add(sweepInterval).UnixNano()) // a handshake is not idle, however long it takes
		heap.Fix(&r.due, 0)
	}
	return over
}

// nextDue is when the socket must be looked at next, in Unix nanoseconds.
func (s *Socket) nextDue() int64 {
	due := int64(math.MaxInt64)
	if idle := s.idleAfter(); idle < due-s.active.Load() {
		due = s.active.Load() + idle
	}
	if until := s.info.Until; !until.IsZero() && until.Before(lastNanosecond) {
		due = min(due, until.UnixNano())
	}
	return due
}

// lastNanosecond is the last moment that Unix nanoseconds can tell.
var lastNanosecond = time.Unix(0, math.MaxInt64)

func (s *Socket) isExpired(now time.Time) bool {
	return !s.info.Until.IsZero() && !now.Before(s.info.Until)
}

func (s *Socket) isIdle(now time.Time) bool {
	return s.Opened() && now.UnixNano()-s.active.Load() >= s.idleAfter()
}

// idleAfter is how long after its last activity the socket is idle, in nanoseconds. The time of that may be told as
// earlier than it was by one round of the sweeper.
func (s *Socket) idleAfter() int64 {
	if s.info.IdleTimeout <= 0 || s.info.IdleTimeout > math.MaxInt64-sweepInterval {
		return math.MaxInt64
	}
	return int64(s.info.IdleTimeout + sweepInterval)
}
