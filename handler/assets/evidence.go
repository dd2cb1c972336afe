package assets

import (
	"crypto/sha256"
	"errors"
	"io"
	"strings"

	"github.com/scan2food/usher/handler/fingerprint"
)

// manifestFile is a build manifest and where it stands.
type manifestFile struct {
	file     *File
	base     string // "" for the root, otherwise with a final slash
	manifest *fingerprint.Manifest
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
		manifest, err := fingerprint.ReadManifest(file.Content)
		if errors.Is(err, fingerprint.ErrNoManifest) {
			continue
		}
		if err != nil {
			s.report(p, err)
			continue
		}
		base := fingerprint.ManifestBase(p)
		if base == "." {
			base = ""
		} else {
			base += "/"
		}
		manifests = append(manifests, manifestFile{file, base, manifest})
	}
	return manifests
}

// noteChange remembers bytes that were changed in place under a manifest that was not: it knew nothing of them.
func (c *Catalog) noteChange(f *File, previous *Catalog) {
	if previous == nil {
		return
	}
	old := previous.files[f.Path]
	if old == nil || old.digest == f.digest {
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
	for _, m := range c.manifests {
		if m.lists(f) && m.vouches(f) {
			return Evidence{ByManifest, m.file.Path + " lists it as a versioned output"}
		}
	}
	return Evidence{}
}

func (m manifestFile) lists(f *File) bool {
	relative, below := strings.CutPrefix(f.Path, m.base)
	_, listed := m.manifest.Outputs[relative]
	return below && listed
}

// vouches holds the manifest against the file: it must not be older, the file must not have been changed under it, and
// Django's names must be true.
func (m manifestFile) vouches(f *File) bool {
	if m.manifest.Kind == "django" && f.contradicted || f.changedUnder == m.file.digest {
		return false
	}
	return m.manifest.Vouches(m.file.identity.modTime, f.identity.modTime)
}

func sumReader(r io.Reader) (digest [sha256.Size]byte, size int64, err error) {
	sum := sha256.New()
	size, err = io.Copy(sum, r)
	return [sha256.Size]byte(sum.Sum(nil)), size, err
}
