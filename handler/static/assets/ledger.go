package assets

import (
	"io"
	"net/http"
	"slices"
	"strings"

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

// Outdated is what is known of a version in the query that was proved of other bytes, which are not kept any more. It is the
// opposite of evidence.
const Outdated EvidenceKind = "outdated"

var outdated = Evidence{Outdated, "the version was that of other bytes, which are not kept any more"}

// outdatedVersion looks for a version in the query that was proved of other bytes.
func (h *Handler) outdatedVersion(r *http.Request, site *Site, file *File) Evidence {
	if site.Promises == nil {
		return Evidence{}
	}
	for version := range h.versions(r) {
		if site.Promises.HasOther(file.Path, version, file.digest) {
			return outdated
		}
	}
	return Evidence{}
}

// noteVersion notes the version of a request, which nothing proves.
func (h *Handler) noteVersion(r *http.Request, site *Site, file *File) {
	if site.Ledger == nil || !file.hasVersionInQuery() {
		return
	}
	for query := r.URL.RawQuery; len(query) > 0; {
		var parameter string
		parameter, query, _ = strings.Cut(query, "&")
		word, version, _ := strings.Cut(parameter, "=")
		if version != "" && slices.Contains(h.VersionQuery, word) {
			site.Ledger.Observe(ledger.Observation{
				Path: file.Path, Param: word, Version: version, Digest: file.digest, Page: pageOf(r),
			})
			return
		}
	}
}

// hasVersionInQuery reports a file whose version, if there is one, stands in the query.
func (f *File) hasVersionInQuery() bool {
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

// reportStaleNames notes the files whose names hold the version of other bytes: a manifest says so, or they had it before.
func (t *Tree) reportStaleNames(previous, next *Catalog) {
	if t.config.Ledger == nil {
		return
	}
	for file := range next.All() {
		if why := t.otherContent(previous, file); why != "" {
			t.config.Ledger.ObserveName(file.Path, file.digest, why)
		}
	}
}

func (t *Tree) otherContent(previous *Catalog, file *File) (why string) {
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
	if t.config.Archive == nil || t.config.Ledger.IsStale(file.Path, "") {
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

// explainStale adds that a version had other content before.
func (h *Handler) explainStale(e *Explanation, r *http.Request, site *Site, file *File) {
	if site.Ledger == nil || e.Evidence.Kind != NoEvidence {
		return
	}
	if file.denied.Detail == "" && site.Ledger.IsStale(file.Path, "") {
		e.Why += ": the name holds the hash of other content"
	}
	for version := range h.versions(r) {
		if site.Ledger.IsStale(file.Path, version) {
			e.Why += ": the version had other content before"
			return
		}
	}
}
