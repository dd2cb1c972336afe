package archive

import (
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
	// Dropped is told of what was dropped because it was too old, or damaged, or the store too large. It must not use the
	// store. Nil tells nobody.
	Dropped func(name, version string, sum [sha256.Size]byte)
	// Report is told of what could not be renewed or removed, and of what was dropped because it was damaged. It must be safe for concurrent use. Nil tells nobody.
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
	open     bool
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
	digest  digest
	at      time.Time // when it was put, or renewed
	written time.Time // what its file says of that: less, for it need not say it to the minute
}

// blob is bytes that are held.
type blob struct {
	size    int64
	entries int       // that have these bytes
	checked time.Time // the time of change of the file that was compared with its digest; zero: none was
}

// ErrTooLarge is what [Store.Put] returns for content that is larger than the store.
var ErrTooLarge = errors.New("larger than the whole archive")

// ErrFull is what [Store.PutSparing] returns where it may drop too little.
var ErrFull = errors.New("the archive is full of what is needed")

// New is a store that holds nothing until it is opened. It does not use the disk: a configuration that is only checked leaves
// nothing there.
func New(config Config) *Store {
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
	return s
}

// Open makes the directory, if it is missing, and reads what is held there. A store that is open stays as it is; one that could
// not be opened may be tried again.
func (s *Store) Open() error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.open {
		return nil
	}
	for _, directory := range []string{s.entries, s.blobs} {
		// Assets may be for some eyes only: so is the archive.
		if err := os.MkdirAll(directory, 0o700); err != nil {
			return fmt.Errorf("opening the archive: %w", err)
		}
	}
	if err := s.load(); err != nil {
		return fmt.Errorf("reading the archive: %w", err)
	}
	s.open = true
	s.sweep()
	return nil
}

// Put keeps content under a name, which is a URL path, and a version. The version is "" for a name that holds its version
// itself. What was there under both is replaced. The content is read twice, and must not change meanwhile.
func (s *Store) Put(name, version string, content io.ReadSeeker) error {
	return s.put(key{name, version}, content, func(int64) bool { return true })
}

// PutSparing is Put that drops nothing which was put or renewed since some time. Where that leaves no room, nothing is put,
// and it returns [ErrFull].
func (s *Store) PutSparing(name, version string, content io.ReadSeeker, since time.Time) error {
	return s.put(key{name, version}, content, func(cost int64) bool { return s.hasRoom(cost, since) })
}

func (s *Store) put(k key, content io.ReadSeeker, hasRoom func(cost int64) bool) error {
	if !utf8.ValidString(k.name + k.version) {
		return fmt.Errorf("archiving %q: want a name in UTF-8", k.name)
	}
	sum, size, err := sumOf(content)
	if err != nil {
		return fmt.Errorf("archiving %s: %w", k.name, err)
	}
	b := &blob{size: size}
	if b.cost()+block > s.limit.Load() {
		return fmt.Errorf("archiving %s: %w", k.name, ErrTooLarge)
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if !hasRoom(b.cost() + block) {
		return fmt.Errorf("archiving %s: %w", k.name, ErrFull)
	}
	if !s.holds(sum) || !s.isOnDisk(sum, size) {
		if err := s.writeBlob(sum, content); err != nil {
			return fmt.Errorf("archiving %s: %w", k.name, err)
		}
	}
	e := newEntry(k, sum, s.config.Now())
	if err := s.writeEntry(e, size); err != nil {
		if !s.holds(sum) {
			s.removeBlobs([]digest{sum})
		}
		return fmt.Errorf("archiving %s: %w", k.name, err)
	}
	s.removeBlobs(s.add(e, b))
	s.sweep()
	return nil
}

// Renew has the time of something begin again, as if it was put now, and reports whether it is held, on the disk too, also
// where another process put it. It is for what is still current.
func (s *Store) Renew(name, version string) bool {
	now := s.config.Now()
	s.changing.Lock()
	defer s.changing.Unlock()
	k := key{name, version}
	found, size, ok := s.find(k, now)
	if !ok {
		found, size, ok = s.adoptEntry(k, now)
	}
	if !ok || !s.isOnDisk(found.digest, size) || !exists(s.entryPath(k)) {
		return false
	}
	if now.Sub(found.written) < s.keep()/16 {
		s.touch(k, now)
		return true
	}
	renewed := newEntry(k, found.digest, now)
	if err := s.writeEntry(renewed, size); err != nil {
		s.config.Report(fmt.Errorf("renewing %s in the archive: %w", name, err))
		s.touch(k, now)
		return true
	}
	s.removeBlobs(s.add(renewed, &blob{size: size}))
	return true
}

// touch has an entry be the last to go.
func (s *Store) touch(k key, now time.Time) {
	s.index.Lock()
	defer s.index.Unlock()
	if element := s.known[k]; element != nil {
		element.Value.(*entry).at = now
		s.order.MoveToBack(element)
	}
}

func newEntry(k key, sum digest, at time.Time) *entry {
	return &entry{key: k, digest: sum, at: at, written: at}
}

// Find is how many bytes there are under a name and a version, if there is something. It never reads the disk.
func (s *Store) Find(name, version string) (size int64, found bool) {
	_, size, found = s.find(key{name, version}, s.config.Now())
	return size, found
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
