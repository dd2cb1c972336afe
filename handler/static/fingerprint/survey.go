package fingerprint

import (
	"encoding/base64"
	"iter"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"
)

// Survey is what the manifests of a tree, and the marks of frameworks in it, say about its files. It is immutable.
type Survey struct {
	manifests   []placedManifest
	listed      map[string][]*placedManifest // by the paths that they list, in the order of manifests
	directories map[string]directory         // by path
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
	// Named reports a manifest that the operator named. Any other speaks only for files below its own directory: it may be an
	// upload.
	Named bool
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

// NewSurvey compares manifests with a tree. Its work is linear in the size of both.
func NewSurvey(tree Tree, manifests []ManifestFile) *Survey {
	s := &Survey{directories: markedDirectories(tree), listed: make(map[string][]*placedManifest)}
	times := newTimeline(tree)
	for _, m := range manifests {
		s.manifests = append(s.manifests, place(m, tree, times))
	}
	for i := range s.manifests {
		m := &s.manifests[i]
		for path := range m.outputs {
			s.listed[path] = append(s.listed[path], m)
		}
		for path := range m.versions {
			if _, inName := m.outputs[path]; !inName {
				s.listed[path] = append(s.listed[path], m)
			}
		}
	}
	return s
}

// Judge says what is known of a file's name.
func (s *Survey) Judge(f File) Finding {
	if f.Proof != (Proof{}) {
		return Finding{Evidence: ByDigest, Detail: "the name holds the file's " + f.Proof.Convention}
	}
	var evidence, doubt Finding
	for _, m := range s.listed[f.Path] {
		switch finding := m.judge(f); {
		case finding.Doubt == OtherBytes:
			return finding
		case finding.Doubt != NoDoubt:
			doubt = finding
		case evidence == Finding{}:
			evidence = finding
		}
	}
	switch {
	case evidence != Finding{}:
		return evidence
	case doubt != Finding{}:
		return doubt
	}
	for above := range directoriesAbove(f.Path) {
		if d, marked := s.directories[above]; marked && d.admits(f.Path) {
			return Finding{Evidence: ByDirectory, Detail: d.framework + " keeps versioned files in " + d.path}
		}
	}
	return Finding{}
}

// ListedBy are the paths of the manifests that speak of the file.
func (s *Survey) ListedBy(path string) []string {
	var by []string
	for _, m := range s.listed[path] {
		by = append(by, m.Path)
	}
	return by
}

// Versions are what the manifests give the file as versions for its query.
func (s *Survey) Versions(path string) []string {
	var versions []string
	for _, m := range s.listed[path] {
		if version := m.versions[path]; version != "" {
			versions = append(versions, version)
		}
	}
	return versions
}

// JudgeVersion says what the manifests know of a version in the query, for what Content.ProveToken does not prove.
func (s *Survey) JudgeVersion(f File, token string) Finding {
	for _, m := range s.listed[f.Path] {
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

func place(m ManifestFile, tree Tree, times *timeline) placedManifest {
	p := placedManifest{ManifestFile: m, until: times.writtenUntil(m.Written)}
	outside := strings.HasPrefix(m.Path, "/") || strings.HasPrefix(m.Path, "..")
	own := ""
	if base := ManifestBase(m.Path); base != "." && !outside {
		own = base + "/"
	}
	if m.format.placed != fromWhole {
		p.base = own
	}
	p.outputs = relocate(m.Outputs, &p, tree)
	p.versions = relocate(m.Versions, &p, tree)
	if !m.Named {
		keepBelow(p.outputs, own)
		keepBelow(p.versions, own)
	}
	return p
}

// keepBelow deletes the paths that are not below a directory.
func keepBelow[T any](paths map[string]T, directory string) {
	maps.DeleteFunc(paths, func(path string, _ T) bool { return !strings.HasPrefix(path, directory) })
}

// relocate translates the paths of a manifest to paths of the tree. Of the paths that count by their end, only those that are found
// stay.
func relocate[T any](paths map[string]T, m *placedManifest, tree Tree) map[string]T {
	located := make(map[string]T, len(paths))
	for p, value := range paths {
		if m.format.placed != byEnd {
			located[m.base+p] = value
		} else if found, ok := m.findByEnd(p, tree); ok {
			located[found] = value
		}
	}
	return located
}

// maxPrefix is how many directories a URL prefix or a build may have before the paths of the tree begin.
const maxPrefix = 8

// findByEnd removes directories from the front of a path until it is the path of a file, below the manifest's directory or, if the
// operator named the manifest, below the root.
func (m *placedManifest) findByEnd(p string, tree Tree) (string, bool) {
	bases := []string{m.base}
	if m.Named && m.base != "" {
		bases = append(bases, "")
	}
	for _, base := range bases {
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

// timeline is when the files of a tree were written.
type timeline struct {
	times []time.Time // in order
	ends  []time.Time // of the build or the copy that wrote at each of them
}

func newTimeline(tree Tree) *timeline {
	t := new(timeline)
	for _, at := range tree.Files() {
		t.times = append(t.times, at)
	}
	slices.SortFunc(t.times, time.Time.Compare)
	t.ends = make([]time.Time, len(t.times))
	for i := len(t.times) - 1; i >= 0; i-- {
		t.ends[i] = t.times[i].Add(writingTime)
		if i+1 < len(t.times) && !t.times[i+1].After(t.ends[i]) {
			t.ends[i] = t.ends[i+1]
		}
	}
	return t
}

// writtenUntil is when the build or the copy ended that wrote a manifest. Some tools write the manifest first, and a copy has an
// order of its own, so files of the same build may be newer than the manifest. Then each was written soon after another.
func (t *timeline) writtenUntil(written time.Time) time.Time {
	until := written.Add(writingTime)
	next := sort.Search(len(t.times), func(i int) bool { return t.times[i].After(written) })
	if next < len(t.times) && !t.times[next].After(until) {
		return t.ends[next]
	}
	return until
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
