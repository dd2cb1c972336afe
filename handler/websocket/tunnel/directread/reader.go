//go:build unix

package directread

import "sync"

// Reader returns sources and holds what they share. The zero Reader is ready.
type Reader struct {
	mutex   sync.Mutex
	watched int           // number of sources
	poller  *hangupPoller // while there are sources; nil if the kernel refused it
}

// watch notifies the source when its connection ends, and also if it has ended already.
func (r *Reader) watch(s *Source) {
	r.mutex.Lock()
	if r.watched == 0 {
		r.poller = newHangupPoller()
	}
	r.watched++
	s.watched = true
	poller := r.poller
	r.mutex.Unlock()
	poller.watch(s)
}

// forget undoes watch.
func (r *Reader) forget(s *Source) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	s.watched = false
	r.poller.forget(s)
	if r.watched--; r.watched == 0 {
		r.poller.close()
		r.poller = nil
	}
}
