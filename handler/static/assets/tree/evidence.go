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
	identity identity
	err      error // why it is no manifest, or cannot be read
}

// isManifest reports a build manifest for servers. A manifest that is a script is for browsers.
func (e *entry) isManifest() bool {
	return path.Ext(e.path) != ".js" && (e.manifest || fingerprint.IsBuildList(e.path))
}

// walkedTree is the result of a walk, in the order of the paths.
type walkedTree []entry

func (t walkedTree) Has(path string) bool {
	found := t.find(path)
	return found != nil && !found.hidden
}

// find returns the entry of a path, or nil.
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

// readManifests reads the files that look like manifests. A manifest that cannot be read is reported, and is no evidence.
func (s *scanner) readManifests(entries []entry) error {
	var placed []fingerprint.ManifestFile
	s.manifestsRead = make(map[string]manifestFile)
	for i := range entries {
		if !entries[i].manifest {
			continue
		}
		m, err := s.readManifest(&entries[i])
		if !errors.Is(err, errChanging) {
			m.identity, m.err = entries[i].identity, err
			s.manifestsRead[entries[i].path] = m
		}
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
			s.report(m.path, fmt.Errorf("%d paths of the manifest leave its directory; ignored", m.manifest.Escapes))
		}
		s.manifests = append(s.manifests, m)
		placed = append(placed, fingerprint.ManifestFile{Manifest: m.manifest, Path: m.path, Written: m.written, Named: s.named})
	}
	s.survey = fingerprint.NewSurvey(walkedTree(entries), placed)
	return nil
}

func (s *scanner) readManifest(e *entry) (manifestFile, error) {
	if known := s.readBefore(e); known != nil {
		return *known, known.err
	}
	s.parses++
	if e.identity.size > fingerprint.MaxManifest {
		return manifestFile{}, fmt.Errorf("manifest too large: want at most %d bytes, got %d", fingerprint.MaxManifest, e.identity.size)
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
	return manifestFile{path: e.path, digest: sha256.Sum256(content), written: e.identity.modTime, manifest: manifest}, err
}

// openManifest opens a manifest below the root, or by its absolute path if the operator named it.
func (s *scanner) openManifest(e *entry) (*os.File, error) {
	if e.outside == "" {
		return s.open(e)
	}
	f, err := os.OpenFile(e.outside, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, errChanging // removed since the walk
	}
	return f, nil
}

func sameManifests(a, b []manifestFile) bool {
	return slices.EqualFunc(a, b, func(a, b manifestFile) bool {
		return a.path == b.path && a.digest == b.digest && a.written.Equal(b.written)
	})
}

// noteChange notes the manifests that stayed the same while the bytes of the file changed. They say nothing of the new bytes.
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

// judgement is the evidence of a file's path, and the versions that manifests give it.
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
		finding = f.Denied // found when the bytes were in memory
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

// judged sets the judgement of a file.
func (f *File) judged(j judgement) *File {
	f.Evidence, f.Denied, f.listedVersions = j.evidence, j.denied, j.versions
	return f
}

// is reports whether the file has this judgement already.
func (j judgement) is(f *File) bool {
	return j.evidence == f.Evidence && j.denied == f.Denied && slices.Equal(j.versions, f.listedVersions)
}

// unaware returns the paths of the manifests that say nothing of the file's current bytes.
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
