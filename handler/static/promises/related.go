package promises

import (
	"errors"
	"slices"
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

// Scope says which promises are for the URLs of a store.
type Scope struct {
	// Related are the other stores with such promises.
	Related []Related
	// Shadowed are beginnings of paths that another directory answers. The store takes no promises for them, and has none.
	Shadowed []string
	// Unknown is why there may be more related stores, or nil.
	Unknown error
}

func (s *Scope) isShadowed(path string) bool {
	return slices.ContainsFunc(s.Shadowed, func(beginning string) bool { return strings.HasPrefix(path, beginning) })
}

// Honor sets the scope. Promises of related stores count from the next call of Open or Foreign on. Open fails if some are unknown.
func (s *Store) Honor(scope Scope) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.scope.Store(&scope)
	s.seen = make([]*[]record, len(scope.Related))
}

// openRelated reads all related stores.
func (s *Store) openRelated() error {
	scope := s.scope.Load()
	errs := []error{scope.Unknown}
	for _, r := range scope.Related {
		errs = append(errs, r.Store.reload())
	}
	return errors.Join(errs...)
}

// followRelated reads one related store, the next one with each call, and notes which of them have changed.
func (s *Store) followRelated() error {
	related := s.scope.Load().Related
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
