package archive

import (
	"cmp"
	"time"
)

// block is the least space that a file takes on disk. It bounds the number of files.
const block = 4 << 10

func (b *blob) cost() int64 { return (b.size + block - 1) / block * block }

// Bound sets how long entries are found and how many bytes the store may take. 0 means the default.
func (s *Store) Bound(keep time.Duration, size int64) {
	s.kept.Store(int64(cmp.Or(keep, DefaultKeep)))
	s.limit.Store(cmp.Or(size, DefaultSize))
}

func (s *Store) keep() time.Duration { return time.Duration(s.kept.Load()) }

// hasRoom reports whether so many bytes are free, or are taken by entries that were last put or renewed before a time.
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
		if b := s.held[e.digest]; len(b.keys) == 1 {
			free += b.cost()
		}
	}
	return free >= cost
}

// Sweep adds the entries of other processes to the index, and removes entries that are too old. It reads the directory.
func (s *Store) Sweep() {
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.lock != nil {
		s.adoptAll(s.entriesChanged())
		s.markUsed()
	}
	s.sweep()
}

// sweep removes the oldest entries until the rest is within the bounds.
func (s *Store) sweep() {
	now := s.config.Now()
	if _, found := s.excess(now); !found {
		return
	}
	s.adopt()
	for {
		oldest, found := s.excess(now)
		if !found {
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

// excess returns the oldest entry if it has expired or the store is too large.
func (s *Store) excess(now time.Time) (entry, bool) {
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

// Size returns the bytes that the store takes, and the number of its entries.
func (s *Store) Size() (bytes int64, entries int) {
	s.index.RLock()
	defer s.index.RUnlock()
	return s.size, len(s.known)
}
