package fingerprint

import (
	"encoding/base64"
	"iter"
	"slices"
	"strings"
	"time"
)

// Survey is what the manifests of a tree, and the marks of frameworks in it, say about its files. It is immutable.
type Survey struct {
	manifests   []placedManifest
	directories []directory
}

// Tree is a directory of files. Paths are relative to its root, with slashes.
type Tree interface {
	Has(path string) bool
	// Files yields every path, and when the file was written.
	Files() iter.Seq2[string, time.Time]
}

// ManifestFile is a manifest, where it stands in the tree (or outside, by a path that begins with a slash or with ..),
// and when it was written.
type ManifestFile struct {
	*Manifest
	Path    string
	Written time.Time
}

// File is one file of the tree.
type File struct {
	Path    string
	Size    int64
	Written time.Time
	// Proof is what ProveName said of the path.
	Proof Proof
	// Content may be nil where the bytes are not at hand: then nothing can be held against a manifest but its age.
	Content *Content
	// ChangedUnder are the manifests, by path, that stayed the same while the bytes were changed.
	ChangedUnder []string
}

// Evidence is why a name, or a version in the query, may be trusted to be of these bytes.
type Evidence string

// The kinds of evidence.
const (
	NoEvidence  Evidence = ""
	ByDigest    Evidence = "digest"
	ByManifest  Evidence = "manifest"
	ByDirectory Evidence = "directory"
)

// Doubt is why something that looked like evidence is none.
type Doubt string

// The doubts.
const (
	NoDoubt Doubt = ""
	// ManifestOlder: the file was written after the manifest, which can know nothing of it.
	ManifestOlder Doubt = "manifest_older"
	// ChangedUnderManifest: the file was written after the manifest, as was seen, whatever their dates say.
	ChangedUnderManifest Doubt = "changed_under_manifest"
	// OtherBytes: the version is provably of other bytes.
	OtherBytes Doubt = "other_bytes"
)

// Finding is the evidence for one file, or the doubt. Detail says it in a sentence.
type Finding struct {
	Evidence Evidence
	Doubt    Doubt
	Detail   string
}

// NewSurvey holds manifests against a tree.
func NewSurvey(tree Tree, manifests []ManifestFile) *Survey {
	s := &Survey{directories: markedDirectories(tree)}
	for _, m := range manifests {
		s.manifests = append(s.manifests, place(m, tree))
	}
	return s
}

// Judge says what is known of a file's name.
func (s *Survey) Judge(f File) Finding {
	if f.Proof != (Proof{}) {
		return Finding{Evidence: ByDigest, Detail: "the name holds the file's " + f.Proof.Convention}
	}
	var doubtful Finding
	for i := range s.manifests {
		finding := s.manifests[i].judge(f)
		if finding.Evidence != NoEvidence || finding.Doubt == OtherBytes {
			return finding
		}
		if finding.Doubt != NoDoubt {
			doubtful = finding
		}
	}
	if doubtful.Doubt != NoDoubt {
		return doubtful
	}
	for _, d := range s.directories {
		if d.admits(f.Path) {
			return Finding{Evidence: ByDirectory, Detail: d.framework + " keeps versioned files in " + d.path}
		}
	}
	return Finding{}
}

// ListedBy are the paths of the manifests that speak of the file.
func (s *Survey) ListedBy(path string) []string {
	var by []string
	for i := range s.manifests {
		if s.manifests[i].lists(path) {
			by = append(by, s.manifests[i].Path)
		}
	}
	return by
}

// Versions are what the manifests give the file as versions for its query.
func (s *Survey) Versions(path string) []string {
	var versions []string
	for i := range s.manifests {
		if version := s.manifests[i].versions[path]; version != "" {
			versions = append(versions, version)
		}
	}
	return versions
}

// JudgeVersion says what the manifests know of a version in the query, for what Content.ProveToken does not prove.
func (s *Survey) JudgeVersion(f File, token string) Finding {
	for i := range s.manifests {
		m := &s.manifests[i]
		if m.versions[f.Path] == token && token != "" {
			return m.hold(f, Output{}, token)
		}
	}
	return Finding{}
}

// placedManifest is a manifest whose paths are those of the tree.
type placedManifest struct {
	ManifestFile
	base     string // "" for the root, otherwise with a final slash
	outputs  map[string]Output
	versions map[string]string
	until    time.Time // a file that was written later is not of its build
}

func place(m ManifestFile, tree Tree) placedManifest {
	p := placedManifest{ManifestFile: m, until: writtenUntil(m.Written, tree)}
	outside := strings.HasPrefix(m.Path, "/") || strings.HasPrefix(m.Path, "..")
	if base := ManifestBase(m.Path); base != "." && !outside && m.format.placed != fromWhole {
		p.base = base + "/"
	}
	p.outputs = relocate(m.Outputs, m.format.placed, p.base, tree)
	p.versions = relocate(m.Versions, m.format.placed, p.base, tree)
	return p
}

// relocate makes the paths of a manifest those of the tree. Of the ones that count by their end, only those are kept
// that are found.
func relocate[T any](paths map[string]T, placed placement, base string, tree Tree) map[string]T {
	if placed != byEnd && base == "" {
		return paths
	}
	located := make(map[string]T, len(paths))
	for p, value := range paths {
		if placed != byEnd {
			located[base+p] = value
		} else if found, ok := findByEnd(p, base, tree); ok {
			located[found] = value
		}
	}
	return located
}

// maxPrefix is how many directories a URL prefix or a build may have before the paths of the tree begin.
const maxPrefix = 8

// findByEnd drops directories from the front of a path until it is that of a file, beside the manifest or in the tree.
func findByEnd(p, base string, tree Tree) (string, bool) {
	for _, base := range slices.Compact([]string{base, ""}) {
		for rest, dropped := p, 0; rest != "" && dropped <= maxPrefix; dropped++ {
			if tree.Has(base + rest) {
				return base + rest, true
			}
			_, rest, _ = strings.Cut(rest, "/")
		}
	}
	return "", false
}

// writingTime is how long nothing may be written within one build or one copy.
const writingTime = 2 * time.Second

// writtenUntil is when the build or the copy ended that wrote the manifest. Some tools write it first, and a copy has
// an order of its own, so that files which belong to it may be later: but then one came close upon the other.
func writtenUntil(written time.Time, tree Tree) time.Time {
	var later []time.Time
	for _, at := range tree.Files() {
		if at.After(written) {
			later = append(later, at)
		}
	}
	slices.SortFunc(later, time.Time.Compare)
	until := written.Add(writingTime)
	for _, at := range later {
		if at.After(until) {
			break
		}
		until = at.Add(writingTime)
	}
	return until
}

func (m *placedManifest) lists(path string) bool {
	_, inName := m.outputs[path]
	_, inQuery := m.versions[path]
	return inName || inQuery
}

func (m *placedManifest) judge(f File) Finding {
	if output, listed := m.outputs[f.Path]; listed {
		return m.hold(f, output, "")
	}
	version, listed := m.versions[f.Path]
	if !listed {
		return Finding{}
	}
	// The version is in the query: for the bare name it is no evidence, but it may be a doubt.
	if finding := m.hold(f, Output{}, version); finding.Doubt == OtherBytes {
		return finding
	}
	return Finding{}
}

// hold compares what the manifest says with the file. A version that stands in the query is given; one in the name is not.
func (m *placedManifest) hold(f File, output Output, version string) Finding {
	switch {
	case m.denies(f, output, version):
		return Finding{Doubt: OtherBytes, Detail: m.Path + " lists it with a version that is of other bytes"}
	case slices.Contains(f.ChangedUnder, m.Path):
		return Finding{Doubt: ChangedUnderManifest, Detail: m.Path + " lists it, and stayed the same while the file changed"}
	case f.Written.After(m.until):
		return Finding{Doubt: ManifestOlder, Detail: m.Path + " lists it, but was written before it"}
	case m.format.namesSources, output.ofBuild:
		return Finding{} // as it was written, but under a name that the next build may give other bytes
	default:
		return Finding{Evidence: ByManifest, Detail: m.Path + " lists it as a versioned output"}
	}
}

func (m *placedManifest) denies(f File, output Output, version string) bool {
	if output.Size > 0 && output.Size != f.Size {
		return true
	}
	if f.Content == nil {
		return false
	}
	if sum, ok := integritySum(f.Content, output.Integrity); ok {
		return !strings.HasSuffix(output.Integrity, "-"+sum)
	}
	return m.format.denies != nil && m.format.denies(f.Path, version, f.Content)
}

// integritySum is the digest of the content that an integrity attribute asks for.
func integritySum(c *Content, integrity string) (string, bool) {
	algorithm, _, found := strings.Cut(integrity, "-")
	switch {
	case !found:
		return "", false
	case algorithm == "sha256":
		return base64.StdEncoding.EncodeToString(c.sha256[:]), true
	case algorithm == "sha384":
		return c.sum(sha384Base64)[0], true
	case algorithm == "sha512":
		return c.sum(sha512Base64)[0], true
	default:
		return "", false
	}
}
