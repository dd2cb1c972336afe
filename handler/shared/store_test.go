package shared

import (
	"context"
	"testing"
	"time"

	"github.com/scan2food/usher/internal/memorystorage"
	"github.com/scan2food/usher/internal/testwait"
)

// The end of a call must not be taken for its timeout.
func TestResultsOfCallsAreNotLost(t *testing.T) {
	t.Parallel()
	s := newStore("site")
	s.use(new(memorystorage.Storage), 0)
	for range 20_000 {
		if err := s.Store(context.Background(), "name", nil); err != nil {
			t.Fatal(err)
		}
	}
}

// lateLocks returns its lock when nothing waits for it any more.
type lateLocks struct {
	memorystorage.Storage
	asked, grant, unlocked chan struct{}
}

func (s *lateLocks) Lock(context.Context, string) error {
	close(s.asked)
	<-s.grant
	return nil
}

func (s *lateLocks) Unlock(context.Context, string) error {
	close(s.unlocked)
	return nil
}

// A storage may ignore the end of the context. certmagic's file locks stay fresh while the process lives.
func TestLockThatComesLateIsReleased(t *testing.T) {
	t.Parallel()
	storage := &lateLocks{asked: make(chan struct{}), grant: make(chan struct{}), unlocked: make(chan struct{})}
	s := newStore("site")
	s.use(storage, 0)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-storage.asked
		cancel()
	}()
	err := s.WithLock(ctx, "name", func() error {
		t.Error("the function ran without the lock")
		return nil
	})
	if err == nil {
		t.Error("no error without the lock")
	}
	close(storage.grant)
	select {
	case <-storage.unlocked:
	case <-time.After(testwait.Limit):
		t.Error("the lock was never released")
	}
}

// A configuration that fails to load takes its period with it.
func TestPeriodIsThatOfTheConfigurationInUse(t *testing.T) {
	t.Parallel()
	s := newStore("site")
	s.use(new(memorystorage.Storage), time.Second)
	release := s.use(new(memorystorage.Storage), time.Minute)
	if _, every := s.current(); every != time.Minute {
		t.Errorf("the period is %s, want that of the new configuration", every)
	}
	release()
	if _, every := s.current(); every != time.Second {
		t.Errorf("the period is %s, want that of the configuration before", every)
	}
}

// slowStores stores when nothing waits for it any more.
type slowStores struct {
	memorystorage.Storage
	asked chan struct{}
	grant chan struct{}
}

func (s *slowStores) Store(ctx context.Context, key string, value []byte) error {
	close(s.asked)
	<-s.grant
	return s.Storage.Store(ctx, key, value)
}

// A machine that leaves removes its object after the last Store, which would bring the object back.
func TestCallsSettle(t *testing.T) {
	t.Parallel()
	storage := &slowStores{asked: make(chan struct{}), grant: make(chan struct{})}
	s := newStore("site")
	s.use(storage, 0)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-storage.asked
		cancel()
	}()
	if err := s.Store(ctx, "name", nil); err == nil {
		t.Error("no error for a call that was given up")
	}
	settled := make(chan []string)
	go func() {
		s.settle(context.Background())
		settled <- storage.Keys()
	}()
	close(storage.grant)
	if keys := <-settled; len(keys) != 1 {
		t.Errorf("the storage has %q, want what the late call stored", keys)
	}
	if err := s.Delete(context.Background(), "name"); err != nil {
		t.Errorf("a call after that: %v", err)
	}
}
