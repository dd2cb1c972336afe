package usher

import (
	"slices"
	"sync"
	"sync/atomic"
)

// liveSet is what the loaded configurations of the process hold of one kind, in the order in which they were loaded. Requests
// read it: that takes no lock.
type liveSet[T comparable] struct {
	changing sync.Mutex
	members  atomic.Pointer[[]T]
}

// all are the members. Nobody changes them.
func (s *liveSet[T]) all() []T {
	if members := s.members.Load(); members != nil {
		return *members
	}
	return nil
}

func (s *liveSet[T]) add(member T) {
	s.changing.Lock()
	defer s.changing.Unlock()
	members := append(slices.Clone(s.all()), member)
	s.members.Store(&members)
}

// remove takes out a member, once, if it is one.
func (s *liveSet[T]) remove(member T) {
	s.changing.Lock()
	defer s.changing.Unlock()
	i := slices.Index(s.all(), member)
	if i < 0 {
		return
	}
	members := slices.Delete(slices.Clone(s.all()), i, i+1)
	s.members.Store(&members)
}
