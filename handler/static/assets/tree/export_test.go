package tree

import (
	"context"
	"sync"
	"time"

	"github.com/scan2food/usher/handler/static/assets/variants"
)

const (
	RenewLost         = renewLost
	MaxInMemory       = maxInMemory
	RenewEvery        = renewEvery
	RetryPromises     = retryPromises
	WhyNotQuiet       = whyNotQuiet
	MaxUnsettledFirst = maxUnsettledFirst
	MaxPaths          = maxPaths
	MinCompressed     = minCompressed
	MaxServiceWorkers = maxServiceWorkers
)

// NewWatcher returns a watcher of a root without manifests.
func NewWatcher(root string) *watcher { return newWatcher(root, nil, false) }

func (w *watcher) Watch()         { w.watch() }
func (w *watcher) HasMoved() bool { return w.hasMoved() }
func (w *watcher) Close()         { w.close() }

func (t *Tree) Background() *sync.WaitGroup       { return &t.background }
func (t *Tree) Published() *Catalog               { return t.catalog.Load() }
func (t *Tree) Configuration() *Config            { return &t.Config }
func (t *Tree) SetMaker(maker *variants.Maker)    { t.maker = maker }
func (t *Tree) SetArchiveWait(wait time.Duration) { t.archiveWait = wait }
func (t *Tree) SetWaitFor(w func(time.Duration) error) {
	t.waitFor = func(_ context.Context, d time.Duration) error { return w(d) }
}
func (t *Tree) Pause() time.Duration                    { return t.pause() }
func (t *Tree) IsChanging() bool                        { return t.changing }
func (t *Tree) Renew(ctx context.Context)               { t.renew(ctx) }
func (t *Tree) PromiseWaiting(ctx context.Context)      { t.promiseWaiting(ctx) }
func (t *Tree) Refresh(ctx context.Context, first bool) { t.refresh(ctx, first) }
func (c *Config) MakerConfig() variants.Config          { return c.maker() }
func (t *Tree) OpenArchive() bool                       { return t.openArchive() }
func (f *File) StampedVersion() string                  { return f.version() }
func (t *Tree) ShareAgain(ctx context.Context)          { t.shareAgain(ctx) }
func (t *Tree) FollowPromises()                         { t.followPromises() }
func (t *Tree) ReconsiderPromises()                     { t.reconsiderPromises() }
func (t *Tree) ExchangePromises()                       { t.exchangePromises() }
