package tree

import (
	"io"

	"github.com/scan2food/usher/handler/static/fingerprint"
	"github.com/scan2food/usher/handler/static/ledger"
)

// Ledger detects versions that stay in use after the content changed.
type Ledger interface {
	// Observe records a request for a file by a version that nothing proves.
	Observe(ledger.Observation)
	// ObserveName records a file whose name holds the hash of other content, and how that is known.
	ObserveName(path string, digest ledger.Digest, why string)
	// IsStale reports whether a version was found stale. The version "" is that in the name.
	IsStale(path, version string) bool
}

// Outdated says that a version in the query was proved of other bytes, which are not archived any more. It is the opposite of
// evidence.
const Outdated EvidenceKind = "outdated"

// OutdatedEvidence is the value of kind [Outdated].
var OutdatedEvidence = Evidence{Outdated, "the version was that of other bytes, which are not kept any more"}

// HasVersionInQuery reports a file whose version, if any, is in the query.
func (f *File) HasVersionInQuery() bool {
	return f.Evidence.Kind == NoEvidence && !f.IsManifest && !IsHTML(f.ContentType)
}

// reportStaleNames records files whose names hold the hash of other content: a manifest says so, or the file had it before.
func (t *Tree) reportStaleNames(previous, next *Catalog) {
	if t.Config.Ledger == nil {
		return
	}
	for file := range next.All() {
		if why := t.otherContent(previous, file); why != "" {
			t.Config.Ledger.ObserveName(file.Path, file.digest, why)
		}
	}
}

func (t *Tree) otherContent(previous *Catalog, file *File) (why string) {
	switch {
	case file.Denied.Doubt == fingerprint.OtherBytes:
		return file.Denied.Detail
	case file.Evidence.Kind != NoEvidence:
		return ""
	case previous != nil && previous.files[file.Path] != nil && previous.files[file.Path].Evidence.Kind == ByDigest:
		return "it was the digest of the bytes that the file had before"
	case t.wasProvedOf(file):
		return "it was the digest of the bytes that are kept of the file"
	default:
		return ""
	}
}

// wasProvedOf reports a file that is archived with other bytes under its name alone, as a file whose name is a version.
func (t *Tree) wasProvedOf(file *File) bool {
	if t.Config.Archive == nil || t.Config.Ledger.IsStale(file.Path, "") {
		return false
	}
	content, found := t.Earlier(file.Path, "")
	if !found {
		return false
	}
	defer content.Close()
	if content.Size > maxProved || content.SHA256 == file.digest {
		return false
	}
	bytes, err := io.ReadAll(content)
	if err != nil {
		return false
	}
	_, proved := fingerprint.Of(bytes).ProveName(file.Path)
	return proved
}
