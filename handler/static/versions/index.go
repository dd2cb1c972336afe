package versions

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sync"
	"time"
)

// name is what a version is found by.
type name struct{ path, version string }

// index is the content of the lists. It is immutable.
type index struct {
	generations map[digest]generation // in storage
	lists       map[digest][]Version  // of the latest generations
	names       map[name]Version
	failed      map[digest]time.Time // objects that could not be read, and when
}

// retryList is when an object that could not be read is read again.
const retryList = time.Minute

// refresh reads the lists that are new in storage, and forgets those that are gone.
func (s *Store) refresh(ctx context.Context) error {
	names, err := s.config.Storage.List(ctx, path.Join(s.config.Directory, "generations"))
	if err != nil {
		return err
	}
	current, now := s.index.Load(), s.config.Now()
	next := &index{generations: make(map[digest]generation), failed: make(map[digest]time.Time)}
	for _, text := range names {
		sum, ok := parseDigest(text, true)
		if !ok {
			continue
		}
		if known, found := current.generations[sum]; found && now.Before(known.expires) {
			next.generations[sum] = known
			continue
		}
		if at, found := current.failed[sum]; found && now.Sub(at) < retryList {
			next.failed[sum] = at
			continue
		}
		g, err := s.loadGeneration(ctx, sum)
		switch {
		case errors.Is(err, fs.ErrNotExist): // another machine is writing or removing it
		case errors.Is(err, errInvalid):
			next.failed[sum] = now
		case err != nil:
			return err
		case !g.published.IsZero() && now.Before(g.expires):
			next.generations[sum] = g
		}
	}
	if len(next.failed) == 0 && len(current.failed) == 0 && maps.Equal(next.generations, current.generations) {
		return nil
	}
	s.readLists(ctx, current, next)
	s.index.Store(next)
	return nil
}

// readLists reads the lists of the latest generations. Of two lists with a name, the one that was published later counts.
func (s *Store) readLists(ctx context.Context, current, next *index) {
	next.lists, next.names = make(map[digest][]Version), make(map[name]Version)
	latest := slices.SortedFunc(maps.Values(next.generations), func(a, b generation) int { return b.published.Compare(a.published) })
	indexed := 0
	for _, g := range latest {
		list, known := current.lists[g.sum]
		if !known {
			var err error
			if list, err = s.loadList(ctx, g); err != nil {
				delete(next.generations, g.sum)
				next.failed[g.sum] = s.config.Now()
				continue
			}
		}
		if indexed += len(list); indexed > maxIndexed && len(next.lists) > 0 {
			return
		}
		next.lists[g.sum] = list
		for _, v := range list {
			n := name{v.Path, v.Version}
			if known, found := next.names[n]; !found || known.Digest == v.Digest && v.Immutable {
				next.names[n] = v
			}
		}
	}
}

// errInvalid is for an object in storage that this release does not understand.
var errInvalid = errors.New("invalid object in storage")

func (s *Store) loadGeneration(ctx context.Context, sum digest) (generation, error) {
	value, err := s.config.Storage.Load(ctx, s.generationKey(sum))
	if err != nil {
		return generation{}, err
	}
	return decodeGeneration(sum, value)
}

func (s *Store) loadList(ctx context.Context, g generation) ([]Version, error) {
	if g.size > maxList {
		return nil, fmt.Errorf("list of %d bytes: %w", g.size, errInvalid)
	}
	content, err := s.loadBlob(ctx, g.sum, g.size)
	if err != nil {
		return nil, err
	}
	return decode(content)
}

// spacing is the time between two refreshes that requests wait for.
const spacing = 250 * time.Millisecond

// refreshes runs one refresh at a time. A caller waits for one that begins after the call, and so sees what was stored before.
type refreshes struct {
	refresh func(context.Context) error
	now     func() time.Time

	mutex   sync.Mutex
	pending *pendingRefresh // that has not begun
	began   time.Time       // the last one
	failing bool            // the last one did not succeed, or is late
	running sync.Mutex
}

type pendingRefresh struct {
	done chan struct{}
	err  error
}

// join returns the refresh that begins next.
func (r *refreshes) join() *pendingRefresh {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.pending == nil {
		r.pending = &pendingRefresh{done: make(chan struct{})}
		go r.run(r.pending, r.began.Add(spacing).Sub(r.now()))
	}
	return r.pending
}

func (r *refreshes) run(p *pendingRefresh, after time.Duration) {
	time.Sleep(min(after, spacing))
	r.running.Lock()
	defer r.running.Unlock()
	r.mutex.Lock()
	r.pending, r.began = nil, r.now()
	r.mutex.Unlock()
	p.err = r.refresh(context.Background())
	r.setFailing(p.err != nil)
	close(p.done)
}

func (r *refreshes) wait(ctx context.Context) error {
	p := r.join()
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) { // else the client left
			r.setFailing(true)
		}
		return ctx.Err()
	}
}

// soon begins a refresh in the background, unless one began within a time.
func (r *refreshes) soon(within time.Duration) {
	r.mutex.Lock()
	due := r.pending == nil && r.now().Sub(r.began) >= within
	r.mutex.Unlock()
	if due {
		r.join()
	}
}

func (r *refreshes) setFailing(failing bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.failing = failing
}

func (r *refreshes) isFailing() bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.failing
}
