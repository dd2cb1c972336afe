// Package memorystorage is a storage for tests that counts its operations, and can fail, hang and be slow.
package memorystorage

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// Storage holds everything in memory. The nodes of a test may share one. The zero value is empty.
type Storage struct {
	mutex  sync.Mutex
	values map[string][]byte
	locks  map[string]chan struct{}
	counts Counts
}

// Counts are operations since the start.
type Counts struct {
	Loads, Stores, Deletes, Lists, Locks int
	// Bytes written and read.
	Written, Read int
}

// Operations is the number of all operations.
func (c Counts) Operations() int { return c.Loads + c.Stores + c.Deletes + c.Lists + c.Locks }

// Counts returns the operations so far.
func (s *Storage) Counts() Counts {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.counts
}

// Keys returns all keys, sorted.
func (s *Storage) Keys() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Sorted(maps.Keys(s.values))
}

// Dump returns all keys and values as one text.
func (s *Storage) Dump() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var all strings.Builder
	for _, key := range slices.Sorted(maps.Keys(s.values)) {
		all.WriteString(key + "\n" + string(s.values[key]) + "\n")
	}
	return all.String()
}

// Load returns a value.
func (s *Storage) Load(_ context.Context, key string) ([]byte, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.counts.Loads++
	value, found := s.values[key]
	if !found {
		return nil, fs.ErrNotExist
	}
	s.counts.Read += len(value)
	return value, nil
}

// Store sets a value.
func (s *Storage) Store(_ context.Context, key string, value []byte) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.counts.Stores++
	s.counts.Written += len(value)
	if s.values == nil {
		s.values = make(map[string][]byte)
	}
	s.values[key] = slices.Clone(value)
	return nil
}

// Delete deletes a value. Like some storages, it does not delete directories.
func (s *Storage) Delete(_ context.Context, key string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.counts.Deletes++
	delete(s.values, key)
	return nil
}

// List returns the keys below a directory.
func (s *Storage) List(_ context.Context, directory string, recursive bool) ([]string, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.counts.Lists++
	found := make(map[string]bool)
	for key := range s.values {
		below, isBelow := strings.CutPrefix(key, directory+"/")
		if !isBelow {
			continue
		}
		if name, _, isDeep := strings.Cut(below, "/"); isDeep && !recursive {
			below = name
		}
		found[path.Join(directory, below)] = true
	}
	if len(found) == 0 {
		return nil, fs.ErrNotExist
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// Lock takes a lock.
func (s *Storage) Lock(ctx context.Context, name string) error {
	for {
		s.mutex.Lock()
		s.counts.Locks++
		held := s.locks[name]
		if held == nil {
			if s.locks == nil {
				s.locks = make(map[string]chan struct{})
			}
			s.locks[name] = make(chan struct{})
			s.mutex.Unlock()
			return nil
		}
		s.mutex.Unlock()
		select {
		case <-held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Unlock releases a lock.
func (s *Storage) Unlock(_ context.Context, name string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	held := s.locks[name]
	if held == nil {
		return errors.New("the lock is not held")
	}
	delete(s.locks, name)
	close(held)
	return nil
}

// Link is how one node reaches a storage. It can be cut without the others noticing.
type Link struct {
	*Storage

	mutex    sync.Mutex
	err      error
	writeErr error
	delay    time.Duration
	hang     chan struct{}
}

// Set makes all operations fail with an error. nil: they work again.
func (l *Link) Set(err error) { l.set(func() { l.err = err }) }

// SetFull makes all writes fail with an error. nil: they work again.
func (l *Link) SetFull(err error) { l.set(func() { l.writeErr = err }) }

// SetDelay makes all operations slow.
func (l *Link) SetDelay(delay time.Duration) { l.set(func() { l.delay = delay }) }

// Hang makes all operations wait until Resume, whatever their context says.
func (l *Link) Hang() { l.set(func() { l.hang = make(chan struct{}) }) }

// Resume ends Hang.
func (l *Link) Resume() {
	l.set(func() {
		if l.hang != nil {
			close(l.hang)
		}
		l.hang = nil
	})
}

func (l *Link) set(change func()) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	change()
}

func (l *Link) pass(write bool) error {
	l.mutex.Lock()
	err, delay, hang := l.err, l.delay, l.hang
	if write && err == nil {
		err = l.writeErr
	}
	l.mutex.Unlock()
	if hang != nil {
		<-hang
	}
	if delay > 0 {
		time.Sleep(delay)
	}
	return err
}

// Load passes to the storage.
func (l *Link) Load(ctx context.Context, key string) ([]byte, error) {
	if err := l.pass(false); err != nil {
		return nil, err
	}
	return l.Storage.Load(ctx, key)
}

// Store passes to the storage.
func (l *Link) Store(ctx context.Context, key string, value []byte) error {
	if err := l.pass(true); err != nil {
		return err
	}
	return l.Storage.Store(ctx, key, value)
}

// Delete passes to the storage.
func (l *Link) Delete(ctx context.Context, key string) error {
	if err := l.pass(true); err != nil {
		return err
	}
	return l.Storage.Delete(ctx, key)
}

// List passes to the storage.
func (l *Link) List(ctx context.Context, directory string, recursive bool) ([]string, error) {
	if err := l.pass(false); err != nil {
		return nil, err
	}
	return l.Storage.List(ctx, directory, recursive)
}

// Lock passes to the storage.
func (l *Link) Lock(ctx context.Context, name string) error {
	if err := l.pass(true); err != nil {
		return err
	}
	return l.Storage.Lock(ctx, name)
}

// Unlock passes to the storage.
func (l *Link) Unlock(ctx context.Context, name string) error {
	if err := l.pass(true); err != nil {
		return err
	}
	return l.Storage.Unlock(ctx, name)
}
