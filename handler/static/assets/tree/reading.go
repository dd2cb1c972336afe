package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// refresh reads the disk, and publishes a new catalog if it differs from the current one and is complete. Changes are
// complete if no event came since settle, or if two walks found the same.
func (t *Tree) refresh(ctx context.Context, settled bool) {
	started := t.Config.Now()
	t.noted, t.work = make(map[string]string), work{}
	next, err := t.read(ctx, started, settled)
	t.changing = errors.Is(err, errChanging)
	switch {
	case ctx.Err() != nil:
		return
	case t.changing:
		t.unsettled(started)
		return
	case errors.Is(err, fs.ErrNotExist) && t.isEmpty():
		t.publishMissing(err, started)
		return
	case err != nil:
		t.report(aboutTree, fmt.Errorf("reading the root; the last generation stays in service: %w", err))
		return
	}
	if t.reported[aboutTree] != "" {
		t.Config.Logger.Info("root readable again", zap.String("root", t.Config.Root))
	}
	t.lastEvent, t.unsettledSince = time.Time{}, time.Time{}
	if t.partial {
		t.changing = true
		t.unsettled(started)
	} else {
		t.warnedUnsettled = false
		t.touched = touched{}
	}
	t.Config.Logger.Debug("directory read", zap.String("root", t.Config.Root),
		zap.Int("looked_at", t.work.stats), zap.Int("read", t.work.reads), zap.Int("parsed", t.work.parses))
	t.reported = t.noted
	var waited time.Duration
	if next != nil {
		waited = t.publish(next, started)
	}
	t.readTime = t.Config.Now().Sub(started) - waited
}

// isEmpty reports a tree that has not been read, since its directory does not exist.
func (t *Tree) isEmpty() bool {
	current := t.catalog.Load()
	return current == nil || current.Dir == nil
}

// publishMissing publishes an empty catalog for a directory that does not exist: its URLs are 404 until it appears.
func (t *Tree) publishMissing(err error, started time.Time) {
	t.report(aboutTree, fmt.Errorf("the directory does not exist; its URLs are 404 until it appears: %w", err))
	t.reported = t.noted
	if t.catalog.Load() == nil {
		next := &Catalog{Published: started}
		next.finish()
		t.catalog.Store(next)
		close(t.ready)
	}
}

// read makes a catalog of the disk. It returns nil if the disk is as it was.
func (t *Tree) read(ctx context.Context, started time.Time, settled bool) (*Catalog, error) {
	dir, err := openDirectory(t.Config.Root, t.Config.FollowLinks)
	if err != nil {
		return nil, err
	}
	entries, err := t.look(ctx, dir)
	if err != nil {
		dir.close()
		return nil, err
	}
	t.walkTime = t.Config.Now().Sub(started)
	last, lastAt, published := t.awaited, t.awaitedAt, t.catalog.Load() != nil
	t.awaited, t.awaitedAt, t.partial = entries, started, false
	switch {
	case published && slices.Equal(entries, t.walked) && len(t.fresh) == 0 && len(t.missing) == 0:
		dir.close()
		t.keepReports(entries)
		t.awaited = nil
		return nil, nil
	// Both walks are overdue: an older one differs by all that changed meanwhile. Before the first catalog no event delays a walk.
	case last != nil && t.isOverdue(started) && (!published || t.isOverdue(lastAt)):
		return t.readUnchanged(ctx, dir, last)
	case published && !settled && !slices.Equal(entries, t.walked) && !slices.Equal(entries, last):
		dir.close()
		return nil, errChanging
	}
	catalog, fresh, err := t.scan(ctx, dir, entries, false)
	if err != nil {
		return nil, err
	}
	again, err := t.look(ctx, dir)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(entries, again) {
		t.awaited, t.awaitedAt = again, t.Config.Now()
		return nil, errChanging
	}
	t.walked, t.awaited, t.fresh = entries, nil, fresh
	return catalog, nil
}

// readUnchanged makes a catalog of what is unchanged since the last walk, though other files keep changing.
func (t *Tree) readUnchanged(ctx context.Context, dir *directory, last walkedTree) (*Catalog, error) {
	entries, changing := unchanged(t.awaited, last, t.walked)
	catalog, fresh, err := t.scan(ctx, dir, entries, true)
	if err != nil {
		return nil, err
	}
	t.warnUnsettled(changing)
	t.walked, t.awaited, t.fresh, t.partial = entries, nil, fresh, len(changing) > 0
	return catalog, nil
}

// look lists the files, by a walk unless events tell what changed.
func (t *Tree) look(ctx context.Context, dir *directory) (walkedTree, error) {
	if entries, known := t.lookAtTouched(dir); known {
		return entries, nil
	}
	t.touched.all = true
	return t.walk(ctx, dir)
}

func (t *Tree) walk(ctx context.Context, dir *directory) (walkedTree, error) {
	w := &walker{
		dir: dir, named: t.Config.Manifests, report: t.report, linked: make(map[string]int), outside: make(map[string]bool),
		entries: make([]entry, 0, len(t.walked)), // nearly all stay
	}
	entries, err := w.walk(ctx)
	t.work.stats += w.stats
	if err == nil {
		t.walkedBase, t.hasLinks = dir.base, w.links
		t.outside = w.outside
		t.warnLinks(w)
	}
	return entries, err
}

func (t *Tree) scan(ctx context.Context, dir *directory, entries walkedTree, partial bool) (*Catalog, map[string]bool, error) {
	var reporting sync.Mutex
	s := &scanner{
		dir: dir, previous: t.catalog.Load(), memory: t.Config.Memory, rewrite: t.Config.Rewrite,
		unstamped: unstamped{prefix: t.Config.Prefix, patterns: t.Config.Unstamped},
		hiding:    hiding{t.Config.Prefix, t.Config.Hide},
		named:     len(t.Config.Manifests) > 0, now: t.Config.Now(), fresh: t.fresh, partial: partial, progress: t.progress, every: progressEvery,
		report: func(path string, err error) {
			reporting.Lock()
			defer reporting.Unlock()
			t.report(path, err)
		},
	}
	catalog, err := s.scan(ctx, entries)
	t.work.reads += int(s.reads.Load())
	t.work.parses += s.parses
	if err != nil {
		return nil, nil, err
	}
	catalog.archive, catalog.Problems = t.Config.Archive, maps.Clone(t.noted)
	return catalog, s.newFresh, nil
}
