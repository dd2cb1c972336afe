package tree

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/scan2food/usher/handler/static/fingerprint"
)

// manifestFile is a build manifest, and the file that it was read from.
type manifestFile struct {
	path     string
	digest   [sha256.Size]byte
	written  time.Time
	manifest *fingerprint.Manifest
}

// isManifest reports what a build wrote for servers to read. A script is for browsers, what it says of the others apart.
func (e *entry) isManifest() bool {
	return path.Ext(e.path) != ".js" && (e.manifest || fingerprint.IsManifestName(e.path))
}

// walkedTree is the files of a walk, for the manifests to be held against.
type walkedTree []entry

func (t walkedTree) Has(path string) bool {
	found := t.find(path)
	return found != nil && !found.hidden
}

// find looks a path up. The files are in the order of their paths.
func (t walkedTree) find(path string) *entry {
	i, found := slices.BinarySearchFunc(t, path, func(e entry, path string) int { return strings.Compare(e.path, path) })
	if !found {
		return nil
	}
	return &t[i]
}

func (t walkedTree) Files() iter.Seq2[string, time.Time] {
	return func(yield func(string, time.Time) bool) {
		for i := range t {
			if !t[i].hidden && !yield(t[i].path, t[i].identity.modTime) {
				return
			}
		}
	}
}

// readManifests reads what looks like a manifest. One that cannot be read is reported, and is no evidence.
func (s *scanner) readManifests(entries []entry) error {
	var placed []fingerprint.ManifestFile
	for i := range entries {
		if !entries[i].manifest {
			continue
		}
		m, err := s.readManifest(&entries[i])
		switch {
		case errors.Is(err, errChanging) && !s.partial:
			return err
		case errors.Is(err, errChanging), errors.Is(err, fingerprint.ErrNoManifest):
			continue
		case err != nil:
			s.report(entries[i].path, err)
			continue
		}
		if m.manifest.Escapes > 0 {
			s.report(m.path, fmt.Errorf("%d paths of the manifest leave its directory, and are not believed", m.manifest.Escapes))
		}
		s.manifests = append(s.manifests, m)
		placed = append(placed, fingerprint.ManifestFile{Manifest: m.manifest, Path: m.path, Written: m.written, Named: s.named})
	}
	s.survey = fingerprint.NewSurvey(walkedTree(entries), placed)
	return nil
}

func (s *scanner) readManifest(e *entry) (manifestFile, error) {
	if e.identity.size > fingerprint.MaxManifest {
		return manifestFile{}, fmt.Errorf("want a manifest of at most %d bytes, got %d", fingerprint.MaxManifest, e.identity.size)
	}
	f, err := s.openManifest(e)
	if err != nil {
		return manifestFile{}, err
	}
	defer f.Close()
	content := make([]byte, e.identity.size)
	if _, err := io.ReadFull(f, content); err != nil {
		return manifestFile{}, errChanging
	}
	if after, err := f.Stat(); err != nil || identify(after) != e.identity {
		return manifestFile{}, errChanging
	}
	manifest, err := fingerprint.ReadManifest(e.path, content)
	return manifestFile{e.path, sha256.Sum256(content), e.identity.modTime, manifest}, err
}

// openManifest opens a manifest in the tree through the root, and one that the operator named elsewhere by its path.
func (s *scanner) openManifest(e *entry) (*os.File, error) {
	if e.outside == "" {
		return s.open(e)
	}
	f, err := os.OpenFile(e.outside, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, errChanging // it was there a moment ago
	}
	return f, nil
}

func sameManifests(a, b []manifestFile) bool {
	return slices.EqualFunc(a, b, func(a, b manifestFile) bool {
		return a.path == b.path && a.digest == b.digest && a.written.Equal(b.written)
	})
}

// noteChange remembers the manifests under which bytes were changed in place while they stayed the same: they know
// nothing of the new bytes.
func (s *scanner) noteChange(f *File) {
	old := s.before(f.Path)
	if old == nil {
		return
	}
	f.changedUnder = old.changedUnder
	if old.digest == f.digest {
		return
	}
	for _, m := range s.manifests {
		if slices.ContainsFunc(s.previous.manifests, m.is) && slices.Contains(s.survey.ListedBy(f.Path), m.path) {
			f.changedUnder = append(f.changedUnder[:len(f.changedUnder):len(f.changedUnder)], m.digest)
		}
	}
}

func (m manifestFile) is(other manifestFile) bool {
	return m.path == other.path && m.digest == other.digest
}

// judgement is what a file's path, or a version that a manifest gives it, proves of its bytes.
type judgement struct {
	evidence Evidence
	denied   fingerprint.Finding
	versions []string
}

func (s *scanner) judge(f *File) judgement {
	known := fingerprint.File{
		Path: f.Path, Size: f.Size, Written: f.identity.modTime, Proof: f.proof, Content: f.fingerprint,
		ChangedUnder: s.unaware(f),
	}
	finding := s.survey.Judge(known)
	if f.fingerprint == nil && f.Denied.Doubt == fingerprint.OtherBytes && len(s.survey.ListedBy(f.Path)) > 0 {
		finding = f.Denied // found while the bytes were here
	}
	if finding.Doubt != fingerprint.NoDoubt {
		return judgement{denied: finding}
	}
	judged := judgement{evidence: Evidence{EvidenceKind(finding.Evidence), finding.Detail}}
	for _, version := range s.survey.Versions(f.Path) {
		if s.survey.JudgeVersion(known, version).Evidence == fingerprint.ByManifest {
			judged.versions = append(judged.versions, version)
		}
	}
	return judged
}

// judged is the file with a judgement.
func (f *File) judged(j judgement) *File {
	f.Evidence, f.Denied, f.listedVersions = j.evidence, j.denied, j.versions
	return f
}

// is reports that the file was judged so already.
func (j judgement) is(f *File) bool {
	return j.evidence == f.Evidence && j.denied == f.Denied && slices.Equal(j.versions, f.listedVersions)
}

// unaware are the manifests that know nothing of the file's present bytes, by path.
func (s *scanner) unaware(f *File) []string {
	if len(f.changedUnder) == 0 {
		return nil
	}
	var paths []string
	for _, m := range s.manifests {
		if slices.Contains(f.changedUnder, m.digest) {
			paths = append(paths, m.path)
		}
	}
	return paths
}
