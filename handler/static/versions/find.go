package versions

import (
	"context"
	"strings"
	"sync"
	"time"
)

const (
	// findWait is how long a request waits for a refresh.
	findWait = time.Second
	// maxWaiting is how many requests wait at once.
	maxWaiting = 1024
	// maxName is the length of the longest path and version that are looked for, in bytes.
	maxName = 1024
	// refreshUnknown is the time between refreshes for names that are known to be unknown.
	refreshUnknown = 10 * time.Second
)

// Find returns the content that another machine has published under a path and a version. The first request for a name waits for a
// refresh, a second at most. Later requests for the name do not wait for a minute. If the storage fails, no request waits.
func (s *Store) Find(ctx context.Context, path, version string) (Version, bool) {
	n := name{path, version}
	if v, found := s.index.Load().names[n]; found {
		return v, true
	}
	if len(path)+len(version) > maxName {
		return Version{}, false
	}
	if s.unknown.has(n, s.config.Now()) || s.refreshes.isFailing() || s.waiting.Load() >= maxWaiting {
		s.refreshes.soon(refreshUnknown)
		return Version{}, false
	}
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	ctx, cancel := context.WithTimeout(ctx, findWait)
	defer cancel()
	err := s.refreshes.wait(ctx)
	v, found := s.index.Load().names[n]
	if !found && err == nil {
		// A part of a URL would keep all of it in memory.
		s.unknown.add(name{strings.Clone(path), strings.Clone(version)}, s.config.Now())
	}
	return v, found
}

// FindKnown is Find without a refresh.
func (s *Store) FindKnown(path, version string) (Version, bool) {
	v, found := s.index.Load().names[name{path, version}]
	return v, found
}

// unknownNames are names that a refresh has not found.
type unknownNames struct {
	mutex sync.Mutex
	names map[name]time.Time
}

const (
	maxUnknown      = 8192
	unknownLifetime = time.Minute
)

func (u *unknownNames) has(n name, now time.Time) bool {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	at, found := u.names[n]
	return found && now.Sub(at) < unknownLifetime
}

func (u *unknownNames) add(n name, now time.Time) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if u.names == nil {
		u.names = make(map[name]time.Time)
	}
	for other := range u.names {
		if len(u.names) < maxUnknown {
			break
		}
		delete(u.names, other) // any one
	}
	u.names[n] = now
}
