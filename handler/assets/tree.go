package assets

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
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

// pollWithoutEvents is how often it is looked at where there are none, if looking takes no time.
const pollWithoutEvents = time.Second

// pollShare is which part of the time may be spent on looking: one in so many.
const pollShare = 20

// firstAttempts is how often the first reading of a tree that is being written is begun anew. Then what is not being
// written is published, for there is no earlier generation to stay with.
const firstAttempts = 10

// TreeConfig is what a [Tree] is made of.
type TreeConfig struct {
	// Root is the directory.
	Root string
	// Manifests are the build manifests, absolute or relative to the root. None: they are recognised below the root, by
	// name and shape.
	Manifests []string
	// Memory is how many bytes of content are held in memory. Default 256 MiB.
	Memory int64
	// Settle is how long the tree must be quiet before a change counts. Default 1s.
	Settle time.Duration
	// Vanished is how long a file that is gone from the disk is still served. Default 10s.
	Vanished time.Duration
	// Encode are the codings that files are put into. Nil: none.
	Encode []Coding
	// Poll is how often to look for changes, instead of waiting for the file system to tell of them. Zero: it is waited,
	// and looked where that does not work.
	Poll time.Duration
	// Rewrite has files refer to the versions of others. Nil: they are served as they are.
	Rewrite Rewrite
	// Epoch is a part of all versions: with another one, each reference is another one, whatever the bytes. Letters and digits.
	Epoch string
	// Modules are looked for with it. Nil: there are none.
	Modules Modules
	// Archive keeps what is replaced. Nil: it is gone.
	Archive Archive
	// Variants keeps what files are in other codings, so that it is made once. Nil: it is made by each process, for as much as
	// there is memory.
	Variants Archive
	// Ledger is told of names that hold the version of other bytes. Nil: nobody is.
	Ledger Ledger
	// Logger is told of generations, and of what could not be read.
	Logger *zap.Logger
	Now    func() time.Time
}

// Tree follows a directory. It begins when it is started, or first asked. Close ends it.
type Tree struct {
	config  TreeConfig
	catalog atomic.Pointer[Catalog]
	start   sync.Once
	ctx     context.Context
	ready   chan struct{} // closed when there is a first catalog
	cancel  context.CancelFunc
	done    chan struct{}

	// what follows belongs to the goroutine of run
	missing  map[string]time.Time // when a file that is still served was first gone
	reported map[string]string    // what was said of a path, for as long as it is true
	saying   map[string]string    // what was said of a path since this reading began
	walked   []entry              // what was there when the current catalog was read
	awaited  []entry              // what was there when it was last looked, and has yet to settle
	fresh    map[string]bool      // files that may have changed since, with nothing to show for it
	changing bool                 // the last reading met a tree that was being written
	attempts int                  // readings that met one, in a row
	restless time.Time            // since when it is written to
	looking  time.Duration        // how long it takes to look

	unopened bool      // it was said that the archive cannot be opened
	renewed  time.Time // when what is current was put into the archives, or renewed there

	followers followers

	compression     compression
	stopCompressing context.CancelFunc
	archiving       sync.Mutex
	unkept          int // versions that the archive had no room for; under archiving
	background      sync.WaitGroup
}

// OpenTree checks that the root is a directory. Nothing is read before [Tree.Start].
func OpenTree(config TreeConfig) (*Tree, error) {
	root, _, err := openRoot(config.Root)
	if err != nil {
		return nil, fmt.Errorf("opening the root: %w", err)
	}
	_ = root.Close()
	t := &Tree{
		config: config, ready: make(chan struct{}), done: make(chan struct{}),
		missing: make(map[string]time.Time), reported: make(map[string]string),
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	if t.config.Memory == 0 {
		t.config.Memory = DefaultMemory
	}
	if t.config.Settle == 0 {
		t.config.Settle = DefaultSettle
	}
	if t.config.Vanished == 0 {
		t.config.Vanished = DefaultVanished
	}
	t.compression = compression{
		wanted: t.config.Encode, memory: t.config.Memory, archive: t.config.Variants, newEncoder: newEncoders, now: t.config.Now,
		logger: t.config.Logger.With(zap.String("root", t.config.Root)),
	}
	return t, nil
}

// Start begins to read and to follow the directory, once.
func (t *Tree) Start() { t.start.Do(func() { go t.run(t.ctx) }) }

// Catalog is the current one. Until there is a first one it waits, as long as ctx lets it; then it is nil.
func (t *Tree) Catalog(ctx context.Context) *Catalog {
	if catalog := t.catalog.Load(); catalog != nil {
		return catalog
	}
	t.Start()
	select {
	case <-t.ready:
	case <-t.done:
	case <-ctx.Done():
	}
	return t.catalog.Load()
}

// Current is the catalog that is there already, or nil. It has nothing read.
func (t *Tree) Current() *Catalog { return t.catalog.Load() }

// Close ends the following of the disk. The last catalog stays readable.
func (t *Tree) Close() {
	t.cancel()
	t.start.Do(func() { close(t.done) })
	<-t.done
}

func (t *Tree) run(ctx context.Context) {
	defer close(t.done)
	defer t.background.Wait()
	w := newWatcher(t.config.Root, t.config.Manifests, t.config.Poll > 0)
	defer w.close()
	t.openArchive()
	w.watch() // before it is read: what changes in between is then heard of
	t.refresh(ctx, false)
	told := false
	timer := time.NewTimer(t.afterScan(w))
	defer timer.Stop()
	for {
		if !told && !w.working() && t.config.Poll == 0 {
			told = true
			t.config.Logger.Warn("the file system may not tell of changes; it is looked at again and again instead",
				zap.String("root", t.config.Root), zap.Error(w.err))
		}
		select {
		case <-ctx.Done():
			return
		case event := <-w.events():
			if w.follow(event) && t.config.Now().Sub(t.disturbed()) < unrest {
				timer.Reset(t.config.Settle)
			}
		case err := <-w.errors():
			t.config.Logger.Warn("following a directory; it is read anew", zap.String("root", t.config.Root), zap.Error(err))
			timer.Reset(t.config.Settle)
		case <-timer.C:
			w.watch()
			t.refresh(ctx, w.working() && !t.restless.IsZero())
			t.renew(ctx)
			timer.Reset(t.afterScan(w))
		}
	}
}

// disturbed is since when the tree is written to.
func (t *Tree) disturbed() time.Time {
	if t.restless.IsZero() {
		t.restless = t.config.Now()
	}
	return t.restless
}

// afterScan is when to look again if nothing is heard before.
func (t *Tree) afterScan(w *watcher) time.Duration {
	every := max(pollWithoutEvents, pollShare*t.looking)
	if t.config.Poll > 0 {
		every = t.config.Poll
	}
	switch {
	case t.changing:
		return t.config.Settle
	case len(t.missing) > 0, t.catalog.Load() == nil:
		return min(every, t.config.Vanished)
	case !w.working():
		return every
	default:
		return pollEvery
	}
}

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
	t.attempts, t.restless = 0, time.Time{}
	t.reported = t.saying
	if next != nil {
		t.publish(ctx, next, started)
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
	if !slices.Equal(entries, again) && !tolerant {
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
		modules: t.config.Modules, epoch: t.config.Epoch,
		now: t.config.Now(), fresh: t.fresh, tolerant: tolerant, progress: t.progress, every: progressEvery,
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

// publish makes a catalog the current one.
func (t *Tree) publish(ctx context.Context, next *Catalog, started time.Time) {
	current := t.catalog.Load()
	if current != nil {
		t.keepVanished(current, next, started)
		if current.same(next) {
			return
		}
	}
	next.Published = started
	next.shareVariants(current)
	t.catalog.Store(next)
	if current == nil {
		close(t.ready)
	}
	t.renewed = t.config.Now()
	t.compress(ctx, current, next)
	t.archive(ctx, current, next)
	t.config.Logger.Info("published assets",
		zap.String("root", t.config.Root),
		zap.String("generation", next.Generation),
		zap.Int("files", next.Files()),
		zap.Duration("duration", t.config.Now().Sub(started)))
	t.tellDoubts(next)
	t.tellNames(current, next)
	t.noteReplaced(current, next)
	t.tellFollowers()
}

// same reports whether two catalogs would give the same answers.
func (c *Catalog) same(other *Catalog) bool {
	return maps.EqualFunc(c.files, other.files, func(a, b *File) bool {
		return a.digest == b.digest && a.circle == b.circle && a.identity == b.identity && a.Evidence == b.Evidence
	})
}
