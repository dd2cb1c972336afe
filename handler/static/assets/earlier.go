package assets

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/archive"
)

// Archive keeps bytes on disk. [archive.Store] is one.
type Archive interface {
	Open() error
	Put(name, version string, content io.ReadSeeker) error
	PutSparing(name, version string, content io.ReadSeeker, since time.Time) error
	Renew(name, version string) bool
	Find(name, version string) (size int64, found bool)
	Get(name, version string) (*archive.Content, bool)
	Sweep()
}

// openArchive opens what is not opened when a configuration is only checked. Where that fails it is said, the assets are served
// without, and it is tried again with the next generation, or within the hour.
func (t *Tree) openArchive() (opened bool) {
	if t.config.Archive == nil {
		return false
	}
	err := t.config.Archive.Open()
	if err != nil && !t.unopened {
		t.config.Logger.Warn("earlier versions of assets are not kept", zap.String("root", t.config.Root), zap.Error(err))
	}
	t.unopened = err != nil
	return !t.unopened
}

// renewEvery is how often what is current is renewed: were it not, it would be too old on the day that it is replaced.
const renewEvery = time.Hour

// renewLost is how soon that is done where something kept was found to be gone, or damaged.
const renewLost = time.Minute

// Earlier opens the bytes that a path had under a version, or under no version if its name is one. Close them.
func (t *Tree) Earlier(path, version string) (*archive.Content, bool) {
	if t.config.Archive == nil {
		return nil, false
	}
	return t.config.Archive.Get(path, version)
}

// archive keeps what is current, in the background, for the day that it is replaced; what was until now gets its full time.
func (t *Tree) archive(ctx context.Context, previous, next *Catalog) {
	if !t.openArchive() {
		t.replaced.remove(previous)
		return
	}
	t.background.Add(1)
	go func() {
		defer t.background.Done()
		t.archiving.Lock() // one after the other
		defer t.archiving.Unlock()
		since := t.config.Now()
		if previous != nil {
			t.put(ctx, previous, since) // what has no room was told of when it was current
			t.replaced.remove(previous)
		}
		t.reportFull(t.put(ctx, next, since))
		t.config.Archive.Sweep()
	}()
}

// renew is for a tree that does not change.
func (t *Tree) renew(ctx context.Context) {
	catalog := t.catalog.Load()
	if catalog == nil {
		return
	}
	if since := t.config.Now().Sub(t.renewed); since >= renewEvery || since >= renewLost && catalog.lost.Swap(false) {
		t.renewed = t.config.Now()
		t.compress(ctx, nil, catalog)
		t.archive(ctx, nil, catalog)
	}
}

// keeping is a file under one of its versions.
type keeping struct {
	file    *File
	version string
}

// put keeps or renews every file that a URL may name by version, and drops for them nothing that was kept or renewed since some
// time. What there is no room for beside that is left out, the largest first: were it put nevertheless, a tree larger than the
// archive would be written anew each time, and its files drive out each other. It returns how many versions were left out.
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
		if isFull(err) {
			left = len(missing) - i
			break
		}
		if err != nil {
			t.config.Logger.Warn("an asset cannot be kept for those who ask for it after it is replaced",
				zap.String("root", t.config.Root), zap.String("path", m.file.Path), zap.Error(err))
			return t.unkept // the next would fail alike: the disk is full, or not ours
		}
	}
	return left
}

// renewKept renews what is kept already, and returns what is not. The error is that of the context.
func (t *Tree) renewKept(ctx context.Context, catalog *Catalog) (missing []keeping, err error) {
	for file := range catalog.All() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !file.mayBeKept() {
			continue
		}
		for _, version := range file.keptUnder() {
			// A digest names these bytes and no others; what a manifest or an operator vouches for may have been replaced.
			if (version != "" || file.Evidence.Kind == ByDigest) && t.config.Archive.Renew(file.Path, version) {
				continue
			}
			missing = append(missing, keeping{file, version})
		}
	}
	return missing, nil
}

// reportFull says once how many versions of files the archive has no room for, and again when their number changes.
func (t *Tree) reportFull(left int) {
	if left > 0 && left != t.unkept {
		t.config.Logger.Warn("not every asset can be kept for those who ask for it after it is replaced: want a larger size in keep",
			zap.String("root", t.config.Root), zap.Int("left_out", left))
	}
	t.unkept = left
}

// mayBeKept leaves out what is always the current one, and names that the archive cannot write down.
func (f *File) mayBeKept() bool {
	return !f.IsManifest && !strings.HasPrefix(f.contentType[0], "text/html") && utf8.ValidString(f.Path)
}

// noteReplaced has the ledger know the versions of what is not kept: that they were proved, and of other bytes.
func (t *Tree) noteReplaced(previous, next *Catalog) {
	if t.config.Ledger == nil || previous == nil {
		return
	}
	for path, file := range previous.files {
		now := next.files[path]
		if file.Evidence.Kind != NoEvidence || !file.mayBeKept() || now != nil && now.digest == file.digest || t.isKept(file) {
			continue
		}
		for _, version := range file.keptUnder() {
			t.config.Ledger.Proved(path, version, file.digest)
		}
	}
}

func (t *Tree) putFile(catalog *Catalog, k keeping, since time.Time) error {
	if k.file.Content != nil {
		return t.config.Archive.PutSparing(k.file.Path, k.version, bytes.NewReader(k.file.Content), since)
	}
	content, err := k.file.open(catalog)
	if err != nil {
		return nil // it was replaced meanwhile: too late for these bytes
	}
	defer content.Close()
	err = t.config.Archive.PutSparing(k.file.Path, k.version, &wholeReader{io.NewSectionReader(content, 0, k.file.Size), content}, since)
	if errors.Is(err, errOtherContent) {
		return nil
	}
	return err
}

// serveEarlier answers with the bytes that a version was true of, if they are kept.
func (h *Handler) serveEarlier(w http.ResponseWriter, r *http.Request, site *Site, path, version string) bool {
	if file := site.Tree.justReplaced(path, version); file != nil {
		h.serveReplaced(w, r, file)
		return true
	}
	content, found := site.Tree.Earlier(path, version) // looked for last: it may have been put there in this moment
	if !found {
		return false
	}
	h.serveKept(w, r, site, path, content)
	return true
}

// earlierEvidence is that of bytes of the archive.
var earlierEvidence = Evidence{ByDigest, "the version is that of bytes that were replaced, and are kept"}

// serveKept answers with bytes of the archive, in the codings that they had, and closes them.
func (h *Handler) serveKept(w http.ResponseWriter, r *http.Request, site *Site, path string, content *archive.Content) {
	defer content.Close()
	file := &File{Path: path, Size: content.Size, digest: content.SHA256, earlier: content}
	file.prepare()
	file.lastModified = nil
	file.Evidence = earlierEvidence
	file.coded = site.Tree.keptVariants(file)
	h.serve(w, r, nil, file)
}

// answerFile answers with the file, or with the bytes that it had under a version in the query.
func (h *Handler) answerFile(w http.ResponseWriter, r *http.Request, site *Site, catalog *Catalog, file *File) {
	if !h.asksForAnother(r, file) {
		h.serve(w, r, catalog, file)
		return
	}
	if h.serveVersion(w, r, site, file.Path) {
		return
	}
	known := h.outdatedVersion(r, site, file)
	if _, explains := w.(*headOnly); known.Kind == NoEvidence && !explains {
		h.noteVersion(r, site, file)
	}
	h.serveAs(w, r, catalog, file, known)
}

// asksForAnother reports a query whose version, if it has one, is not that of these bytes.
func (h *Handler) asksForAnother(r *http.Request, file *File) bool {
	return r.URL.RawQuery != "" && file.Evidence.Kind == NoEvidence && h.versionEvidence(r.URL.RawQuery, file).Kind == NoEvidence
}

// serveVersion looks for a version of the query in the archive.
func (h *Handler) serveVersion(w http.ResponseWriter, r *http.Request, site *Site, path string) bool {
	for value := range h.versions(r) {
		if h.serveEarlier(w, r, site, path, withoutEpoch(value, h.Epoch)) {
			return true
		}
	}
	return false
}

// versions yields the values in the query that the configuration takes for versions.
func (h *Handler) versions(r *http.Request) iter.Seq[string] {
	return func(yield func(string) bool) {
		for query := r.URL.RawQuery; len(query) > 0; {
			var parameter string
			parameter, query, _ = strings.Cut(query, "&")
			name, value, _ := strings.Cut(parameter, "=")
			if value != "" && slices.Contains(h.VersionQuery, name) && !yield(value) {
				return
			}
		}
	}
}

// earlierVersion reports that answerFile answers with earlier bytes.
func (h *Handler) earlierVersion(r *http.Request, site *Site, file *File) bool {
	return h.asksForAnother(r, file) && h.keptVersion(r, site, file.Path)
}

// keptVersion reports what serveVersion would answer.
func (h *Handler) keptVersion(r *http.Request, site *Site, path string) bool {
	for value := range h.versions(r) {
		if isEarlier(site, path, withoutEpoch(value, h.Epoch)) {
			return true
		}
	}
	return false
}

// isEarlier reports what serveEarlier would answer.
func isEarlier(site *Site, path, version string) bool {
	return site.Tree.justReplaced(path, version) != nil || isThere(site.Tree.Earlier(path, version))
}

// isThere reports content that was found, and closes it.
func isThere(content *archive.Content, found bool) bool {
	if found {
		_ = content.Close()
	}
	return found
}
