package tree

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strings"

	"github.com/scan2food/usher/handler/static/assets/deltas"
	"github.com/scan2food/usher/handler/static/fingerprint"
)

// deltaShare is the part of the memory for deltas: one in so many.
const deltaShare = 16

// DeltaScope is what the paths of all versions of a file have in common.
type DeltaScope struct {
	// Before is the path, or its part before the version.
	Before string
	// After is the part of the path after the version.
	After string
	// Query is true if the versions are in the query.
	Query bool
}

// DeltaScope returns the scope of a file, or false if the file has no deltas: it is not text, too small or too large, or its path
// is a version and nothing says of which other path.
func (f *File) DeltaScope() (scope DeltaScope, ok bool) {
	if f.Size < deltas.MinSize || f.Size > deltas.MaxSize || f.IsManifest || f.isWorkerName || IsHTML(f.ContentType) || !Compressible(f.ContentType[0]) {
		return DeltaScope{}, false
	}
	if !f.versionInQuery && (f.Evidence.Kind != NoEvidence || f.byOperator) {
		scope.Before, scope.After, ok = fingerprint.SplitName(f.Path, f.proof.Token)
		return scope, ok
	}
	return DeltaScope{Before: f.Path, Query: true}, true
}

// holds reports an archived version in the scope. The version is "" if the name is a version.
func (s DeltaScope) holds(name, version string) bool {
	if s.Query {
		return version != "" && name == s.Before
	}
	rest, ok := strings.CutPrefix(name, s.Before)
	between, after := strings.CutSuffix(rest, s.After)
	return ok && after && version == "" && between != "" && !strings.Contains(between, "/")
}

// HasDeltas reports whether the tree makes deltas.
func (t *Tree) HasDeltas() bool { return t.deltas != nil }

// Delta returns the delta from a version that the client holds to a file of the catalog. It returns nil if the version is not
// archived as one of the file's scope, or the delta is not ready.
func (t *Tree) Delta(ctx context.Context, catalog *Catalog, file *File, held deltas.Digest) *deltas.Delta {
	pair := deltas.Pair{From: held, To: file.digest}
	if t.deltas == nil || held == file.digest {
		return nil
	}
	if delta := t.deltas.Made(pair); delta != nil {
		return delta
	}
	scope, ok := file.DeltaScope()
	if !ok {
		return nil
	}
	if !t.isHeld(held, scope) {
		return nil
	}
	return t.deltas.Get(ctx, pair, t.deltaSource(catalog, file, scope))
}

// isHeld reports whether the archive holds a version of a scope.
func (t *Tree) isHeld(version deltas.Digest, scope DeltaScope) bool {
	_, _, found := t.Config.Archive.Holding(version, scope.holds)
	return found
}

// MadeDelta is Delta for an explanation: it makes none.
func (t *Tree) MadeDelta(file *File, held deltas.Digest) *deltas.Delta {
	if t.deltas == nil {
		return nil
	}
	return t.deltas.Made(deltas.Pair{From: held, To: file.digest})
}

// DeltasTo returns the deltas to a file that are held in memory, the smallest first.
func (t *Tree) DeltasTo(file *File) []*deltas.Delta {
	if t.deltas == nil {
		return nil
	}
	return t.deltas.MadeTo(file.digest)
}

// DeltaSize returns the number of deltas that are held in memory, and their bytes.
func (t *Tree) DeltaSize() (count int, bytes int64) {
	if t.deltas == nil {
		return 0, 0
	}
	return t.deltas.Size()
}

// deltaSource reads the contents of a pair from the archive and from the catalog.
func (t *Tree) deltaSource(catalog *Catalog, file *File, scope DeltaScope) deltas.Source {
	return func(pair deltas.Pair) (from, to []byte, err error) {
		if from, err = t.readHeld(pair.From, scope); err != nil {
			return nil, nil, err
		}
		to, err = file.whole(catalog, new([]byte))
		return from, to, err
	}
}

func (t *Tree) readHeld(held deltas.Digest, scope DeltaScope) ([]byte, error) {
	name, version, found := t.Config.Archive.Holding(held, scope.holds)
	if !found {
		return nil, deltas.ErrGone
	}
	content, found := t.Config.Archive.Get(name, version)
	if !found {
		return nil, deltas.ErrGone
	}
	defer content.Close()
	if content.SHA256 != held || content.Size > deltas.MaxSize {
		return nil, deltas.ErrGone
	}
	from := make([]byte, content.Size)
	_, err := io.ReadFull(content, from)
	return from, err
}

// dictionaryField is the field Use-As-Dictionary for a URL path. It has no values if the path cannot be named.
type dictionaryField struct {
	urlPath string
	values  []string
}

// UseAsDictionary returns the field by which a client keeps the file as a dictionary. urlPath is the escaped path that the client
// requested. It returns nil if the file has no deltas.
func (f *File) UseAsDictionary(urlPath string) []string {
	if known := f.dictionary.Load(); known != nil && known.urlPath == urlPath {
		return known.values
	}
	made := &dictionaryField{urlPath: strings.Clone(urlPath)}
	if scope, ok := f.urlScope(urlPath); ok {
		if field, ok := scope.UseAsDictionary(f.ContentType[0]); ok {
			made.values = []string{field}
		}
	}
	f.dictionary.Store(made)
	return made.values
}

// urlScope is the scope of the file in URL paths.
func (f *File) urlScope(urlPath string) (deltas.Scope, bool) {
	scope, ok := f.DeltaScope()
	if !ok || scope.Query {
		return deltas.Scope{Before: urlPath, Query: true}, ok
	}
	version := f.Path[len(scope.Before) : len(f.Path)-len(scope.After)]
	at := strings.LastIndex(urlPath, version)
	if at < 0 {
		return deltas.Scope{}, false
	}
	return deltas.Scope{Before: urlPath[:at], After: urlPath[at+len(version):]}, true
}

// NoteDictionary notes that a client was asked to keep the file as a dictionary.
func (f *File) NoteDictionary() { f.dictionaries.Add(1) }

// servedVersion is a version that clients were asked to keep.
type servedVersion struct {
	digest deltas.Digest
	count  int64
}

// preparedVersions is for how many earlier versions of a file deltas are made before they are requested.
const preparedVersions = 3

// noteServed notes which versions clients hold. It keeps the current version, which the next deploy replaces, and of the
// archived ones those that most clients hold, the newest first.
func (t *Tree) noteServed(catalog *Catalog) {
	for file := range catalog.forms() {
		scope, ok := file.DeltaScope()
		count := file.dictionaries.Load()
		if !ok || count == 0 {
			continue
		}
		var earlier []servedVersion
		for _, known := range t.served[scope] {
			if known.digest == file.digest {
				count = max(count, known.count)
			} else if t.isHeld(known.digest, scope) {
				earlier = append(earlier, known)
			}
		}
		slices.SortStableFunc(earlier, func(a, b servedVersion) int { return cmp.Compare(b.count, a.count) })
		versions := append([]servedVersion{{file.digest, count}}, earlier...)
		t.served[scope] = versions[:min(len(versions), preparedVersions)]
	}
}

// prepareDeltas makes the deltas of a new catalog, in the background, from the versions that most clients hold. It stops the
// making of those of an older catalog.
func (t *Tree) prepareDeltas(previous, next *Catalog) {
	if t.deltas == nil || previous == nil {
		return
	}
	t.noteServed(previous)
	if t.stopDeltas != nil {
		t.stopDeltas()
	}
	ctx, cancel := context.WithCancel(t.ctx)
	t.stopDeltas = cancel
	type job struct {
		file  *File
		scope DeltaScope
		servedVersion
	}
	var jobs []job
	served := make(map[DeltaScope][]servedVersion)
	for file := range next.forms() {
		scope, ok := file.DeltaScope()
		if !ok || t.served[scope] == nil {
			continue
		}
		served[scope] = t.served[scope]
		for _, version := range served[scope] {
			if version.digest != file.digest {
				jobs = append(jobs, job{file, scope, version})
			}
		}
	}
	t.served = served // without files that are gone
	slices.SortStableFunc(jobs, func(a, b job) int { return cmp.Compare(b.count, a.count) })
	t.background.Go(func() {
		for _, j := range jobs {
			if ctx.Err() != nil {
				return
			}
			t.deltas.Prepare(ctx, deltas.Pair{From: j.digest, To: j.file.digest}, t.deltaSource(next, j.file, j.scope))
		}
	})
}
