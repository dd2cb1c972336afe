package versions

import (
	"context"
	"sync"
	"time"
)

const (
	// fetchWait is how long a request waits for content.
	fetchWait = 3 * time.Second
	// maxFetches is how many contents are read at once. Each takes memory of its size.
	maxFetches = 4
	// fetchAgain is how long after a fetch, successful or not, the content is fetched again for the same name.
	fetchAgain = 10 * time.Second
)

// fetches are the contents that are being read.
type fetches struct {
	mutex sync.Mutex
	calls map[Version]*fetch
	slots chan struct{}
}

type fetch struct {
	done  chan struct{}
	ended time.Time // zero: it is running
	err   error
}

// Fetch reads content and hands it to put. Requests for the same version at the same time read it once. Fetch returns an error if the
// content does not have its digest, or is not there in time.
func (s *Store) Fetch(ctx context.Context, v Version, put func(content []byte) error) error {
	call := s.fetches.join(v, s.config.Now(), func(ctx context.Context) error {
		content, err := s.loadBlob(ctx, v.Digest, v.Size)
		if err != nil {
			return err
		}
		return put(content)
	}, s.config.Now)
	ctx, cancel := context.WithTimeout(ctx, fetchWait)
	defer cancel()
	select {
	case <-call.done:
		return call.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join returns the call that reads a version, and begins one if there is none.
func (f *fetches) join(v Version, now time.Time, read func(context.Context) error, clock func() time.Time) *fetch {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.calls == nil {
		f.calls, f.slots = make(map[Version]*fetch), make(chan struct{}, maxFetches)
	}
	for other, call := range f.calls {
		if !call.ended.IsZero() && now.Sub(call.ended) >= fetchAgain {
			delete(f.calls, other)
		}
	}
	if call := f.calls[v]; call != nil {
		return call
	}
	call := &fetch{done: make(chan struct{})}
	f.calls[v] = call
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*fetchWait)
		defer cancel()
		defer close(call.done)
		select {
		case f.slots <- struct{}{}:
			call.err = read(ctx)
			<-f.slots
		case <-ctx.Done():
			call.err = ctx.Err()
		}
		f.mutex.Lock()
		call.ended = clock()
		f.mutex.Unlock()
	}()
	return call
}
