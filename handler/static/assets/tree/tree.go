// Package tree answers which files a served directory holds now, and which bytes each of their versions has.
package tree

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

	"github.com/scan2food/usher/handler/static/assets/deltas"
	"github.com/scan2food/usher/handler/static/assets/variants"
)

// Defaults of a [Config].
const (
	DefaultMemory   = 256 << 20
	DefaultSettle   = time.Second
	DefaultVanished = 10 * time.Second
)

// pollEvery is how often the disk is walked although events report changes. Events can be lost.
const pollEvery = 30 * time.Second

// movedEvery is how often the path of the root is resolved. No event reports that it leads to another directory.
const movedEvery = 500 * time.Millisecond

// pollWithoutEvents is how often the disk is walked if there are no events and the walk is quick.
const pollWithoutEvents = time.Second

// pollShare is the share of the time that walks may take without events: one in so many.
const pollShare = 20

// readingShare is the share of the time that reading may take while the tree changes: one in so many.
const readingShare = 5

// maxPause bounds the pause that readingShare asks for.
const maxPause = 10 * time.Second

// Tree follows a directory. It reads the directory after Start, or after the first call of Catalog. The caller must close it.
type Tree struct {
	Config  Config
	catalog atomic.Pointer[Catalog]
	start   sync.Once
	ctx     context.Context
	ready   chan struct{} // closed when there is a first catalog
	cancel  context.CancelFunc
	done    chan struct{}
	waiting *waiting
	rescans chan chan struct{} // to be closed after a reading

	// The goroutine of run alone uses the fields below.
	missing    map[string]time.Time // since when a file that is still served is gone
	reported   map[string]string    // problems of paths that were logged and last
	noted      map[string]string    // problems of paths that this reading found
	walked     walkedTree           // the walk that the current catalog was read from
	awaited    walkedTree           // the last walk, if it found changes that are not published; else nil
	awaitedAt  time.Time            // when that walk started
	fresh      map[string]bool      // files that were read too soon after a change, and may have changed again
	changing   bool                 // changes are not published yet
	partial    bool                 // the current catalog is without files that keep changing
	touched    touched              // what changed since the last reading
	hasLinks   bool                 // the last walk found links
	walkedBase string               // the root of the last walk, without links
	work       work                 // of the last reading
	outside    map[string]bool      // directories out of the root that hold files
	leaving    int                  // logged: how many links lead out of the root
	walkTime   time.Duration        // how long the last walk took
	readTime   time.Duration        // how long it took to read and publish, without waiting for other machines

	unsettledSince  time.Time // since when the tree has not been quiet; zero: it is quiet
	lastEvent       time.Time // of the changes that are not published; zero: none came
	warnedUnsettled bool      // that files keep changing

	unpromised []*File   // whose evidence does not count yet
	promiseAt  time.Time // when to try them again; zero: there are none

	foreignPromises uint64    // the last result of Promises.Foreign
	promisesFail    bool      // logged: promises cannot be written
	unopened        bool      // logged: the archive cannot be opened
	renewed         time.Time // when the archives got the current catalog, or renewed it

	followers followers

	deltas     *deltas.Maker                  // nil without deltas
	served     map[DeltaScope][]servedVersion // by scope, the most served first
	stopDeltas context.CancelFunc

	maker           *variants.Maker
	stopCompressing context.CancelFunc
	archiving       sync.Mutex
	archiveWait     time.Duration
	waitFor         func(context.Context, time.Duration) error // tests replace it
	unkept          int                                        // versions without room in the archive; guarded by archiving
	sharing         sync.Mutex
	unshared        int           // versions that are too large to share; guarded by sharing
	shareFails      atomic.Bool   // logged: the shared storage fails
	foreign         chan struct{} // other machines have given promises
	workers         serviceWorkers
	background      sync.WaitGroup
}

// Open checks that the root is a directory, or does not exist yet. Nothing is read before [Tree.Start].
func Open(config Config) (*Tree, error) {
	dir, err := openDirectory(config.Root, config.FollowLinks)
	switch {
	case err == nil:
		dir.close()
	case !errors.Is(err, fs.ErrNotExist): // a directory that does not exist may appear
		return nil, fmt.Errorf("opening the root: %w", err)
	}
	t := &Tree{
		Config: config, ready: make(chan struct{}), done: make(chan struct{}), waiting: newWaiting(), archiveWait: archiveWait, waitFor: waitFor,
		rescans: make(chan chan struct{}), foreign: make(chan struct{}, 1),
		missing: make(map[string]time.Time), reported: make(map[string]string),
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	if t.Config.Memory == 0 {
		t.Config.Memory = DefaultMemory
	}
	if t.Config.Settle == 0 {
		t.Config.Settle = DefaultSettle
	}
	if t.Config.Vanished == 0 {
		t.Config.Vanished = DefaultVanished
	}
	t.maker = variants.New(t.Config.maker())
	if t.Config.Deltas && t.Config.Archive != nil {
		t.deltas, t.served = deltas.NewMaker(t.Config.deltas()), make(map[DeltaScope][]servedVersion)
	}
	return t, nil
}

// Start starts reading and following the directory. Later calls do nothing.
func (t *Tree) Start() { t.start.Do(func() { go t.run(t.ctx) }) }

// Catalog returns the current catalog. It waits for the first one, and returns nil if ctx ends before that.
func (t *Tree) Catalog(ctx context.Context) *Catalog {
	if catalog := t.catalog.Load(); catalog != nil {
		return catalog
	}
	t.Start()
	t.waiting.enter()
	defer t.waiting.leave()
	select {
	case <-t.ready:
	case <-t.done:
	case <-ctx.Done():
	}
	return t.catalog.Load()
}

// Current returns the current catalog, or nil before the first one. It does not start the tree.
func (t *Tree) Current() *Catalog { return t.catalog.Load() }

// Close stops following the directory. The last catalog stays readable. If requests wait for the first catalog, Close returns
// when they have it.
func (t *Tree) Close() {
	t.cancel()
	t.waiting.close()
	t.start.Do(func() { close(t.done) })
	<-t.done
	if t.deltas != nil {
		t.deltas.Close()
	}
}

func (t *Tree) run(ctx context.Context) {
	defer close(t.done)
	defer t.background.Wait()
	w := newWatcher(t.Config.Root, t.Config.Manifests, t.Config.Poll > 0)
	defer w.close()
	t.openArchive()
	w.watch() // before the first reading, so that no change is missed
	t.refresh(t.waiting.reading, false)
	w.watchLinked(t.outside)
	t.waiting.giveUp()
	if t.Config.Shared != nil {
		t.background.Go(func() { t.followShared(ctx) })
	}
	told := false
	timer := time.NewTimer(t.afterScan(w))
	defer timer.Stop()
	moved := time.NewTicker(movedEvery)
	defer moved.Stop()
	for {
		if !told && !w.working() && t.Config.Poll == 0 && !t.isEmpty() {
			told = true
			t.Config.Logger.Warn("file system events unreliable; polling instead",
				zap.String("root", t.Config.Root), zap.Error(w.err))
		}
		select {
		case <-ctx.Done():
			return
		case event := <-w.events():
			if !w.follow(event) {
				continue
			}
			t.touched.note(w.base, event)
			t.lastEvent = t.Config.Now()
			if t.unsettled(t.lastEvent) < maxUnsettled {
				timer.Reset(t.pause())
			}
		case <-moved.C:
			t.followPromises()
			if t.Config.Poll == 0 && w.hasMoved() && t.lastEvent.IsZero() {
				t.touched.all = true
				t.lastEvent = t.Config.Now()
				timer.Reset(t.Config.Settle)
			}
		case err := <-w.errors():
			t.Config.Logger.Warn("file system events lost; reading again", zap.String("root", t.Config.Root), zap.Error(err))
			t.touched.all = true
			timer.Reset(t.Config.Settle)
		case <-timer.C:
			t.readAgain(ctx, w)
			timer.Reset(t.afterScan(w))
		case <-t.foreign:
			t.reconsiderPromises()
		case done := <-t.rescans:
			t.touched.all = true
			t.readAgain(ctx, w)
			close(done)
			timer.Reset(t.afterScan(w))
		}
	}
}

// readAgain reads what changed on disk.
func (t *Tree) readAgain(ctx context.Context, w *watcher) {
	if !t.touched.isKnown() || !w.working() {
		t.touched.all = true
		w.watch()
	}
	t.refresh(ctx, w.working() && !t.lastEvent.IsZero() && t.Config.Now().Sub(t.lastEvent) >= t.Config.Settle)
	t.promiseWaiting(ctx)
	w.watchLinked(t.outside)
	t.renew(ctx)
}

// pause is how long the tree must be quiet before it is read again: settle, or longer if reading takes long.
func (t *Tree) pause() time.Duration {
	return max(t.Config.Settle, min(readingShare*t.readTime, maxPause))
}

// afterScan is how long to wait for the next reading if no event comes.
func (t *Tree) afterScan(w *watcher) time.Duration {
	every := max(pollWithoutEvents, pollShare*t.walkTime)
	if t.Config.Poll > 0 {
		every = t.Config.Poll
	}
	if !t.promiseAt.IsZero() {
		every = min(every, max(t.promiseAt.Sub(t.Config.Now()), 0))
	}
	switch {
	case t.changing:
		return max(t.Config.Settle, min(readingShare*t.walkTime, maxPause))
	case len(t.missing) > 0, t.catalog.Load() == nil:
		return min(every, t.Config.Vanished)
	case !w.working():
		return every
	case !t.promiseAt.IsZero():
		return min(every, pollEvery)
	default:
		return pollEvery
	}
}

// publish makes a catalog the current one, unless it equals the current one. It returns how long it waited for other machines.
func (t *Tree) publish(next *Catalog, started time.Time) (waited time.Duration) {
	current := t.catalog.Load()
	if current != nil {
		t.keepVanished(current, next, started)
		if current.same(next) {
			return 0
		}
	}
	next.Published = started
	next.shareVariants(current)
	t.markOperators(current, next)
	since := t.Config.Now()
	if current != nil {
		t.archiveReplaced(current, since)
	}
	waited = t.shareNext(next)
	t.promiseNext(current, next)
	t.catalog.Store(next)
	if current == nil {
		close(t.ready)
	}
	t.renewed = t.Config.Now()
	t.compress(t.ctx, current, next)
	t.archive(t.ctx, next, since)
	t.sharePromises()
	t.prepareDeltas(current, next)
	t.logPublished(current, next, started)
	t.logDoubts(next)
	t.reportStaleNames(current, next)
	t.noteReplaced(current, next)
	t.notifyFollowers()
	return waited
}

// same reports whether two catalogs give the same responses.
func (c *Catalog) same(other *Catalog) bool {
	return maps.Equal(c.Problems, other.Problems) && maps.EqualFunc(c.files, other.files, func(a, b *File) bool {
		return a.digest == b.digest && a.cycleVersion == b.cycleVersion && a.identity == b.identity && a.Evidence == b.Evidence
	})
}
