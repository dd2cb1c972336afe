package sockets

import (
	"container/heap"
	"math"
	"time"
)

// sweepInterval is the precision of Until, IdleTimeout and the times of activity.
const sweepInterval = 500 * time.Millisecond

// notInHeap is the heapIndex of a socket that is not in the heap.
const notInHeap = -1

// dueHeap holds the sockets with an Until or an IdleTimeout, ordered by due.
type dueHeap []*Socket

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due < h[j].due }

func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heapIndex, h[j].heapIndex = i, j
}

// Push implements heap.Interface.
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

// schedule adds a new socket to the heap, and starts the sweeper if the socket is the first. The caller holds the mutex.
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

// unschedule undoes schedule. The caller holds the mutex.
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

// sweep reads the clock and closes the sockets that are due.
func (r *Registry) sweep() {
	now := r.now()
	r.clock.Store(now.UnixNano())
	for _, s := range r.takeDue(now) {
		if s.isExpired(now) {
			s.Close(s.info.UntilCode, s.info.UntilReason)
		} else {
			s.Close(CodeGoingAway, "idle for "+s.info.IdleTimeout.String())
		}
	}
}

// takeDue removes the sockets that are due from the heap. It reschedules those that were active since.
func (r *Registry) takeDue(now time.Time) (due []*Socket) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for len(r.due) > 0 && r.due[0].due <= now.UnixNano() {
		s := r.due[0]
		if s.isExpired(now) || s.isIdle(now) {
			due = append(due, heap.Pop(&r.due).(*Socket))
			continue
		}
		s.due = max(s.nextDue(), now.Add(sweepInterval).UnixNano()) // a handshake is never idle
		heap.Fix(&r.due, 0)
	}
	return due
}

// nextDue returns when the socket must be checked next, in Unix nanoseconds.
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

// lastNanosecond is the last time that Unix nanoseconds can represent.
var lastNanosecond = time.Unix(0, math.MaxInt64)

func (s *Socket) isExpired(now time.Time) bool {
	return !s.info.Until.IsZero() && !now.Before(s.info.Until)
}

func (s *Socket) isIdle(now time.Time) bool {
	return s.Opened() && !s.throttle.Slowing() && now.UnixNano()-s.active.Load() >= s.idleAfter()
}

// idleAfter returns how long after its last activity the socket is idle, in nanoseconds. It adds one interval, since recorded
// times of activity may be that much too early.
func (s *Socket) idleAfter() int64 {
	if s.info.IdleTimeout <= 0 || s.info.IdleTimeout > math.MaxInt64-sweepInterval {
		return math.MaxInt64
	}
	return int64(s.info.IdleTimeout + sweepInterval)
}
