package shared

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Storage is what nodes need of a storage. Caddy's storages (certmagic.Storage) implement it. A key has path components, and
// the error for a missing key is fs.ErrNotExist.
type Storage interface {
	Load(ctx context.Context, key string) ([]byte, error)
	Store(ctx context.Context, key string, value []byte) error
	Delete(ctx context.Context, key string) error
	List(ctx context.Context, prefix string, recursive bool) ([]string, error)
	Lock(ctx context.Context, name string) error
	Unlock(ctx context.Context, name string) error
}

const (
	// callTimeout is how long a call to the storage may take.
	callTimeout = 2 * time.Second
	// maxCalls is the number of concurrent calls. Calls that hang beyond their timeout count too.
	maxCalls = 64
	// listAttempts is how often a directory is listed that seems to be missing. Caddy's file storage says so too if a file of the
	// directory disappears meanwhile, as its own temporary files do.
	listAttempts = 3
)

var (
	// ErrBusy means that too many calls to the storage hang.
	ErrBusy = errors.New("too many calls to the storage hang")
	// ErrNoStorage means that no loaded configuration shares a storage.
	ErrNoStorage = errors.New("no storage is in use")
)

// Store calls a storage below a prefix. Each call ends after 2 seconds at the latest, also if the storage ignores its context.
// It is safe for concurrent use.
type Store struct {
	prefix string
	calls  chan struct{}

	mutex sync.Mutex
	uses  []*use // of the loaded configurations, the current one last
}

// use is what one configuration says.
type use struct {
	storage Storage
	every   time.Duration // how often to look for events
}

var validPrefix = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// CheckPrefix rejects a prefix that storages could change or that is not one path component.
func CheckPrefix(prefix string) error {
	if !validPrefix.MatchString(prefix) {
		return fmt.Errorf("want 1 to 64 lower-case letters, digits, _ or -, got %.70q", prefix)
	}
	return nil
}

func newStore(prefix string) *Store {
	return &Store{prefix: prefix, calls: make(chan struct{}, maxCalls)}
}

// use makes the storage the current one, until release is called. A reload has two configurations, each with a storage, and
// Caddy closes that of the old one, or of the new one if the reload fails.
func (s *Store) use(storage Storage, every time.Duration) (release func()) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	added := &use{storage, every}
	s.uses = append(s.uses, added)
	return sync.OnceFunc(func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		if i := slices.Index(s.uses, added); i >= 0 {
			s.uses = slices.Delete(s.uses, i, i+1)
		}
	})
}

// current returns the storage in use, nil if there is none, and how often to look for events.
func (s *Store) current() (Storage, time.Duration) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.uses) == 0 {
		return nil, DefaultEvery
	}
	last := s.uses[len(s.uses)-1]
	return last.storage, last.every
}

// Load returns the value of a key. The error is fs.ErrNotExist if there is none.
func (s *Store) Load(ctx context.Context, key string) ([]byte, error) {
	return call(ctx, s, func(ctx context.Context, storage Storage) ([]byte, error) {
		return storage.Load(ctx, s.path(key))
	})
}

// Store sets the value of a key. The storage may keep the value, so the caller must not change it.
func (s *Store) Store(ctx context.Context, key string, value []byte) error {
	_, err := call(ctx, s, func(ctx context.Context, storage Storage) (struct{}, error) {
		return struct{}{}, storage.Store(ctx, s.path(key), value)
	})
	return err
}

// Delete deletes a key. A missing key is no error.
func (s *Store) Delete(ctx context.Context, key string) error {
	_, err := call(ctx, s, func(ctx context.Context, storage Storage) (struct{}, error) {
		if err := storage.Delete(ctx, s.path(key)); !errors.Is(err, fs.ErrNotExist) {
			return struct{}{}, err
		}
		return struct{}{}, nil
	})
	return err
}

// List returns the keys directly below a directory, without the directory. A missing directory is empty.
func (s *Store) List(ctx context.Context, directory string) ([]string, error) {
	return s.list(ctx, directory, listAttempts)
}

func (s *Store) list(ctx context.Context, directory string, attempts int) ([]string, error) {
	var keys []string
	var err error
	for range attempts {
		keys, err = call(ctx, s, func(ctx context.Context, storage Storage) ([]string, error) {
			return storage.List(ctx, s.path(directory), false)
		})
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = path.Base(key)
	}
	return names, err
}

// WithLock calls f while it holds a lock of all nodes. f must end within 2 seconds.
func (s *Store) WithLock(ctx context.Context, name string, f func() error) error {
	name = s.prefix + "-" + name
	unlock := func() error {
		_, err := call(context.WithoutCancel(ctx), s, func(ctx context.Context, storage Storage) (struct{}, error) {
			return struct{}{}, storage.Unlock(ctx, name)
		})
		return err
	}
	var settled atomic.Bool // the lock was taken, or is not waited for any more
	_, err := call(ctx, s, func(ctx context.Context, storage Storage) (struct{}, error) {
		err := storage.Lock(ctx, name)
		if err == nil && !settled.CompareAndSwap(false, true) {
			err = storage.Unlock(context.WithoutCancel(ctx), name)
		}
		return struct{}{}, err
	})
	if err != nil {
		if !settled.CompareAndSwap(false, true) { // taken at the last moment
			err = errors.Join(err, unlock())
		}
		return fmt.Errorf("locking: %w", err)
	}
	return errors.Join(f(), unlock())
}

// settle waits until all calls have ended, or until ctx ends.
func (s *Store) settle(ctx context.Context) {
	taken := 0
	defer func() {
		for range taken {
			<-s.calls
		}
	}()
	for taken < maxCalls {
		select {
		case s.calls <- struct{}{}:
			taken++
		case <-ctx.Done():
			return
		}
	}
}

func (s *Store) path(key string) string { return path.Join(s.prefix, key) }

// call calls the current storage in a goroutine of its own, which ends when the storage returns.
func call[T any](ctx context.Context, s *Store, f func(context.Context, Storage) (T, error)) (T, error) {
	var none T
	storage, _ := s.current()
	if storage == nil {
		return none, ErrNoStorage
	}
	select {
	case s.calls <- struct{}{}:
	default:
		return none, ErrBusy
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		defer cancel()
		defer func() { <-s.calls }()
		value, err := f(ctx, storage)
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		select {
		case r := <-done: // the goroutine sends its result before it ends the context
			return r.value, r.err
		default:
			return none, fmt.Errorf("the storage does not answer: %w", context.Cause(ctx))
		}
	}
}
