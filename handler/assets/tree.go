package assets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Defaults of a [TreeConfig].
const (
	DefaultMemory   = 256 << 20
	DefaultSettle   = time.Second
	DefaultVanished = 10 * time.Second
)

// pollEvery is how often the disk is looked at where events tell of changes: they can be lost.
const pollEvery = 30 * time.Second

// pollWithoutEvents is how often it is looked at where there are none.
const pollWithoutEvents = time.Second

// TreeConfig is what a [Tree] is made of.
type TreeConfig struct {
	// Root is the directory.
	Root string
	// Memory is how many bytes of content are held in memory. Default 256 MiB.
	Memory int64
	// Settle is how long the tree must be quiet before a change counts. Default 1s.
	Settle time.Duration
	// Vanished is how long a file that is gone from the disk is still served. Default 10s.
	Vanished time.Duration
	// Encode are the codings that files are put into. Nil: none.
	Encode []Coding
	// Rewrite has files refer to the versions of others. Nil: they are served as they are.
	Rewrite Rewrite
	// Modules are looked for with it. Nil: there are none.
	Modules Modules
	// Archive keeps what is replaced. Nil: it is gone.
	Archive Archive
	// Logger is told of generations, and of what could not be read.
	Logger *zap.Logger
	Now    func() time.Time
}

// Tree follows a directory. Close ends it.
type Tree struct {
	config  TreeConfig
	catalog atomic.Pointer[Catalog]
	ready   chan struct{} // closed when there is a first catalog
	cancel  context.CancelFunc
	done    chan struct{}

	// what follows belongs to the goroutine of run
	missing  map[string]time.Time // when a file that is still served was first gone
	reported map[string]string    // the last error of a path
	changing bool                 // the last scan met a file that was being written

	renewed time.Time // when what is current was put into the archive, or renewed there

	stopCompressing context.CancelFunc
	archiving       sync.Mutex
	background      sync.WaitGroup
}

// OpenTree checks that the root is a directory and begins to read it.
func OpenTree(config TreeConfig) (*Tree, error) {
	root, err := openRoot(config.Root)
	if err != nil {
		return nil, fmt.Errorf("opening the root: %w", err)
	}
	_ = root.Close()
	ctx, cancel := context.WithCancel(context.Background())
	t := &Tree{
		config: config, ready: make(chan struct{}), cancel: cancel, done: make(chan struct{}),
		missing: make(map[string]time.Time), reported: make(map[string]string),
	}
	if t.config.Memory == 0 {
		t.config.Memory = DefaultMemory
	}
	if t.config.Settle == 0 {
		t.config.Settle = DefaultSettle
	}
	if t.config.Vanished == 0 {
		t.config.Vanished = DefaultVanished
	}
	go t.run(ctx)
	return t, nil
}

// Catalog is the current one. Until there is a first one it waits, as long as ctx lets it; then it is nil.
func (t *Tree) Catalog(ctx context.Context) *Catalog {
	if catalog := t.catalog.Load(); catalog != nil {
		return catalog
	}
	select {
	case <-t.ready:
	case <-t.done:
	case <-ctx.Done():
	}
	return t.catalog.Load()
}

// Close ends the following of the disk. The last catalog stays readable.
func (t *Tree) Close() {
	t.cancel()
	<-t.done
}

func (t *Tree) run(ctx context.Context) {
	defer close(t.done)
	defer t.background.Wait()
	w := newWatcher(t.config.Root)
	defer w.close()
	// Followed before it is read: what changes in between is then heard of.
	watched := w.watch()
	t.refresh(ctx)
	if !watched {
		t.config.Logger.Warn("the file system tells of no changes; it is looked at every second instead",
			zap.String("root", t.config.Root), zap.Error(w.err))
	}
	quiet := time.NewTimer(t.afterScan(w))
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-w.events():
			w.follow(event)
			quiet.Reset(t.config.Settle)
		case <-quiet.C:
			w.watch()
			t.refresh(ctx)
			t.renew(ctx)
			quiet.Reset(t.afterScan(w))
		}
	}
}

// afterScan is when to look again if nothing is heard before.
func (t *Tree) afterScan(w *watcher) time.Duration {
	switch {
	case t.changing:
		return t.config.Settle
	case len(t.missing) > 0, t.catalog.Load() == nil, !w.working():
		return min(pollWithoutEvents, t.config.Vanished)
	default:
		return pollEvery
	}
}

// refresh reads the disk and publishes what it found, if it is whole and differs from the current catalog.
func (t *Tree) refresh(ctx context.Context) {
	started := t.config.Now()
	t.changing = false
	next, err := t.scan(ctx)
	if err != nil {
		if ctx.Err() == nil {
			t.report(".", fmt.Errorf("reading the root; the last generation stays in service: %w", err))
		}
		return
	}
	if t.changing {
		return
	}
	current := t.catalog.Load()
	if current != nil {
		t.keepVanished(current, next, started)
		if current.same(next) {
			return
		}
	}
	next.Published = started
	next.takeVariants(current)
	t.catalog.Store(next)
	if current == nil {
		close(t.ready)
	}
	t.compress(ctx, next)
	t.archive(ctx, current, next)
	t.config.Logger.Info("published assets",
		zap.String("root", t.config.Root),
		zap.String("generation", next.Generation),
		zap.Int("files", next.Files()),
		zap.Duration("duration", t.config.Now().Sub(started)))
}

// compress makes the codings of a new catalog in the background. It gives up on an older one.
func (t *Tree) compress(ctx context.Context, catalog *Catalog) {
	if t.stopCompressing != nil {
		t.stopCompressing()
	}
	ctx, t.stopCompressing = context.WithCancel(ctx)
	t.background.Add(1)
	go func() {
		defer t.background.Done()
		catalog.compress(ctx, t.config.Encode, t.config.Memory, t.config.Logger.With(zap.String("root", t.config.Root)))
	}()
}

func (t *Tree) scan(ctx context.Context) (*Catalog, error) {
	root, err := openRoot(t.config.Root)
	if err != nil {
		return nil, err
	}
	reports := make(chan func(), 16)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for report := range reports {
			report()
		}
	}()
	s := &scanner{
		root: root, previous: t.catalog.Load(), memory: t.config.Memory, rewrite: t.config.Rewrite, modules: t.config.Modules,
		report: func(path string, err error) { reports <- func() { t.report(path, err) } },
	}
	catalog, err := s.scan(ctx)
	close(reports)
	<-finished
	return catalog, err
}

// report logs what could not be read, once for as long as it stays so.
func (t *Tree) report(path string, err error) {
	if errors.Is(err, errChanging) {
		t.changing = true
		return
	}
	if errors.Is(err, fs.ErrNotExist) && path != "." || t.reported[path] == err.Error() {
		return
	}
	t.reported[path] = err.Error()
	t.config.Logger.Error("reading assets", zap.String("root", t.config.Root), zap.String("path", path), zap.Error(err))
}

// keepVanished has files that are gone from the disk stay for a while: a deployment that empties the directory before it
// fills it again must not be seen.
func (t *Tree) keepVanished(current, next *Catalog, now time.Time) {
	for path, file := range current.files {
		if next.files[path] != nil {
			delete(t.missing, path)
			continue
		}
		since, known := t.missing[path]
		if !known {
			since = now
			t.missing[path] = now
		}
		if file.Content == nil || now.Sub(since) >= t.config.Vanished {
			delete(t.missing, path)
			continue
		}
		next.files[path] = file
	}
	next.finish()
}

// same reports whether two catalogs would give the same answers.
func (c *Catalog) same(other *Catalog) bool {
	return maps.EqualFunc(c.files, other.files, func(a, b *File) bool {
		return a.digest == b.digest && a.circle == b.circle && a.identity == b.identity && a.Evidence == b.Evidence
	})
}
