package archive

import (
	"container/list"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
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

// Config configures a [Store].
type Config struct {
	// Directory is created if it is missing. Several processes may share it, but not two stores of one process.
	Directory string
	// Keep is how long an entry is found after it was put or renewed. Default 72h.
	Keep time.Duration
	// Size is how many bytes the store may take. Default 256 MiB.
	Size int64
	Now  func() time.Time
	// Dropped is called for each entry that was removed because it was too old or damaged, or the store too large. It must not
	// use the store. May be nil.
	Dropped func(name, version string, sum [sha256.Size]byte)
	// Report is called for each entry that could not be renewed or removed, or was removed because it was damaged. It must be
	// safe for concurrent use. May be nil.
	Report func(error)
}

// Store is safe for concurrent use. It has no goroutine.
type Store struct {
	config  Config
	kept    atomic.Int64 // Keep, see Bound
	limit   atomic.Int64 // Size, see Bound
	entries string       // the directory of the entries
	blobs   string       // the directory of the content

	// changing guards changes of files, and is held longer than index.
	changing sync.Mutex
	lock     *os.File  // held while the store is open
	adopted  time.Time // the time of change of the directory of entries when it was last read

	index sync.RWMutex // guards the fields below; not held while the disk is used
	known map[key]*list.Element
	order *list.List // of *entry, in the order in which they were put or renewed
	held  map[digest]*blob
	size  int64
}

type digest = [sha256.Size]byte

// key is what an entry is found by.
type key struct{ name, version string }

// entry is a key and its content.
type entry struct {
	key
	digest  digest
	at      time.Time // when it was put or renewed
	written time.Time // the same as the file has it; not every renewal is written
}

// blob is stored content.
type blob struct {
	size    int64
	keys    []key     // of the entries with this content
	checked time.Time // the time of change of the file when it was compared with its digest; zero: never
}

// ErrTooLarge is returned by [Store.Put] for content that is larger than the store.
var ErrTooLarge = errors.New("content larger than the archive")

// ErrFull is returned by [Store.PutSparing] if too few entries may be removed.
var ErrFull = errors.New("archive full of current entries")

// New returns a store that is empty until it is opened. It does not use the disk, so that a configuration that is only validated
// leaves nothing there.
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

// Open creates the directory, if it is missing, and reads its entries. Opening an open store does nothing. After an error Open may
// be called again.
func (s *Store) Open() error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.lock != nil {
		return nil
	}
	for _, directory := range []string{s.entries, s.blobs} {
		// Assets may be confidential.
		if err := os.MkdirAll(directory, 0o700); err != nil {
			return fmt.Errorf("opening the archive: %w", err)
		}
	}
	lock, err := lockShared(s.config.Directory)
	if err != nil {
		return fmt.Errorf("opening the archive: %w", err)
	}
	if err := s.load(); err != nil {
		_ = lock.Close()
		return fmt.Errorf("reading the archive: %w", err)
	}
	s.lock = lock
	s.sweep()
	s.markUsed()
	return nil
}

// Close lets other processes remove the store when it is old. It may be opened again.
func (s *Store) Close() error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.lock == nil {
		return nil
	}
	s.markUsed()
	err := s.lock.Close()
	s.lock = nil
	return err
}

// markUsed records in the change time of the directory that the store is in use.
func (s *Store) markUsed() {
	now := s.config.Now()
	_ = os.Chtimes(s.config.Directory, now, now) // then it is only removed too early
}

// Put stores content under a name, which is a URL path, and a version. The version is "" if the name contains it. An entry with the
// same name and version is replaced. Put reads the content twice; it must not change meanwhile.
func (s *Store) Put(name, version string, content io.ReadSeeker) error {
	return s.put(key{name, version}, content, func(int64) bool { return true })
}

// PutSparing is Put, but it removes no entry that was put or renewed since a time. If that leaves no room, it returns [ErrFull].
func (s *Store) PutSparing(name, version string, content io.ReadSeeker, since time.Time) error {
	return s.put(key{name, version}, content, func(cost int64) bool { return s.hasRoom(cost, since) })
}

func (s *Store) put(k key, content io.ReadSeeker, hasRoom func(cost int64) bool) error {
	if !utf8.ValidString(k.name + k.version) {
		return fmt.Errorf("archiving %q: invalid name: use UTF-8", k.name)
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

// Renew starts the time of an entry again, as if it was put now. It is for files that are still current. It reports whether the
// entry is there, on disk too; another process may have put it.
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

// touch makes an entry the last to be removed.
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

// Find returns the size of the content of a name and a version. It does not read the disk.
func (s *Store) Find(name, version string) (size int64, found bool) {
	_, size, found = s.find(key{name, version}, s.config.Now())
	return size, found
}

// find returns an entry that is not too old.
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

// Holding returns an accepted name and version of a content, by its SHA-256. It does not read the disk.
func (s *Store) Holding(sum [sha256.Size]byte, accept func(name, version string) bool) (name, version string, found bool) {
	s.index.RLock()
	defer s.index.RUnlock()
	b := s.held[sum]
	if b == nil {
		return "", "", false
	}
	now := s.config.Now()
	for _, k := range b.keys {
		if now.Sub(s.known[k].Value.(*entry).at) < s.keep() && accept(k.name, k.version) {
			return k.name, k.version, true
		}
	}
	return "", "", false
}

func (s *Store) holds(sum digest) bool {
	s.index.RLock()
	defer s.index.RUnlock()
	return s.held[sum] != nil
}

// add adds an entry to the index, in place of the one with its key. It returns the content that no entry has any more.
func (s *Store) add(e *entry, b *blob) []digest {
	s.index.Lock()
	defer s.index.Unlock()
	if s.held[e.digest] == nil {
		s.held[e.digest] = b
		s.size += b.cost()
	}
	s.held[e.digest].keys = append(s.held[e.digest].keys, e.key)
	s.size += block
	var unused []digest
	if before := s.known[e.key]; before != nil {
		unused = s.forget(before)
	}
	s.known[e.key] = s.order.PushBack(e)
	return unused
}

// forget removes an entry from the index. It returns the content that no entry has any more. The caller holds index.
func (s *Store) forget(element *list.Element) []digest {
	e := s.order.Remove(element).(*entry)
	delete(s.known, e.key)
	s.size -= block
	b := s.held[e.digest]
	at := slices.Index(b.keys, e.key)
	b.keys = slices.Delete(b.keys, at, at+1)
	if len(b.keys) > 0 {
		return nil
	}
	delete(s.held, e.digest)
	s.size -= b.cost()
	return []digest{e.digest}
}
