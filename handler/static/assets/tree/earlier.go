package tree

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets/variants"
	"github.com/scan2food/usher/handler/static/promises"
)

// Archive keeps bytes on disk. [archive.Store] is one.
type Archive interface {
	variants.Archive
	Put(name, version string, content io.ReadSeeker) error
	Holding(sum [sha256.Size]byte, accept func(name, version string) bool) (name, version string, found bool)
	PurgeMatching(matches func(name string) bool) (sums [][sha256.Size]byte)
}

// openArchive opens the archive. It is not open before, since a configuration may only be validated. If it fails, the assets are
// served without an archive; the next generation, or the next hour, tries again.
func (t *Tree) openArchive() (opened bool) {
	if t.Config.Archive == nil {
		return false
	}
	err := t.Config.Archive.Open()
	if err != nil && !t.unopened {
		t.Config.Logger.Warn("cannot open archive; replaced assets are not kept", zap.String("root", t.Config.Root), zap.Error(err))
	}
	t.unopened = err != nil
	if err == nil {
		t.purgeHidden()
	}
	return err == nil
}

// renewEvery is how often the archive renews current files. Otherwise they would be too old on the day that they are replaced.
const renewEvery = time.Hour

// renewLost is how soon it does so after a stored variant was found damaged or gone.
const renewLost = time.Minute

// Earlier opens the archived bytes of a path and a version. The version is "" if the name is a version. The caller must close
// them.
func (t *Tree) Earlier(path, version string) (*archive.Content, bool) {
	if t.Config.Archive == nil {
		return nil, false
	}
	return t.Config.Archive.Get(path, version)
}

// archiveWait is how long a new catalog waits until the bytes that it replaces are in the archive. A slow disk must not hold
// back a deployment for longer.
const archiveWait = 10 * time.Second

// archiveReplaced puts the files of a catalog that is about to be replaced into the archive, those too that were asked for by
// another version meanwhile. Their time begins at since.
func (t *Tree) archiveReplaced(catalog *Catalog, since time.Time) {
	if !t.openArchive() {
		return
	}
	done := make(chan struct{})
	t.background.Go(func() {
		defer close(done)
		t.archiving.Lock() // after the catalog was archived when it was published
		defer t.archiving.Unlock()
		t.put(t.ctx, catalog, since)
	})
	timer := time.NewTimer(t.archiveWait)
	defer timer.Stop()
	select {
	case <-done:
	case <-t.ctx.Done():
	case <-timer.C:
		t.Config.Logger.Warn("archiving takes long; publishing without waiting", zap.String("root", t.Config.Root))
	}
}

// archive puts the files of the current catalog into the archive, in the background. It drops nothing for them that was put
// there since some time.
func (t *Tree) archive(ctx context.Context, catalog *Catalog, since time.Time) {
	if !t.openArchive() {
		return
	}
	t.background.Go(func() {
		t.archiving.Lock()
		defer t.archiving.Unlock()
		t.reportFull(t.put(ctx, catalog, since))
		t.Config.Archive.Sweep()
	})
}

// renew archives and compresses the current catalog again, since a tree may not change for long.
func (t *Tree) renew(ctx context.Context) {
	catalog := t.catalog.Load()
	if catalog == nil {
		return
	}
	if since := t.Config.Now().Sub(t.renewed); since >= renewEvery || since >= renewLost && catalog.Lost.Swap(false) {
		t.renewed = t.Config.Now()
		t.promiseNext(catalog, catalog)
		t.compress(ctx, nil, catalog)
		t.archive(ctx, catalog, t.renewed)
		t.share(catalog)
	}
}

// keeping is a file and one of its versions.
type keeping struct {
	file    *File
	version string
}

// put archives or renews every file that a URL may name by version. It drops nothing that was archived or renewed since some time.
// Files without room are left out, the largest first. Otherwise the files of a tree larger than the archive would replace each
// other with each generation. put returns how many versions were left out.
func (t *Tree) put(ctx context.Context, catalog *Catalog, since time.Time) (left int) {
	missing, err := t.renewKept(ctx, catalog)
	if err != nil {
		return t.unkept
	}
	slices.SortStableFunc(missing, func(a, b keeping) int { return cmp.Compare(a.file.Size, b.file.Size) })
	for i, m := range missing {
		if ctx.Err() != nil {
			return t.unkept
		}
		err := t.putFile(catalog, m, since)
		if errors.Is(err, archive.ErrFull) || errors.Is(err, archive.ErrTooLarge) {
			left = len(missing) - i
			break
		}
		if err != nil {
			t.Config.Logger.Warn("cannot archive asset",
				zap.String("root", t.Config.Root), zap.String("path", m.file.Path), zap.Error(err))
			return t.unkept // the next file would fail too: the disk is full, or read-only
		}
	}
	return left
}

// renewKept renews the files that are archived already, and returns the others. Its error is the error of the context.
func (t *Tree) renewKept(ctx context.Context, catalog *Catalog) (missing []keeping, err error) {
	for file := range catalog.forms() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !file.mayBeKept() || catalog.hiding.hidesFile(file) {
			continue
		}
		for _, version := range file.keptUnder() {
			if evidence, _ := file.GivenOut(); version == "" && evidence.Kind == NoEvidence {
				continue // browsers do not keep it
			}
			// A digest names these bytes and no others. Other evidence may hold for replaced bytes.
			if (version != "" || file.Evidence.Kind == ByDigest) && t.Config.Archive.Renew(file.Path, version) {
				continue
			}
			missing = append(missing, keeping{file, version})
		}
	}
	return missing, nil
}

// reportFull logs how many versions have no room in the archive, whenever the number changes.
func (t *Tree) reportFull(left int) {
	if left > 0 && left != t.unkept {
		t.Config.Logger.Warn("archive full; raise the size in keep",
			zap.String("root", t.Config.Root), zap.Int("left_out", left))
	}
	t.unkept = left
}

// mayBeKept reports a file that is worth archiving: manifests and pages are always served in their current form. The archive takes
// only names in UTF-8.
func (f *File) mayBeKept() bool {
	return !f.IsManifest && !IsHTML(f.ContentType) && utf8.ValidString(f.Path)
}

// noteReplaced records the versions of replaced files that are not archived: they were proved, and of other content.
func (t *Tree) noteReplaced(previous, next *Catalog) {
	if t.Config.Promises == nil || previous == nil {
		return
	}
	var replaced []promises.Promise
	for file := range previous.forms() {
		now := next.files[file.Path]
		isCurrent := now != nil && (now.digest == file.digest || now.Stamped().digest == file.digest)
		if file.Evidence.Kind != NoEvidence || !file.mayBeKept() || isCurrent || t.isKept(file) {
			continue
		}
		for _, version := range file.keptUnder() {
			replaced = append(replaced, promises.Promise{Path: file.Path, Version: version, Digest: file.digest})
		}
	}
	t.reportPromises(t.Config.Promises.Add(replaced...))
}

func (t *Tree) putFile(catalog *Catalog, k keeping, since time.Time) error {
	if k.file.Content != nil {
		return t.Config.Archive.PutSparing(k.file.Path, k.version, bytes.NewReader(k.file.Content), since)
	}
	content, err := k.file.Open(catalog)
	if err != nil {
		return nil // replaced on disk meanwhile
	}
	defer content.Close()
	err = t.Config.Archive.PutSparing(k.file.Path, k.version, &wholeReader{io.NewSectionReader(content, 0, k.file.Size), content}, since)
	if errors.Is(err, ErrOtherContent) {
		return nil
	}
	return err
}
