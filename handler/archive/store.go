package archive

import (
	"cmp"
	"container/list"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// Defaults of a [Config].
const (
	DefaultKeep = 72 * time.Hour
	DefaultSize = 256 << 20
)

// Config is what a [Store] is made of.
type Config struct {
	// Directory is made if it is missing. Another process may have the same; no two stores of one process may.
	Directory string
	// Keep is how long something is found after it was put or renewed last. Default 72h.
	Keep time.Duration
	// Size is how many bytes the store may take. Default 256 MiB.
	Size int64
	Now  func() time.Time
	// Dropped is told of what was dropped because it was too old, or the store too large. It must not use the store. Nil tells
	// nobody.
	Dropped func(name, version string, sum [sha256.Size]byte)
	// Report is told of what was dropped because it was damaged. It must be safe for concurrent use. Nil tells nobody.
	Report func(error)
}

// Store is safe for concurrent use. It has no goroutine, and needs no end.
type Store struct {
	config  Config
	kept    atomic.Int64 // Keep of the configuration in force, and its Size
	limit   atomic.Int64
	entries string // the directory of what is known by name and version
	blobs   string // the directory of the bytes

	// changing is held while files are made or removed, for longer than index.
	changing sync.Mutex
	looked   time.Time // what the time of change of the directory of entries was then

	index sync.RWMutex // guards what follows; it is never held while the disk is used
	known map[key]*list.Element
	order *list.List // of *entry; what was put or renewed last is last
	held  map[digest]*blob
	size  int64
}

type digest = [sha256.Size]byte

// key is what something is found by.
type key struct{ name, version string }

// entry is what was put under a key.
type entry struct {
	key
	digest digest
	at     time.Time // when it was put, or renewed
}

// blob is bytes that are held.
type blob struct {
	size    int64
	entries int       // that have these bytes
	checked time.Time // the time of change of the file that was compared with its digest; zero: none was
}

// block is what a file takes at least, however small it is. It bounds how many there are.
const block = 4 << 10

func (b *blob) cost() int64 { return (b.size + block - 1) / block * block }

// ErrTooLarge is what [Store.Put] returns for content that is larger than the store.
var ErrTooLarge = errors.New("larger than the whole archive")

// Open makes the directory, if it is missing, and reads what is held there.
func Open(config Config) (*Store, error) {
	if config.Report == nil {
		config.Report = func(error) {}
	}
	if config.Dropped == nil {
		config.Dropped = func(string, string, digest) {}
	}
	s := &Store{
		config:  config,
		entries: filepath.Join(config.Directory, "entries"),
		blobs:   filepath.Join(config.Directory, "blobs"),
		known:   make(map[key]*list.Element),
		order:   list.New(),
		held:    make(map[digest]*blob),
	}
	s.Bound(config.Keep, config.Size)
	for _, directory := range []string{s.entries, s.blobs} {
		// Assets may be for some eyes only: so is the archive.
		if err := os.MkdirAll(directory, 0o700); err != nil {
			return nil, fmt.Errorf("opening the archive: %w", err)
		}
	}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("reading the archive: %w", err)
	}
	s.Sweep()
	return s, nil
}

// Bound sets how long things are found, and how many bytes the store may take, from now on. 0 means the default.
func (s *Store) Bound(keep time.Duration, size int64) {
	s.kept.Store(int64(cmp.Or(keep, DefaultKeep)))
	s.limit.Store(cmp.Or(size, DefaultSize))
}

func (s *Store) keep() time.Duration { return time.Duration(s.kept.Load()) }

// Put keeps content under a name, which is a URL path, and a version. The version is "" for a name that holds its version
// itself. What was there under both is replaced. The content is read twice, and must not change meanwhile.
func (s *Store) Put(name, version string, content io.ReadSeeker) error {
	if !utf8.ValidString(name + version) {
		return fmt.Errorf("archiving %q: want a name in UTF-8", name)
	}
	sum, size, err := sumOf(content)
	if err != nil {
		return fmt.Errorf("archiving %s: %w", name, err)
	}
	b := &blob{size: size}
	if b.cost()+block > s.limit.Load() {
		return fmt.Errorf("archiving %s: %w", name, ErrTooLarge)
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if !s.holds(sum) || !s.isOnDisk(sum, size) {
		if err := s.writeBlob(sum, content); err != nil {
			return fmt.Errorf("archiving %s: %w", name, err)
		}
	}
	e := &entry{key{name, version}, sum, s.config.Now()}
	if err := s.writeEntry(e, size); err != nil {
		if !s.holds(sum) {
			s.removeBlobs([]digest{sum})
		}
		return fmt.Errorf("archiving %s: %w", name, err)
	}
	s.removeBlobs(s.add(e, b))
	s.sweep()
	return nil
}

// Renew has the time of something begin again, as if it was put now, and reports whether it is held, on the disk too. It is
// for what is still current.
func (s *Store) Renew(name, version string) bool {
	now := s.config.Now()
	s.changing.Lock()
	defer s.changing.Unlock()
	found, size, ok := s.find(key{name, version}, now)
	if !ok || !s.isOnDisk(found.digest, size) || !exists(s.entryPath(found.key)) {
		return false
	}
	// The file need not say it to the minute.
	if now.Sub(found.at) < s.keep()/16 {
		return true
	}
	renewed := &entry{found.key, found.digest, now}
	if err := s.writeEntry(renewed, size); err != nil {
		s.config.Report(fmt.Errorf("renewing %s in the archive: %w", name, err))
		return true
	}
	s.removeBlobs(s.add(renewed, &blob{size: size}))
	return true
}

// Has reports whether there is something under a name and a version. It never reads the disk.
func (s *Store) Has(name, version string) bool {
	_, _, ok := s.find(key{name, version}, s.config.Now())
	return ok
}

// find looks for what is not too old.
func (s *Store) find(k key, now time.Time) (found entry, size int64, ok bool) {
	s.index.RLock()
	defer s.index.RUnlock()
	element := s.known[k]
	if element == nil {
		return entry{}, 0, false
	}
	found = *element.Value.(*entry)
	return found, s.held[found.digest].size, now.Sub(found.at) < s.keep()
}

func (s *Store) holds(sum digest) bool {
	s.index.RLock()
	defer s.index.RUnlock()
	return s.held[sum] != nil
}

// add notes an entry, in place of the one with its key. It returns the bytes that nobody needs any more.
func (s *Store) add(e *entry, b *blob) []digest {
	s.index.Lock()
	defer s.index.Unlock()
	if s.held[e.digest] == nil {
		s.held[e.digest] = b
		s.size += b.cost()
	}
	s.held[e.digest].entries++
	s.size += block
	var unused []digest
	if before := s.known[e.key]; before != nil {
		unused = s.forget(before)
	}
	s.known[e.key] = s.order.PushBack(e)
	return unused
}

// forget takes an entry out of the index, which the caller has locked. It returns the bytes that nobody needs any more.
func (s *Store) forget(element *list.Element) []digest {
	e := s.order.Remove(element).(*entry)
	delete(s.known, e.key)
	s.size -= block
	b := s.held[e.digest]
	b.entries--
	if b.entries > 0 {
		return nil
	}
	delete(s.held, e.digest)
	s.size -= b.cost()
	return []digest{e.digest}
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
