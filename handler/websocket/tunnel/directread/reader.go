//go:build unix

package directread

import "sync"

// Reader makes sources, and keeps what they share. The zero Reader is ready.
type Reader struct {
	mutex   sync.Mutex
	watched int           // sources
	poller  *hangupPoller // while there are any; nil if the kernel refused it
}

// watch makes the poller notify the source of its end from now on, also of an end that came before.
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
