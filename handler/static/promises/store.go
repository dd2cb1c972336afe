package promises

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
)

// Promise is a URL and the content that it was given out for.
type Promise struct {
	// Path is the path of the file below its prefix.
	Path string
	// Version is the version in the query; "" for the path alone.
	Version string
	// Digest is the SHA-256 of the content.
	Digest [sha256.Size]byte
}

// Lifetime is how long a browser may hold a response after it was given out: max-age=31536000 (RFC 8246), and renewAfter more,
// since a promise that is given again within that time is not written again.
const (
	Lifetime   = 365*24*time.Hour + renewAfter
	renewAfter = 30 * 24 * time.Hour
)

// maxRecords is how many promises are remembered; the oldest are forgotten first. In memory they take 28 MiB.
const maxRecords = 1 << 20

// Store is safe for concurrent use.
type Store struct {
	file    string
	now     func() time.Time
	records atomic.Pointer[[]record] // sorted; immutable
	scope   atomic.Pointer[Scope]

	mutex sync.Mutex // guards changes of records, and the fields below
	read  os.FileInfo
	end   int64 // of what was read of the file
	// foreign counts the readings that found new records of other processes, and changes of related stores.
	foreign uint64
	seen    []*[]record // the records of related stores when they last counted
	turn    int         // the related store that was last read
	// unwritten are records that could not be written.
	unwritten []record
}

// New returns a store that is empty until it is opened. It does not use the disk.
func New(file string, now func() time.Time) *Store {
	s := &Store{file: file, now: now}
	s.records.Store(&[]record{})
	s.scope.Store(new(Scope))
	return s
}

// Open reads the file, if there is one, and the related stores.
func (s *Store) Open() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := errors.Join(s.load(), s.compact(), s.openRelated()); err != nil {
		return fmt.Errorf("reading the promises of URLs: %w", err)
	}
	return nil
}

// Foreign reads what other processes have added to the file, and one of the related stores. It returns a number that grows when
// there are more promises.
func (s *Store) Foreign() (uint64, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := errors.Join(s.load(), s.followRelated()); err != nil {
		return s.foreign, fmt.Errorf("reading the promises of URLs: %w", err)
	}
	return s.foreign, nil
}

// Add records promises. After an error they are remembered in memory, and the next Add writes them.
func (s *Store) Add(added ...Promise) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	err := s.load()
	now, scope := s.now(), s.scope.Load()
	var fresh []record
	for _, p := range added {
		if scope.isShadowed(p.Path) {
			continue
		}
		if r := recordOf(p, now); !s.isFresh(r) {
			fresh = append(fresh, r)
		}
	}
	if len(fresh) > 0 {
		s.merge(fresh)
	}
	s.unwritten = append(s.unwritten, fresh...)
	if len(s.unwritten) == 0 {
		return nil
	}
	if err = errors.Join(err, s.append(s.unwritten)); err != nil {
		return fmt.Errorf("writing the promises of URLs: %w", err)
	}
	s.unwritten = nil
	return nil
}

// isFresh reports a promise that need not be written again.
func (s *Store) isFresh(r record) bool {
	records := *s.records.Load()
	i, found := slices.BinarySearchFunc(records, r, record.compare)
	return found && int64(r.at)-int64(records[i].at) < int64(renewAfter/time.Second)
}

// Has reports whether a promise was added here or to a related store, and has not expired.
func (s *Store) Has(p Promise) bool {
	return s.any(p.Path, func(other *Store, path uint64) bool { return other.has(path, p) })
}

func (s *Store) has(path uint64, p Promise) bool {
	records, wanted := *s.records.Load(), recordOf(p, time.Time{})
	wanted.path = path
	i, found := slices.BinarySearchFunc(records, wanted, record.compare)
	return found && int64(records[i].at) > s.now().Add(-Lifetime).Unix()
}

// HasOther reports whether a URL was given out for other content than that of a digest, here or by a related store. A version in the
// query may also be the beginning of the SHA-256 of other content that the path had.
func (s *Store) HasOther(path, version string, digest [sha256.Size]byte) bool {
	return s.any(path, func(other *Store, path uint64) bool { return other.hasOther(path, version, digest) })
}

// any reports whether this store or a related one has what is looked for, under the hash of a path in that store.
func (s *Store) any(path string, has func(other *Store, path uint64) bool) bool {
	scope := s.scope.Load()
	if scope.isShadowed(path) {
		return false
	}
	if has(s, xxhash.Sum64String(path)) {
		return true
	}
	for _, r := range scope.Related {
		if hash, ok := r.hash(path); ok && has(r.Store, hash) {
			return true
		}
	}
	return false
}

func (s *Store) hasOther(path uint64, version string, digest [sha256.Size]byte) bool {
	records := *s.records.Load()
	if len(records) == 0 {
		return false
	}
	wanted := recordOf(Promise{Version: version, Digest: digest}, time.Time{})
	expired := s.now().Add(-Lifetime).Unix()
	i, _ := slices.BinarySearchFunc(records, path, func(r record, path uint64) int { return cmp.Compare(r.path, path) })
	for ; i < len(records) && records[i].path == path; i++ {
		r := &records[i]
		if r.digest != wanted.digest && int64(r.at) > expired && (r.version == wanted.version || r.isNamedBy(version)) {
			return true
		}
	}
	return false
}

// merge adds records to those in memory.
func (s *Store) merge(added []record) {
	records := slices.Concat(*s.records.Load(), added)
	// Of equal records the latest comes first, and stays. Of two with the same time it is the shared one.
	slices.SortFunc(records, func(a, b record) int {
		return cmp.Or(a.compare(b), cmp.Compare(b.at, a.at), compareBool(b.shared, a.shared))
	})
	records = slices.CompactFunc(records, func(a, b record) bool { return a.compare(b) == 0 })
	expired := s.now().Add(-Lifetime).Unix()
	records = slices.DeleteFunc(records, func(r record) bool { return int64(r.at) <= expired })
	if excess := len(records) - maxRecords; excess > 0 {
		times := make([]uint32, len(records))
		for i, r := range records {
			times[i] = r.at
		}
		slices.Sort(times)
		oldest := times[excess-1]
		records = slices.DeleteFunc(records, func(r record) bool {
			forget := excess > 0 && r.at <= oldest
			if forget {
				excess--
			}
			return forget
		})
	}
	s.records.Store(&records)
}

// compareBool orders false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}
