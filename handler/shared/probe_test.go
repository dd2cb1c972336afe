package shared

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scan2food/usher/internal/memorystorage"
)

// faulty is a storage with one fault.
type faulty struct {
	Storage
	fault atomic.Value
}

func newFaulty(storage Storage, fault string) *faulty {
	f := &faulty{Storage: storage}
	f.fault.Store(fault)
	return f
}

func (f *faulty) is(fault string) bool { return f.fault.Load() == fault }

func (f *faulty) Load(ctx context.Context, key string) ([]byte, error) {
	value, err := f.Storage.Load(ctx, key)
	if f.is("loads other bytes") && err == nil {
		return append(value, '!'), nil
	}
	return value, err
}

func (f *faulty) Store(ctx context.Context, key string, value []byte) error {
	switch {
	case f.is("forgets"):
		return nil
	case f.is("is away"):
		return errors.New("connection refused")
	case f.is("cannot store"):
		return fmt.Errorf("read-only: %w", errors.ErrUnsupported)
	}
	return f.Storage.Store(ctx, key, value)
}

func (f *faulty) Delete(ctx context.Context, key string) error {
	if f.is("keeps all") {
		return nil
	}
	return f.Storage.Delete(ctx, key)
}

func (f *faulty) List(ctx context.Context, prefix string, recursive bool) ([]string, error) {
	switch {
	case f.is("lists nothing"):
		return nil, nil
	case f.is("cannot list"):
		return nil, errors.ErrUnsupported
	}
	return f.Storage.List(ctx, prefix, recursive)
}

func (f *faulty) Lock(ctx context.Context, name string) error {
	switch {
	case f.is("cannot lock"):
		return errors.ErrUnsupported
	case f.is("hangs at locks"):
		<-ctx.Done()
		return ctx.Err()
	}
	return f.Storage.Lock(ctx, name)
}

func TestProbeRejectsUnfitStorages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault        string
		fails, unfit bool
		why          string
	}{
		{"", false, false, "it does all"},
		{"loads other bytes", true, true, "counts would be wrong"},
		{"forgets", true, true, "no node would see another"},
		{"keeps all", true, true, "the storage would grow"},
		{"lists nothing", true, true, "a ticket would be good twice"},
		{"cannot list", true, true, "it says so"},
		{"cannot lock", true, true, "it says so"},
		{"cannot store", true, true, "it says so"},
		{"is away", true, false, "it may come back"},
		{"hangs at locks", true, false, "another process may hold the lock"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var memory memorystorage.Storage
				n, err := New(Config{Prefix: "site", Random: rand.Reader, Now: time.Now})
				if err != nil {
					t.Fatal(err)
				}
				n.Use(newFaulty(&memory, c.fault), 0)
				err = n.Probe(t.Context())
				if (err != nil) != c.fails || errors.Is(err, ErrUnfit) != c.unfit {
					t.Errorf("Probe = %v, want an error %t, unfit %t (%s)", err, c.fails, c.unfit, c.why)
				}
				if keys := memory.Keys(); len(keys) != 0 && !c.fails {
					t.Errorf("left in the storage: %q", keys)
				}
			})
		})
	}
}

// A storage that could not be reached at the start may turn out to be unfit. Then it counts as failing.
func TestRoundsProbeAStorageThatWasAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		storage := newFaulty(new(memorystorage.Storage), "is away")
		var reports []error
		n, err := New(Config{Prefix: "site", Random: rand.Reader, Now: time.Now, Health: func(err error) { reports = append(reports, err) }})
		if err != nil {
			t.Fatal(err)
		}
		n.Use(storage, 0)
		if err := n.Probe(t.Context()); err == nil || errors.Is(err, ErrUnfit) {
			t.Errorf("Probe = %v, want an error of a storage that is away", err)
		}
		n.Start()
		defer n.Stop()
		wait(3 * Period)
		storage.fault.Store("lists nothing")
		wait(10 * Period)
		if len(reports) != 1 || n.OK() || n.Reached() {
			t.Errorf("reports %v, OK %t, reached %t, want one error", reports, n.OK(), n.Reached())
		}
		storage.fault.Store("")
		wait(2 * Period)
		if len(reports) != 2 || !n.OK() {
			t.Errorf("reports %v, OK %t, want the end of the error", reports, n.OK())
		}
	})
}
