package promises

import (
	"errors"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// Related is another store with promises for URLs of this one. It is only read, and has no related stores itself.
type Related struct {
	Store *Store
	// Cut and Add turn the path of a file into the path that the other store has. Cut is removed from its beginning; a path without
	// it is not in the other store. Then Add is put at its beginning.
	Cut, Add string
}

// Relate returns how paths below a URL prefix are written below another one. ok=false: the prefixes have no URL in common.
func Relate(prefix, other string) (cut, add string, ok bool) {
	if add, ok = strings.CutPrefix(prefix, other); ok {
		return "", add, true
	}
	cut, ok = strings.CutPrefix(other, prefix)
	return cut, "", ok
}

// hash returns the hash that the other store has of a path.
func (r *Related) hash(path string) (hash uint64, ok bool) {
	if path, ok = strings.CutPrefix(path, r.Cut); !ok {
		return 0, false
	}
	if r.Add == "" {
		return xxhash.Sum64String(path), true
	}
	var d xxhash.Digest
	d.Reset()
	_, _ = d.WriteString(r.Add)
	_, _ = d.WriteString(path)
	return d.Sum64(), true
}

// Honor sets the related stores. Their promises count from the next call of Open or Foreign on. If unknown is not nil, there may be
// others, and Open returns it.
func (s *Store) Honor(related []Related, unknown error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.related.Store(&related)
	s.seen, s.unknownRelated = make([]*[]record, len(related)), unknown
}

// openRelated reads all related stores.
func (s *Store) openRelated() error {
	errs := []error{s.unknownRelated}
	for _, r := range *s.related.Load() {
		errs = append(errs, r.Store.reload())
	}
	return errors.Join(errs...)
}

// followRelated reads one related store, the next one with each call, and notes which of them have changed.
func (s *Store) followRelated() error {
	related := *s.related.Load()
	if len(related) == 0 {
		return nil
	}
	s.turn = (s.turn + 1) % len(related)
	err := related[s.turn].Store.reload()
	for i, r := range related {
		if records := r.Store.records.Load(); records != s.seen[i] {
			s.seen[i] = records
			s.foreign++
		}
	}
	return err
}

func (s *Store) reload() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.load()
}
