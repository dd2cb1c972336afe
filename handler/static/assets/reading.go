package assets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// refresh reads the disk and publishes what it found, if that is whole and differs from the current catalog. What was
// heard of has settled already; anything else must be found the same twice.
func (t *Tree) refresh(ctx context.Context, settled bool) {
	started := t.config.Now()
	t.saying = make(map[string]string)
	next, err := t.read(ctx, started, settled)
	t.changing = errors.Is(err, errChanging)
	switch {
	case ctx.Err() != nil:
		return
	case t.changing:
		t.attempts++
		t.warnOfUnrest(started)
		return
	case err != nil:
		t.report(aboutTree, fmt.Errorf("reading the root; the last generation stays in service: %w", err))
		return
	}
	if t.reported[aboutTree] != "" {
		t.config.Logger.Info("the root can be read again", zap.String("root", t.config.Root))
	}
	t.attempts, t.heard = 0, time.Time{}
	if !t.writings.any() {
		t.restless = time.Time{}
	}
	t.reported = t.saying
	if next != nil {
		t.publish(next, started)
	}
}

// read makes a catalog of the disk; nil where the disk is as it was.
func (t *Tree) read(ctx context.Context, started time.Time, settled bool) (*Catalog, error) {
	root, base, err := openRoot(t.config.Root)
	if err != nil {
		return nil, err
	}
	entries, err := t.walk(ctx, root, base)
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	t.looking = t.config.Now().Sub(started)
	current := t.catalog.Load()
	t.tellEndless(t.writings.look(entries, started))
	if current != nil && t.writings.any() && !t.writings.others() {
		entries, settled = t.writings.settled(t.walked), true
	}
	if current != nil && slices.Equal(entries, t.walked) && len(t.fresh) == 0 && len(t.missing) == 0 {
		_ = root.Close()
		t.keepReports(entries)
		t.awaited = nil
		return nil, nil
	}
	if current != nil && !settled && !slices.Equal(entries, t.walked) && !slices.Equal(entries, t.awaited) {
		_ = root.Close()
		t.awaited = entries
		return nil, errChanging
	}
	tolerant := current == nil && t.attempts >= firstAttempts
	catalog, fresh, err := t.scan(ctx, root, entries, tolerant)
	if err != nil {
		return nil, err
	}
	again, err := t.walk(ctx, root, base)
	if err != nil {
		return nil, err
	}
	if !tolerant && !t.writings.same(entries, again) {
		t.awaited = again
		return nil, errChanging
	}
	t.walked, t.awaited, t.fresh = entries, nil, fresh
	return catalog, nil
}

func (t *Tree) walk(ctx context.Context, root *os.Root, base string) ([]entry, error) {
	w := &walker{
		root: root, base: base, named: t.config.Manifests, report: t.report,
		entries: make([]entry, 0, len(t.walked)), // it is mostly what was there before
	}
	return w.walk(ctx)
}

func (t *Tree) scan(ctx context.Context, root *os.Root, entries []entry, tolerant bool) (*Catalog, map[string]bool, error) {
	var reporting sync.Mutex
	s := &scanner{
		root: root, previous: t.catalog.Load(), memory: t.config.Memory, rewrite: t.config.Rewrite,
		epoch: t.config.Epoch,
		now:   t.config.Now(), fresh: t.fresh, tolerant: tolerant, endless: t.writings.holds, progress: t.progress, every: progressEvery,
		report: func(path string, err error) {
			reporting.Lock()
			defer reporting.Unlock()
			t.report(path, err)
		},
	}
	catalog, err := s.scan(ctx, entries)
	if err != nil {
		return nil, nil, err
	}
	catalog.archive = t.config.Archive
	return catalog, s.newFresh, nil
}
