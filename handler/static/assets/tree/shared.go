package tree

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/fingerprint"
	"github.com/scan2food/usher/handler/static/versions"
)

// Shared is what the machines of a site share. [versions.Store] is one.
type Shared interface {
	Publish(ctx context.Context, list []versions.Version, open func(versions.Version) (io.ReadCloser, error)) (left int, err error)
	Find(ctx context.Context, path, version string) (versions.Version, bool)
	FindKnown(path, version string) (versions.Version, bool)
	Fetch(ctx context.Context, v versions.Version, put func(content []byte) error) error
	IsLost(ctx context.Context) (bool, error)
	Refresh(ctx context.Context) error
	ExchangePromises(ctx context.Context, own versions.Promises) (fresh bool, err error)
	Sweep(ctx context.Context) error
	Purge(ctx context.Context, path string, keep func(versions.Version) bool) error
}

const (
	// shareWait is how long a new catalog waits until other machines can get its files. Pages name them from then on.
	shareWait = 10 * time.Second
	// followSharedEvery is how often the promises and the versions of other machines are read.
	followSharedEvery = 10 * time.Second
	// sweepSharedEvery is how often expired versions are removed, if no other machine does so.
	sweepSharedEvery = time.Hour
)

// shareNext shares a catalog that is about to be published, and reads the promises of other machines before this one gives any. It
// returns how long it waited.
func (t *Tree) shareNext(next *Catalog) time.Duration {
	if t.Config.Shared == nil {
		return 0
	}
	began, done := t.Config.Now(), t.share(next)
	timer := time.NewTimer(shareWait)
	defer timer.Stop()
	select {
	case <-done:
	case <-t.ctx.Done():
	case <-timer.C:
		t.Config.Logger.Warn("sharing versions takes long; publishing without waiting", zap.String("root", t.Config.Root))
	}
	return t.Config.Now().Sub(began)
}

// share stores the files of a catalog where other machines find them, in the background.
func (t *Tree) share(catalog *Catalog) (done <-chan struct{}) {
	ended := make(chan struct{})
	if t.Config.Shared == nil {
		close(ended)
		return ended
	}
	t.background.Go(func() {
		defer close(ended)
		t.sharing.Lock()
		defer t.sharing.Unlock()
		if t.exchangePromises(); t.ctx.Err() != nil {
			return
		}
		left, err := t.Config.Shared.Publish(t.ctx, t.sharedVersions(catalog), func(v versions.Version) (io.ReadCloser, error) {
			return catalog.openForm(v.Path, v.Digest)
		})
		t.reportSharing(err)
		if err == nil && left > 0 && left != t.unshared {
			t.Config.Logger.Warn("files not shared; raise the size in keep",
				zap.String("root", t.Config.Root), zap.Int("left_out", left))
		}
		if err == nil {
			t.unshared = left
		}
	})
	return ended
}

// sharePromises shares the promises of a catalog that was published, in the background.
func (t *Tree) sharePromises() {
	if t.Config.Shared != nil {
		t.background.Go(t.exchangePromises)
	}
}

// sharedVersions are the names and versions of a catalog that URLs may have.
func (t *Tree) sharedVersions(catalog *Catalog) []versions.Version {
	var list []versions.Version
	for file := range catalog.forms() {
		if !file.mayBeKept() || catalog.hiding.hidesFile(file) {
			continue
		}
		for _, version := range file.keptUnder() {
			counts := version != ""
			if !counts {
				evidence, _ := file.GivenOut()
				counts = evidence.Kind != NoEvidence
			}
			list = append(list, versions.Version{Path: file.Path, Version: version, Digest: file.digest, Size: file.Size, Immutable: counts})
		}
	}
	return list
}

// openForm opens the file of a path, or its stamped form, by the digest.
func (c *Catalog) openForm(path string, digest [32]byte) (io.ReadCloser, error) {
	file := c.files[path]
	if file != nil && file.digest != digest {
		file = file.StampedForm
	}
	if file == nil || file.digest != digest {
		return nil, versions.ErrGone
	}
	content, err := file.Open(c)
	if err != nil {
		return nil, versions.ErrGone
	}
	return readCloser{content, content}, nil
}

type readCloser struct {
	io.Reader
	content *OpenFile
}

func (r readCloser) Close() error {
	r.content.Close()
	return nil
}

// SharedFile returns the file that another machine published under a path and a version. Its bytes are in the archive from then
// on. Close the content.
func (t *Tree) SharedFile(ctx context.Context, path, version string, promises Promises) (*File, *archive.Content, bool) {
	if t.Config.Shared == nil || t.Config.Archive == nil || !maySharePath(path) {
		return nil, nil, false
	}
	find := t.Config.Shared.Find
	if version == "" && !mayBeVersioned(path) {
		find = func(_ context.Context, path, version string) (versions.Version, bool) {
			return t.Config.Shared.FindKnown(path, version)
		}
	}
	v, found := find(ctx, path, version)
	if !found {
		return nil, nil, false
	}
	key := version
	if version == "" && !v.Immutable {
		key = hex.EncodeToString(v.Digest[:]) // the name is no evidence yet
	}
	if _, found := t.Config.Archive.Find(path, key); !found {
		err := t.Config.Shared.Fetch(ctx, v, func(content []byte) error {
			return t.Config.Archive.Put(path, key, bytes.NewReader(content))
		})
		t.reportSharing(err)
		if err != nil {
			return nil, nil, false
		}
	}
	file, content, found := t.EarlierFile(path, key, promises)
	if found && key != version {
		file.Evidence = Evidence{}
		file.standing.Store(&standing{why: whyNotQuiet})
	}
	return file, content, found
}

// mayBeVersioned reports a name that may hold a hash. Others are no reason to ask the storage: any missing page would be one.
func mayBeVersioned(path string) bool {
	_, _, found := fingerprint.SplitName(path, "")
	return found || fingerprint.LooksVersioned(path)
}

// maySharePath leaves out paths that no machine shares.
func maySharePath(path string) bool { return path != "" && !IsHTML([]string{ContentType(path)}) }

// followShared reads the promises and versions of other machines until the tree is closed.
func (t *Tree) followShared(ctx context.Context) {
	ticker := time.NewTicker(followSharedEvery)
	defer ticker.Stop()
	sweep := time.NewTimer(rand.N(time.Minute)) // machines that start together do not all sweep
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			t.exchangePromises()
			t.reportSharing(t.Config.Shared.Refresh(ctx))
			t.shareAgain(ctx)
		case <-sweep.C:
			t.reportSharing(t.Config.Shared.Sweep(ctx))
			sweep.Reset(sweepSharedEvery + rand.N(sweepSharedEvery/8))
		}
	}
}

// shareAgain shares the current catalog once more if the storage was away when it was published, or has lost it.
func (t *Tree) shareAgain(ctx context.Context) {
	catalog := t.catalog.Load()
	if catalog == nil {
		return
	}
	lost, err := t.Config.Shared.IsLost(ctx)
	t.reportSharing(err)
	if lost {
		t.share(catalog)
	}
}

// exchangePromises reads the promises of other machines. If there are new ones, the tree decides again which of its URLs are
// immutable.
func (t *Tree) exchangePromises() {
	own, ok := t.Config.Promises.(versions.Promises)
	if !ok {
		return
	}
	fresh, err := t.Config.Shared.ExchangePromises(t.ctx, own)
	t.reportSharing(err)
	if fresh {
		select {
		case t.foreign <- struct{}{}:
		default: // the tree has not seen the last ones yet
		}
	}
}

// PurgeShared removes the earlier versions of a path, so that no machine gets them any more. Machines that have them keep them.
func (t *Tree) PurgeShared(ctx context.Context, path string) error {
	if t.Config.Shared == nil {
		return nil
	}
	catalog := t.Current()
	return t.Config.Shared.Purge(ctx, path, func(v versions.Version) bool { return catalog.shows(v.Digest) })
}

// reportSharing logs that the storage fails, and that it works again.
func (t *Tree) reportSharing(err error) {
	if t.ctx.Err() != nil {
		return
	}
	switch failed := err != nil; {
	case failed && !t.shareFails.Swap(true):
		t.Config.Logger.Warn("shared storage fails; serving local versions only", zap.String("root", t.Config.Root), zap.Error(err))
	case !failed && t.shareFails.Swap(false):
		t.Config.Logger.Info("shared storage works again", zap.String("root", t.Config.Root))
	}
}
