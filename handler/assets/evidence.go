package assets

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/scan2food/usher/handler/fingerprint"
)

// manifestFile is a build manifest, the file that it was read from, and what it says of this tree.
type manifestFile struct {
	file     *File
	manifest *fingerprint.Manifest
	survey   *fingerprint.Survey
}

// scannedTree is the files of a scan, for the manifests to be held against.
type scannedTree map[string]*File

func (t scannedTree) Has(path string) bool { return t[path] != nil }

func (t scannedTree) Files() iter.Seq2[string, time.Time] {
	return func(yield func(string, time.Time) bool) {
		for path, file := range t {
			if !yield(path, file.identity.modTime) {
				return
			}
		}
	}
}

// readManifests reads what looks like a manifest. One that cannot be read is reported, and is no evidence.
func (s *scanner) readManifests() []manifestFile {
	var manifests []manifestFile
	for _, p := range s.manifests {
		file := s.files[p]
		if file.Content == nil {
			s.report(p, errors.New("the manifest is too large"))
			continue
		}
		manifest, err := fingerprint.ReadManifest(p, file.Content)
		if errors.Is(err, fingerprint.ErrNoManifest) {
			continue
		}
		if err != nil {
			s.report(p, err)
			continue
		}
		if manifest.Escapes > 0 {
			s.report(p, fmt.Errorf("%d paths of the manifest leave its directory, and are not believed", manifest.Escapes))
		}
		survey := fingerprint.NewSurvey(scannedTree(s.files), []fingerprint.ManifestFile{
			{Manifest: manifest, Path: p, Written: file.identity.modTime},
		})
		manifests = append(manifests, manifestFile{file, manifest, survey})
	}
	return manifests
}

// noteChange remembers bytes that were changed in place under a manifest that was not: it knew nothing of them.
func (c *Catalog) noteChange(f *File, previous *Catalog) {
	if previous == nil {
		return
	}
	old := previous.files[f.Path]
	if old == nil || old.source().digest == f.digest {
		return
	}
	for _, m := range c.manifests {
		before := previous.files[m.file.Path]
		if m.lists(f) && before != nil && before.digest == m.file.digest {
			f.changedUnder = m.file.digest
		}
	}
}

// evidence is what the path of a file proves of its bytes.
func (c *Catalog) evidence(f *File) Evidence {
	if f.proof.Kind != NoEvidence {
		return f.proof
	}
	if f.fingerprint == nil && f.contradicted {
		return Evidence{} // found while the bytes were here
	}
	f.contradicted = false
	for _, m := range c.manifests {
		if f.changedUnder == m.file.digest {
			continue
		}
		finding := m.survey.Judge(fingerprint.File{
			Path: f.Path, Size: f.Size, Written: f.identity.modTime, Content: f.fingerprint,
		})
		if finding.Evidence != fingerprint.NoEvidence {
			return Evidence{EvidenceKind(finding.Evidence), finding.Detail}
		}
		if finding.Doubt == fingerprint.OtherBytes {
			f.contradicted = true
			return Evidence{}
		}
	}
	return Evidence{}
}

func (m manifestFile) lists(f *File) bool {
	finding := m.survey.Judge(fingerprint.File{Path: f.Path, Size: f.Size})
	return finding.Evidence == fingerprint.ByManifest || finding.Doubt != fingerprint.NoDoubt
}

func sumReader(r io.Reader) (digest [sha256.Size]byte, size int64, err error) {
	sum := sha256.New()
	size, err = io.Copy(sum, r)
	return [sha256.Size]byte(sum.Sum(nil)), size, err
}
