package archive

import "crypto/sha256"

// Purge removes all entries of a name, whatever their version. It returns the digests of their content, and the number of the
// entries. Dropped is called for each.
func (s *Store) Purge(name string) (sums [][sha256.Size]byte, removed int) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.lock == nil {
		return nil, 0 // it is not open, so that nothing is served of it
	}
	s.adopt()
	for _, e := range s.named(name) {
		unused := s.forgetKey(e.key)
		s.removeEntry(e.key)
		s.removeBlobs(unused)
		s.config.Dropped(e.name, e.version, e.digest)
		sums = append(sums, e.digest)
		removed++
	}
	return sums, removed
}

// named returns the entries of a name.
func (s *Store) named(name string) []entry {
	s.index.RLock()
	defer s.index.RUnlock()
	var found []entry
	for k, element := range s.known {
		if k.name == name {
			found = append(found, *element.Value.(*entry))
		}
	}
	return found
}
