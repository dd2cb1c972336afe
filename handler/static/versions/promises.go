package versions

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/scan2food/usher/handler/static/promises"
)

// Promises are the promises of one machine. [promises.Store] is one.
type Promises interface {
	// Merge adds promises of other machines. It reports whether one was new.
	Merge(lines []byte) (fresh bool, err error)
	// Unshared returns promises that were neither merged nor marked as shared, some at a time.
	Unshared() (lines []byte)
	MarkShared(lines []byte)
}

// monthLayout is how the names of objects with promises begin.
const monthLayout = "200601"

// ExchangePromises reads the promises of other machines, and stores those of this one. fresh reports whether other machines
// have given promises that this one did not know.
func (s *Store) ExchangePromises(ctx context.Context, own Promises) (fresh bool, err error) {
	s.merging.Lock()
	defer s.merging.Unlock()
	directory := path.Join(s.config.Directory, "promises")
	names, err := s.config.Storage.List(ctx, directory)
	if err != nil {
		return false, err
	}
	for _, object := range names {
		if s.merged[object] {
			continue
		}
		lines, err := s.config.Storage.Load(ctx, path.Join(directory, object))
		if err != nil {
			return fresh, fmt.Errorf("reading promises: %w", err)
		}
		isFresh, err := own.Merge(lines)
		fresh = fresh || isFresh
		if err != nil {
			return fresh, err
		}
		s.merged[object] = true
	}
	for {
		lines := own.Unshared()
		if len(lines) == 0 {
			return fresh, nil
		}
		sum := sha256.Sum256(lines)
		object := s.config.Now().UTC().Format(monthLayout) + fmt.Sprintf("-%x", sum[:16])
		if err := s.config.Storage.Store(ctx, path.Join(directory, object), lines); err != nil {
			return fresh, fmt.Errorf("sharing promises: %w", err)
		}
		own.MarkShared(lines)
		s.merged[object] = true
	}
}

// sweepPromises removes the objects of months whose promises have all expired.
func (s *Store) sweepPromises(ctx context.Context, now time.Time) error {
	directory := path.Join(s.config.Directory, "promises")
	names, err := s.config.Storage.List(ctx, directory)
	if err != nil {
		return err
	}
	for _, object := range names {
		month, _, _ := strings.Cut(object, "-")
		began, err := time.Parse(monthLayout, month)
		if err == nil && now.Sub(began.AddDate(0, 1, 0)) > promises.Lifetime {
			if err := s.config.Storage.Delete(ctx, path.Join(directory, object)); err != nil {
				return err
			}
		}
	}
	return nil
}
