package assets

import (
	"iter"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets/variants"
)

// found is what the URL of a request names. It is the result of [Handler.find].
type found struct {
	catalog *Catalog
	// file is nil if no file answers the URL. Then reason says why.
	file   *File
	reason reason
	// version is what a version in the query proves of the file's bytes.
	version Evidence
	// unproved is true if the query has a version that proves nothing.
	unproved bool
	// earlier is open if the archive holds the file.
	earlier *archive.Content
}

func (f *found) close() {
	if f.earlier != nil {
		_ = f.earlier.Close()
	}
}

// find looks for the file that a URL names: in the catalog, then in the archive, then as the index of a directory, then
// as the fallback. The caller must close the result.
func (h *Handler) find(r *http.Request, site *Site, catalog *Catalog, rest string) found {
	if catalog == nil {
		return found{reason: notRead}
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return found{reason: wrongMethod}
	}
	name, plain := relative(rest)
	if !plain || encodesSlash(r) {
		return found{reason: notPlain}
	}
	if h.Hide.Match(r.URL.Path) {
		return found{reason: hidden}
	}
	if file := catalog.Lookup(name); file != nil {
		return h.findVersion(r, site, catalog, file)
	}
	if earlier, ok := site.findEarlier(name, ""); ok {
		return earlier
	}
	if earlier, ok := h.findEarlierVersion(r, site, name); ok {
		return earlier
	}
	return h.findPage(r, site, catalog, name)
}

// findVersion returns a file of the catalog, or the bytes that it had under the version in the query.
func (h *Handler) findVersion(r *http.Request, site *Site, catalog *Catalog, file *File) found {
	if h.hidesTarget(site, file) {
		return found{reason: hidden}
	}
	current := found{catalog: catalog, file: file}
	if r.URL.RawQuery == "" || file.Evidence.Kind != NoEvidence {
		return current
	}
	if current.version = h.versionEvidence(r.URL.RawQuery, file); current.version.Kind != NoEvidence {
		return current
	}
	if earlier, ok := h.findEarlierVersion(r, site, file.Path); ok {
		return earlier
	}
	current.version = h.outdatedVersion(r, site, file)
	current.unproved = current.version.Kind == NoEvidence
	return current
}

// versionEvidence is what the first version in the query that speaks of these bytes proves.
func (h *Handler) versionEvidence(query string, f *File) Evidence {
	for len(query) > 0 {
		var parameter string
		parameter, query, _ = strings.Cut(query, "&")
		name, value, _ := strings.Cut(parameter, "=")
		for _, word := range h.VersionQuery {
			if name != word {
				continue
			}
			if evidence := f.VersionEvidence(value); evidence.Kind != NoEvidence {
				return evidence
			}
		}
	}
	return Evidence{}
}

// findEarlierVersion looks in the archive for a version of the query.
func (h *Handler) findEarlierVersion(r *http.Request, site *Site, name string) (found, bool) {
	for value := range h.versions(r) {
		if earlier, ok := site.findEarlier(name, value); ok {
			return earlier, true
		}
	}
	return found{}, false
}

// versions yields the values of the query parameters that carry versions.
func (h *Handler) versions(r *http.Request) iter.Seq[string] {
	return func(yield func(string) bool) {
		for query := r.URL.RawQuery; len(query) > 0; {
			var parameter string
			parameter, query, _ = strings.Cut(query, "&")
			name, value, _ := strings.Cut(parameter, "=")
			if value != "" && slices.Contains(h.VersionQuery, name) && !yield(value) {
				return
			}
		}
	}
}

// earlierEvidence is the evidence for bytes of the archive.
var earlierEvidence = Evidence{ByDigest, "the version is that of bytes that were replaced, and are kept"}

// findEarlier looks for the bytes that a path had under a version before they were replaced.
func (s *Site) findEarlier(name, version string) (found, bool) {
	content, ok := s.Tree.Earlier(name, version)
	if !ok {
		return found{}, false
	}
	return s.archived(name, content), true
}

// archived is a file of the archive, in the content codings that it had.
func (s *Site) archived(name string, content *archive.Content) found {
	file := &File{Path: name, Size: content.Size, digest: content.SHA256, earlier: content, Evidence: earlierEvidence}
	file.prepare()
	if isCompressed(file) {
		file.variants = s.Tree.maker.Stored(variants.NewSet(file.digest, file.Size))
	}
	return found{file: file, earlier: content}
}

// findPage returns the index of a directory, or the fallback.
func (h *Handler) findPage(r *http.Request, site *Site, catalog *Catalog, name string) found {
	directory := strings.TrimSuffix(name, "/")
	if !catalog.IsDirectory(directory) {
		return h.findFallback(r)
	}
	index := catalog.Lookup(path.Join(directory, "index.html"))
	if index == nil || h.Hide.Match(path.Join(r.URL.Path, "index.html")) || h.hidesTarget(site, index) {
		return h.findFallback(r)
	}
	if directory != "" && directory == name {
		return found{reason: noFinalSlash}
	}
	return found{catalog: catalog, file: index}
}

// findFallback returns the fallback to navigations, and nothing to other requests: a page must not answer the request
// for a missing script.
func (h *Handler) findFallback(r *http.Request) found {
	nothing := found{reason: noFile}
	if h.Fallback == "" || !isNavigation(r) || isPartOfPage(r.URL.Path) {
		return nothing
	}
	site, rest, ok := h.site(h.Fallback)
	if !ok {
		return nothing
	}
	catalog := site.Tree.Catalog(r.Context())
	if catalog == nil || catalog.Lookup(rest) == nil {
		return nothing
	}
	return found{catalog: catalog, file: catalog.Lookup(rest), reason: isFallback}
}

// isNavigation reports a request for a page. Browsers state the destination. Other clients state what they accept.
func isNavigation(r *http.Request) bool {
	if destination := r.Header.Get("Sec-Fetch-Dest"); destination != "" {
		return destination == "document" || destination == "iframe" || destination == "frame"
	}
	accept, _, _ := strings.Cut(r.Header.Get("Accept"), ",")
	return strings.HasPrefix(strings.TrimSpace(accept), "text/html")
}

// isPartOfPage reports a name that no page has. A missing script is 404 in a window of its own too.
func isPartOfPage(urlPath string) bool {
	switch strings.ToLower(path.Ext(urlPath)) {
	case ".js", ".mjs", ".cjs", ".css", ".map", ".wasm":
		return true
	default:
		return false
	}
}
