package tree

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/promises"
)

// `immutable` is a promise for one content. Evidence that does not come from the bytes (a manifest, a directory, the operator)
// counts only once the promise is recorded: after the file was quiet, and unless the URL was given out for other content.

// Promises remembers which content each URL was given out for as immutable. [promises.Store] is one.
type Promises interface {
	Open() error
	Add(...promises.Promise) error
	// Has reports whether a URL was given out for this content, or seen with it after it was given out.
	Has(promises.Promise) bool
	// HasOther reports whether a URL was given out for other content.
	HasOther(path, version string, digest [32]byte) bool
	// Foreign reads the promises of other processes. The number grows when there are new ones.
	Foreign() (uint64, error)
}

// standing says whether evidence counts that does not come from the bytes. It is immutable.
type standing struct {
	evidence Evidence // none: it does not count
	why      string   // it does not count
}

// The reasons why evidence does not count.
const (
	whyNotQuiet    = "the file changed within the second time of settle"
	whyBroken      = "the URL was immutable with other content"
	whyWithdrawn   = "the file is gone, and its name holds no hash"
	whyNotRecorded = "the promise cannot be recorded"
)

// weakEvidence is the evidence of a file's URL that does not come from the bytes.
func (t *Tree) weakEvidence(f *File) Evidence {
	switch {
	case f.IsManifest, f.isWorkerName, IsHTML(f.ContentType), f.Evidence.Kind == ByDigest:
		return Evidence{}
	case f.Evidence.Kind != NoEvidence:
		return f.Evidence
	case len(t.Config.Immutable) > 0 && t.Config.Immutable.Match(t.Config.Prefix+f.Path):
		return Evidence{ByOperator, "an immutable pattern matches"}
	default:
		return Evidence{}
	}
}

// markOperators marks the new files of a catalog whose names are versions by the operator's word. Files that are gone from the disk
// are also in the current catalog, which requests read.
func (t *Tree) markOperators(current, next *Catalog) {
	for f := range next.All() {
		if current != nil && current.files[f.Path] == f {
			continue
		}
		f.byOperator = t.weakEvidence(f).Kind == ByOperator
	}
}

// promiseNext decides about the promises of a catalog that is about to be published. Where the content of a URL changed that was
// given out, it records the new content too: then the URL is immutable with neither.
func (t *Tree) promiseNext(previous, next *Catalog) {
	err := t.openPromises()
	t.unpromised = t.unpromised[:0]
	var broken []*File
	var seen []promises.Promise
	for f := range next.All() {
		if t.Config.Promises != nil && isChanged(previous, f) {
			promise := promises.Promise{Path: f.Path, Digest: f.digest}
			isBroken := t.isBroken(f, "")
			if isBroken && f.Evidence.Kind != ByDigest && !t.Config.Promises.Has(promise) {
				broken = append(broken, f)
			}
			if isBroken || f.Evidence.Kind == ByDigest {
				seen = append(seen, promise)
			}
		}
		if t.weakEvidence(f).Kind != NoEvidence || len(f.listedVersions) > 0 {
			t.unpromised = append(t.unpromised, f)
		}
	}
	t.reportBroken(broken)
	t.promise(next, errors.Join(err, t.addPromises(seen)))
}

func (t *Tree) openPromises() error {
	if t.Config.Promises == nil {
		return nil
	}
	return t.Config.Promises.Open()
}

func (t *Tree) addPromises(added []promises.Promise) error {
	if t.Config.Promises == nil {
		return nil
	}
	return t.Config.Promises.Add(added...)
}

// promiseWaiting tries again the files whose time has come, and archives those that may be given out from now on.
func (t *Tree) promiseWaiting(ctx context.Context) {
	catalog, now := t.catalog.Load(), t.Config.Now()
	if catalog == nil || t.promiseAt.IsZero() || now.Before(t.promiseAt) {
		return
	}
	waiting := len(t.unpromised)
	t.promise(catalog, t.openPromises())
	if len(t.unpromised) < waiting {
		t.archive(ctx, catalog, now)
		t.share(catalog)
	}
}

// followPromises takes back the evidence of URLs that other processes on the same disk have given out for other content.
func (t *Tree) followPromises() {
	if t.Config.Promises == nil {
		return
	}
	foreign, err := t.Config.Promises.Foreign() // the next promise reports an error
	if err == nil && foreign != t.foreignPromises {
		t.foreignPromises = foreign
		t.reconsiderPromises()
	}
}

// reconsiderPromises takes back the evidence of URLs that others gave out for other content, and records their content here too.
func (t *Tree) reconsiderPromises() {
	catalog := t.catalog.Load()
	if catalog == nil {
		return
	}
	var broken []*File
	var seen []promises.Promise
	for f := range catalog.All() {
		if t.weakEvidence(f).Kind == NoEvidence && len(f.listedVersions) == 0 {
			continue
		}
		if promise := (promises.Promise{Path: f.Path, Digest: f.digest}); t.isBroken(f, "") {
			if !t.Config.Promises.Has(promise) {
				broken = append(broken, f)
			}
			seen = append(seen, promise)
		}
		if evidence, _ := f.GivenOut(); evidence.Kind != NoEvidence || f.PromisedVersions.Load() != nil {
			t.allow(f)
		}
	}
	t.reportBroken(broken)
	t.reportPromises(t.addPromises(seen))
}

// isChanged reports a file whose content the previous catalog did not have under its path.
func isChanged(previous *Catalog, f *File) bool {
	return previous == nil || previous.files[f.Path] == nil || previous.files[f.Path].digest != f.digest
}

// promise records the promises of files that have been quiet for long enough, and lets their evidence count. It sets when to try
// the others again. Promises that cannot be recorded are not given.
func (t *Tree) promise(catalog *Catalog, err error) {
	now := t.Config.Now()
	var ready, waiting []*File
	var given []promises.Promise
	t.promiseAt = time.Time{}
	for _, f := range t.unpromised {
		if at := t.readyAt(f, catalog, now); now.Before(at) {
			f.standing.Store(&standing{why: whyNotQuiet})
			waiting = append(waiting, f)
			if t.promiseAt.IsZero() || at.Before(t.promiseAt) {
				t.promiseAt = at
			}
			continue
		}
		ready = append(ready, f)
		given = append(given, t.promisesOf(f)...)
	}
	err = errors.Join(err, t.addPromises(given))
	t.reportPromises(err)
	if err != nil {
		for _, f := range ready {
			f.standing.Store(&standing{why: whyNotRecorded})
			f.PromisedVersions.Store(nil)
		}
		t.unpromised, t.promiseAt = append(waiting, ready...), now.Add(retryPromises)
		return
	}
	for _, f := range ready {
		t.allow(f)
	}
	t.unpromised = waiting
}

// readyAt is when the promises of a file may be given. A promise that was given for this content may be given again at once.
func (t *Tree) readyAt(f *File, catalog *Catalog, now time.Time) time.Time {
	if t.Config.Promises != nil && !slices.ContainsFunc(t.promisesOf(f), func(p promises.Promise) bool { return !t.Config.Promises.Has(p) }) {
		return now
	}
	at := t.quietAt(f)
	if !now.Before(at) && !f.isOnDisk(catalog) {
		return now.Add(t.Config.Vanished) // the next walk finds the change
	}
	return at
}

// retryPromises is when to try again after promises could not be recorded.
const retryPromises = time.Minute

// quietAt is when a file will have been quiet for the second time of settle: its change time, and its content under its path.
func (t *Tree) quietAt(f *File) time.Time {
	latest := f.identity.latest()
	if latest.After(f.read) {
		latest = f.read // the clock of the file system is ahead
	}
	if f.since.After(latest) {
		latest = f.since
	}
	return latest.Add(t.Config.Vanished)
}

// isOnDisk reports a file that is on disk as it was read.
func (f *File) isOnDisk(catalog *Catalog) bool {
	info, err := catalog.Dir.info(f.Disk)
	return err == nil && identify(info) == f.identity
}

// promisesOf are the URLs of a file that may be given out.
func (t *Tree) promisesOf(f *File) []promises.Promise {
	var given []promises.Promise
	if t.weakEvidence(f).Kind != NoEvidence && !t.isBroken(f, "") {
		given = append(given, promises.Promise{Path: f.Path, Digest: f.digest})
	}
	for _, version := range f.listedVersions {
		if !t.isBroken(f, version) {
			given = append(given, promises.Promise{Path: f.Path, Version: version, Digest: f.digest})
		}
	}
	return given
}

// isBroken reports a URL that was given out for other content.
func (t *Tree) isBroken(f *File, version string) bool {
	return t.Config.Promises != nil && t.Config.Promises.HasOther(f.Path, version, f.digest)
}

// allow lets the evidence of a file count whose promises are recorded.
func (t *Tree) allow(f *File) {
	var versions []string
	for _, version := range f.listedVersions {
		if !t.isBroken(f, version) {
			versions = append(versions, version)
		}
	}
	f.PromisedVersions.Store(&versions)
	next := &standing{evidence: t.weakEvidence(f)}
	if next.evidence.Kind != NoEvidence && t.isBroken(f, "") {
		next = &standing{why: whyBroken}
	}
	f.standing.Store(next)
}

// GivenOut returns the evidence for the URL of a file, if it counts now: a digest in the name, or a manifest, a directory or the
// operator. If evidence does not count, why is the reason.
func (f *File) GivenOut() (evidence Evidence, why string) {
	if f.Evidence.Kind == ByDigest {
		return f.Evidence, ""
	}
	if s := f.standing.Load(); s != nil {
		return s.evidence, s.why
	}
	return Evidence{}, ""
}

// reportPromises logs that promises cannot be read or written, once until they can.
func (t *Tree) reportPromises(err error) {
	if err != nil && !t.promisesFail {
		t.Config.Logger.Warn("promises cannot be stored; unproved URLs stay no-cache", zap.String("root", t.Config.Root), zap.Error(err))
	}
	t.promisesFail = err != nil
}

// reportBroken logs URLs whose content changed after they were given out, once for each change.
func (t *Tree) reportBroken(broken []*File) {
	const examples = 5
	if len(broken) == 0 {
		return
	}
	var paths []string
	for _, f := range broken[:min(len(broken), examples)] {
		paths = append(paths, f.Path)
	}
	t.Config.Logger.Warn("immutable URLs have other content; now no-cache",
		zap.String("root", t.Config.Root), zap.Int("files", len(broken)), zap.Strings("for_example", paths),
		zap.String("fix", "give changed files new names; browsers may hold the old content for a year"))
}
