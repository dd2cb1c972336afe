package assets

import (
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/scan2food/usher/handler/static/fingerprint"
)

// Ledger remembers of which bytes a version was.
type Ledger interface {
	// See notes a version that nothing proves, and the digest of the bytes that its path has now. The page refers to it; onPage
	// says that the reference was seen there, and that no request claims it.
	See(path, word, version string, digest [32]byte, page string, onPage bool)
	// Name notes a file whose name holds a version of other bytes, and how that is known.
	Name(path string, digest [32]byte, why string)
	// Proved notes a version that was proved to be of bytes which are not kept.
	Proved(path, version string, digest [32]byte)
	// WasProved reports a version that was proved to be of other bytes.
	WasProved(path, version string, digest [32]byte) bool
	// Lied reports a version that was found to be told of other bytes than before; "" is that in the name.
	Lied(path, version string) bool
}

// Outdated is what is known of a version in the query that was proved of other bytes, which are not kept any more. It is the
// opposite of evidence.
const Outdated EvidenceKind = "outdated"

var outdated = Evidence{Outdated, "the version was that of other bytes, which are not kept any more"}

// outdatedVersion looks for a version in the query that was proved of other bytes.
func (h *Handler) outdatedVersion(r *http.Request, site *Site, file *File) Evidence {
	if site.Ledger == nil {
		return Evidence{}
	}
	for version := range h.versions(r) {
		if site.Ledger.WasProved(file.Path, version, file.digest) {
			return outdated
		}
	}
	return Evidence{}
}

// noteVersion notes the version of a request, which nothing proves.
func (h *Handler) noteVersion(r *http.Request, site *Site, file *File) {
	if site.Ledger == nil || !file.mayLie() {
		return
	}
	for query := r.URL.RawQuery; len(query) > 0; {
		var parameter string
		parameter, query, _ = strings.Cut(query, "&")
		word, version, _ := strings.Cut(parameter, "=")
		if version != "" && slices.Contains(h.VersionQuery, word) {
			site.Ledger.See(file.Path, word, version, file.source().digest, pageOf(r), false)
			return
		}
	}
}

// mayLie reports a file whose version, if there is one, stands in the query.
func (f *File) mayLie() bool {
	return f.Evidence.Kind == NoEvidence && !f.IsManifest && !strings.HasPrefix(f.contentType[0], "text/html")
}

// pageOf is the path of the page of this site that a request comes from, or "". A query may hold secrets: it is left out.
func pageOf(r *http.Request) string {
	referrer := r.Header["Referer"]
	if len(referrer) != 1 {
		return ""
	}
	_, rest, found := strings.Cut(referrer[0], "://")
	if !found {
		return ""
	}
	rest, found = strings.CutPrefix(rest, r.Host)
	if !found || !strings.HasPrefix(rest, "/") {
		return ""
	}
	if end := strings.IndexAny(rest, "?#"); end >= 0 {
		rest = rest[:end]
	}
	return rest
}

// Referred notes that a page refers to a path of a catalog by a version, if that proves nothing.
func (s *Site) Referred(catalog *Catalog, path, word, version, page string) {
	if s.Ledger == nil || catalog == nil {
		return
	}
	file := catalog.Lookup(path)
	if file == nil || !file.mayLie() || file.VersionEvidence(version).Kind != NoEvidence {
		return
	}
	s.Ledger.See(path, word, version, file.source().digest, page, true)
}

// tellNames notes the files whose names hold the version of other bytes: a manifest says so, or they had it before.
func (t *Tree) tellNames(previous, next *Catalog) {
	if t.config.Ledger == nil {
		return
	}
	for file := range next.All() {
		if why := t.falseName(previous, file); why != "" {
			t.config.Ledger.Name(file.Path, file.digest, why)
		}
	}
}

func (t *Tree) falseName(previous *Catalog, file *File) (why string) {
	switch {
	case file.denied.Doubt == fingerprint.OtherBytes:
		return file.denied.Detail
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

// wasProvedOf reports a file that is kept with other bytes under its name alone: as one whose name is a version.
func (t *Tree) wasProvedOf(file *File) bool {
	if t.config.Archive == nil || t.config.Ledger.Lied(file.Path, "") {
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

// explainLie says of a version that it was told of other bytes before.
func (h *Handler) explainLie(e *Explanation, r *http.Request, site *Site, file *File) {
	if site.Ledger == nil || e.Evidence.Kind != NoEvidence {
		return
	}
	if file.denied.Detail == "" && site.Ledger.Lied(file.Path, "") {
		e.Why += ": the version in the name is that of other bytes"
	}
	for version := range h.versions(r) {
		if site.Ledger.Lied(file.Path, version) {
			e.Why += ": the version was told of other bytes before"
			return
		}
	}
}
