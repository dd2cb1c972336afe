package versions

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of a [Store].
const (
	// MaxSize is the size of the largest file that is shared, in bytes.
	MaxSize = 32 << 20
	// maxNames is how many names of one machine's files are shared.
	maxNames = 100_000
	// maxList is the size of the largest list that is read, in bytes.
	maxList = 64 << 20
	// maxIndexed is how many names of all machines are in memory, but for those of the latest list.
	maxIndexed = 400_000
)

// Config configures a [Store].
type Config struct {
	Storage Storage
	// Directory begins the keys of a site and prefix. Machines with the same directory share versions. Its parent holds the
	// directories of all sites.
	Directory string
	// Keep is how long a version is kept after it was replaced.
	Keep time.Duration
	// Size is how many bytes of the current files are shared. The largest files are left out.
	Size int64
	Now  func() time.Time
}

// Store is safe for concurrent use. It has no goroutine while no method runs, but for operations of the storage that are late.
type Store struct {
	config Config
	index  atomic.Pointer[index]

	refreshes refreshes
	waiting   atomic.Int64 // requests that wait for a refresh
	unknown   unknownNames
	fetches   fetches

	publishing sync.Mutex // guards the fields below
	published  digest     // the list that was published last
	renewed    time.Time  // when

	merging sync.Mutex
	merged  map[string]bool // objects with promises that were read or written
}

// New returns a store that knows no versions. It does not use the storage.
func New(config Config) *Store {
	s := &Store{config: config, merged: make(map[string]bool)}
	s.index.Store(new(index))
	s.refreshes.refresh = s.refresh
	s.refreshes.now = config.Now
	return s
}

// Refresh reads which versions other machines have published.
func (s *Store) Refresh(ctx context.Context) error { return s.refreshes.wait(ctx) }
