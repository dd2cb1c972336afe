package fingerprint

import (
	"encoding/base64"
	"iter"
	"maps"
	"path"
	"slices"
	"sort"
	"strings"
	"time"
)

// Survey is the evidence about the files of a tree: its manifests, and the directories of frameworks. It is immutable.
type Survey struct {
	manifests   []locatedManifest
	listed      map[string][]*locatedManifest // by the paths that they list, in the order of manifests
	directories map[string]directory          // by path
}

// Tree is a directory of files. Paths are relative to its root, with slashes.
type Tree interface {
	Has(path string) bool
	// Files yields the path and the modification time of each file.
	Files() iter.Seq2[string, time.Time]
}

// ManifestFile is a manifest with its path and modification time. The path of a manifest outside the tree begins with a slash or
// with two dots.
type ManifestFile struct {
	*Manifest
	Path    string
	Written time.Time
	// Named is true if the operator named the manifest.
	Named bool
}

// File is one file of the tree.
type File struct {
	Path    string
	Size    int64
	Written time.Time
	// Proof is the result of ProveName for the path.
	Proof Proof
	// Content is nil if the content is not in memory. Then only the age of a manifest can contradict the manifest.
	Content *Content
	// ChangedUnder are the paths of the manifests that stayed the same while the content changed.
	ChangedUnder []string
}

// Evidence is the reason why a name, or a version in the query, identifies the content.
type Evidence string

// The kinds of evidence.
const (
	NoEvidence  Evidence = ""
	ByDigest    Evidence = "digest"
	ByManifest  Evidence = "manifest"
	ByDirectory Evidence = "directory"
)

// Doubt is the reason why apparent evidence does not count.
type Doubt string

// The doubts.
const (
	NoDoubt Doubt = ""
	// ManifestOlder: the file was written after the manifest.
	ManifestOlder Doubt = "manifest_older"
	// ChangedUnderManifest: the file was seen to change after the manifest, whatever the modification times are.
	ChangedUnderManifest Doubt = "changed_under_manifest"
	// MayBeUpload: the manifest is neither named by the operator nor in a hidden directory.
	MayBeUpload Doubt = "may_be_upload"
	// OtherBytes: the version is certainly one of other content.
	OtherBytes Doubt = "other_bytes"
)

// Finding is the evidence for one file, or the doubt. Detail explains it in a sentence.
type Finding struct {
	Evidence Evidence
	Doubt    Doubt
	Detail   string
}

// NewSurvey compares manifests with a tree. Its work is linear in the size of both.
func NewSurvey(tree Tree, manifests []ManifestFile) *Survey {
	s := &Survey{directories: markedDirectories(tree), listed: make(map[string][]*locatedManifest)}
	times := newTimeline(tree)
	for _, m := range manifests {
		s.manifests = append(s.manifests, locateManifest(m, tree, times))
	}
	for i := range s.manifests {
		m := &s.manifests[i]
		for file := range m.outputs {
			s.listed[file] = append(s.listed[file], m)
		}
		for file := range m.versions {
			if _, inName := m.outputs[file]; !inName {
				s.listed[file] = append(s.listed[file], m)
			}
		}
	}
	return s
}

// Judge returns the evidence for the name of a file.
func (s *Survey) Judge(f File) Finding {
	if f.Proof != (Proof{}) {
		return Finding{Evidence: ByDigest, Detail: "the name holds the file's " + f.Proof.Convention}
	}
	var evidence, doubt, upload Finding
	for _, m := range s.listed[f.Path] {
		switch finding := m.judge(f); {
		case finding.Doubt == OtherBytes:
			return finding
		case finding.Doubt == MayBeUpload:
			upload = finding
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
		if d, marked := s.directories[above]; marked && d.isVersioned(f.Path) {
			return Finding{Evidence: ByDirectory, Detail: d.framework + " keeps versioned files in " + d.path}
		}
	}
	return upload // it denies no other evidence
}

// ListedBy returns the paths of the manifests that list a file.
func (s *Survey) ListedBy(path string) []string {
	var by []string
	for _, m := range s.listed[path] {
		by = append(by, m.Path)
	}
	return by
}

// Versions returns the versions that manifests give for the query of a file.
func (s *Survey) Versions(path string) []string {
	var versions []string
	for _, m := range s.listed[path] {
		if version := m.versions[path]; version != "" {
			versions = append(versions, version)
		}
	}
	return versions
}

// JudgeVersion returns the evidence of manifests for a version in the query. Call it if Content.ProveToken does not prove the
// version.
func (s *Survey) JudgeVersion(f File, token string) Finding {
	for _, m := range s.listed[f.Path] {
		if m.versions[f.Path] == token && token != "" {
			return m.compare(f, Output{}, token)
		}
	}
	return Finding{}
}

// locatedManifest is a manifest with paths of the tree.
type locatedManifest struct {
	ManifestFile
	base     string // "" for the root, otherwise with a final slash
	outputs  map[string]Output
	versions map[string]string
	until    time.Time // when the build ended: files that were written later belong to other builds
}

// mayBeUpload reports a manifest that users may have uploaded: the operator did not name it, and it is not in a hidden directory such
// as .vite/. A file name with a dot in front is no sign, since Django keeps such names of uploads.
func (m ManifestFile) mayBeUpload() bool {
	directory := path.Dir(m.Path)
	return !m.Named && (directory == "." || !strings.HasPrefix(path.Base(directory), "."))
}

func locateManifest(m ManifestFile, tree Tree, times *timeline) locatedManifest {
	p := locatedManifest{ManifestFile: m, until: times.endOfBuild(m.Written)}
	outside := strings.HasPrefix(m.Path, "/") || strings.HasPrefix(m.Path, "..")
	own := ""
	if base := ManifestBase(m.Path); base != "." && !outside {
		own = base + "/"
	}
	if m.format.base != treeBase {
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

// relocate converts the paths of a manifest to paths of the tree. If only the ends of paths count, paths without a file are removed.
func relocate[T any](paths map[string]T, m *locatedManifest, tree Tree) map[string]T {
	located := make(map[string]T, len(paths))
	for p, value := range paths {
		if m.format.base != anyBase {
			located[m.base+p] = value
		} else if found, ok := m.findByEnd(p, tree); ok {
			located[found] = value
		}
	}
	return located
}

// maxPrefix bounds the number of directories in a URL prefix or in a directory of the build.
const maxPrefix = 8

// findByEnd removes directories from the front of a path until it is the path of a file, below the manifest's directory or, if the
// operator named the manifest, below the root.
func (m *locatedManifest) findByEnd(p string, tree Tree) (string, bool) {
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

// maxPause is the longest pause between two writes of one build or one copy.
const maxPause = 2 * time.Second

// timeline holds the modification times of the files of a tree.
type timeline struct {
	times []time.Time // sorted
	ends  []time.Time // for each time: the end of the build or the copy that wrote the file
}

func newTimeline(tree Tree) *timeline {
	t := new(timeline)
	for _, at := range tree.Files() {
		t.times = append(t.times, at)
	}
	slices.SortFunc(t.times, time.Time.Compare)
	t.ends = make([]time.Time, len(t.times))
	for i := len(t.times) - 1; i >= 0; i-- {
		t.ends[i] = t.times[i].Add(maxPause)
		if i+1 < len(t.times) && !t.times[i+1].After(t.ends[i]) {
			t.ends[i] = t.ends[i+1]
		}
	}
	return t
}

// endOfBuild returns the end of the build or the copy that wrote a manifest. Files of the same build may be newer than the manifest,
// since some tools write the manifest first and a copy has an order of its own. Each of these files was written soon after another.
func (t *timeline) endOfBuild(written time.Time) time.Time {
	until := written.Add(maxPause)
	next := sort.Search(len(t.times), func(i int) bool { return t.times[i].After(written) })
	if next < len(t.times) && !t.times[next].After(until) {
		return t.ends[next]
	}
	return until
}

// judge returns the evidence of the manifest for a file.
func (m *locatedManifest) judge(f File) Finding {
	if output, listed := m.outputs[f.Path]; listed {
		return m.compare(f, output, "")
	}
	version, listed := m.versions[f.Path]
	if !listed {
		return Finding{}
	}
	// The version is in the query. It is no evidence for the name without a query, but it may cause a doubt.
	if finding := m.compare(f, Output{}, version); finding.Doubt == OtherBytes {
		return finding
	}
	return Finding{}
}

// compare compares an entry of the manifest with the file. The version is empty if it is in the name.
func (m *locatedManifest) compare(f File, output Output, version string) Finding {
	switch {
	case m.contradicts(f, output, version):
		return Finding{Doubt: OtherBytes, Detail: m.Path + " lists it with a version that is of other bytes"}
	case slices.Contains(f.ChangedUnder, m.Path):
		return Finding{Doubt: ChangedUnderManifest, Detail: m.Path + " lists it, but did not change with the file"}
	case f.Written.After(m.until):
		return Finding{Doubt: ManifestOlder, Detail: m.Path + " lists it, but is older than the file"}
	case m.format.hashesSources, output.sharesToken:
		return Finding{} // the next build may use the same name for other content
	case m.mayBeUpload():
		return Finding{Doubt: MayBeUpload, Detail: m.Path + " lists it, but may be an upload: name it with `manifest`, or the files with `immutable`"}
	default:
		return Finding{Evidence: ByManifest, Detail: m.Path + " lists it as a versioned output"}
	}
}

// contradicts reports whether the entry is certainly one of other content.
func (m *locatedManifest) contradicts(f File, output Output, version string) bool {
	if output.Size > 0 && output.Size != f.Size {
		return true
	}
	if f.Content == nil {
		return false
	}
	if sum, ok := integritySum(f.Content, output.Integrity); ok {
		return !strings.HasSuffix(output.Integrity, "-"+sum)
	}
	return m.format.contradicts != nil && m.format.contradicts(f.Path, version, f.Content)
}

// integritySum returns the digest of the content by the algorithm of an integrity attribute.
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
