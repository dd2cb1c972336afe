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
	sums = s.purge(func(k key) bool { return k.name == name })
	return sums, len(sums)
}

// PurgeMatching removes all entries whose name matches, as [Store.Purge] does.
func (s *Store) PurgeMatching(matches func(name string) bool) (sums [][sha256.Size]byte) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.lock == nil {
		return nil
	}
	s.adopt()
	return s.purge(func(k key) bool { return matches(k.name) })
}

// purge removes the entries whose key matches. The caller holds changing.
func (s *Store) purge(matches func(key) bool) (sums [][sha256.Size]byte) {
	for _, e := range s.matching(matches) {
		unused := s.forgetKey(e.key)
		s.removeEntry(e.key)
		s.removeBlobs(unused)
		s.config.Dropped(e.name, e.version, e.digest)
		sums = append(sums, e.digest)
	}
	return sums
}

// matching returns the entries whose key matches.
func (s *Store) matching(matches func(key) bool) []entry {
	s.index.RLock()
	defer s.index.RUnlock()
	var found []entry
	for k, element := range s.known {
		if matches(k) {
			found = append(found, *element.Value.(*entry))
		}
	}
	return found
}
