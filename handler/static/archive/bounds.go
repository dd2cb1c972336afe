package archive

import (
	"cmp"
	"time"
)

// block is what a file takes at least, however small it is. It bounds how many there are.
const block = 4 << 10

func (b *blob) cost() int64 { return (b.size + block - 1) / block * block }

// Bound sets how long things are found, and how many bytes the store may take, from now on. 0 means the default.
func (s *Store) Bound(keep time.Duration, size int64) {
	s.kept.Store(int64(cmp.Or(keep, DefaultKeep)))
	s.limit.Store(cmp.Or(size, DefaultSize))
}

func (s *Store) keep() time.Duration { return time.Duration(s.kept.Load()) }

// hasRoom reports whether so many bytes are free, or in use by what was neither put nor renewed since some time.
func (s *Store) hasRoom(cost int64, since time.Time) bool {
	s.index.RLock()
	defer s.index.RUnlock()
	free := s.limit.Load() - s.size
	for element := s.order.Front(); element != nil && free < cost; element = element.Next() {
		e := element.Value.(*entry)
		if !e.at.Before(since) {
			break
		}
		free += block
		if b := s.held[e.digest]; b.entries == 1 {
			free += b.cost()
		}
	}
	return free >= cost
}

// Sweep drops what is too old. What is asked for meanwhile is not found anyway: it is a matter of space.
func (s *Store) Sweep() {
	s.changing.Lock()
	defer s.changing.Unlock()
	s.sweep()
}

// sweep drops the oldest until the rest is neither too old nor too much.
func (s *Store) sweep() {
	now := s.config.Now()
	if _, some := s.superfluous(now); !some {
		return
	}
	s.adopt()
	for {
		oldest, some := s.superfluous(now)
		if !some {
			return
		}
		if s.renewedElsewhere(oldest) {
			continue
		}
		unused := s.forgetKey(oldest.key)
		s.removeEntry(oldest.key)
		s.removeBlobs(unused)
		s.config.Dropped(oldest.name, oldest.version, oldest.digest)
	}
}

// superfluous is the oldest, if it is too old, or all together too much.
func (s *Store) superfluous(now time.Time) (entry, bool) {
	s.index.RLock()
	defer s.index.RUnlock()
	oldest := s.order.Front()
	if oldest == nil {
		return entry{}, false
	}
	e := oldest.Value.(*entry)
	return *e, now.Sub(e.at) >= s.keep() || s.size > s.limit.Load()
}

func (s *Store) forgetKey(k key) (unused []digest) {
	s.index.Lock()
	defer s.index.Unlock()
	return s.forget(s.known[k])
}

// Size is how many bytes the store takes, and how many things it holds.
func (s *Store) Size() (bytes int64, entries int) {
	s.index.RLock()
	defer s.index.RUnlock()
	return s.size, len(s.known)
}
