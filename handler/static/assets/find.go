package assets

import (
	"errors"
	"iter"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets/tree"
)

// found is what the URL of a request names. It is the result of [Handler.find].
type found struct {
	target
	catalog *tree.Catalog
	// contentType is the Content-Type that an earlier handler has set, which stays. It is nil if none has.
	contentType []string
	// file is nil if no file answers the URL. Then reason says why.
	file   *tree.File
	reason reason
	// version is what a version in the query proves of the file's bytes.
	version tree.Evidence
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

// find looks for the file that a URL names: in the catalog, then in the archive, then as the index of a directory, then as the
// fallback. It sets the file of f, or the reason why there is none. The caller must close f. It returns nothing, since copies
// of f would take stack, see writeOpened.
func (h *Handler) find(r *http.Request, f *found) {
	switch {
	case f.catalog == nil:
		f.reason = notRead
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		f.reason = wrongMethod
	case !tree.IsPlain(f.name) || encodesSlash(r):
		f.reason = notPlain
	case h.Hide.Hides(f.urlPath):
		f.reason = hidden
	default:
		if f.file = f.catalog.Lookup(f.name); f.file != nil {
			h.findVersion(r, f)
			return
		}
		if !f.findEarlier("") && !h.findEarlierVersion(r, f) && !h.findUnpublished(r, f) {
			h.findPage(r, f)
		}
		if f.file == nil && isPassable(f.reason) {
			h.findShared(r, f)
		}
	}
}

// findVersion replaces a file of the catalog by its stamped form, or by the bytes that the file had under the version in the
// query.
func (h *Handler) findVersion(r *http.Request, f *found) {
	if h.hidesTarget(f.site, f.file) {
		f.file, f.reason = nil, hidden
		return
	}
	if r.URL.RawQuery == "" || f.file.Evidence.Kind != tree.NoEvidence {
		return
	}
	if f.file.StampedForm != nil {
		if f.version = h.versionEvidence(r.URL.RawQuery, f.file.StampedForm); f.version.Kind != tree.NoEvidence {
			f.file = f.file.StampedForm
			return
		}
	}
	f.version = h.versionEvidence(r.URL.RawQuery, f.file)
	if f.version.Kind != tree.NoEvidence || h.findEarlierVersion(r, f) || h.findSharedVersion(r, f) {
		return
	}
	f.version = h.outdatedVersion(r, f.site, f.file)
	f.unproved = f.version.Kind == tree.NoEvidence
}

// versionEvidence returns the evidence of the first version in the query that identifies these bytes.
func (h *Handler) versionEvidence(query string, file *tree.File) tree.Evidence {
	for len(query) > 0 {
		var parameter string
		parameter, query, _ = strings.Cut(query, "&")
		name, value, _ := strings.Cut(parameter, "=")
		for _, word := range h.VersionQuery {
			if name != word {
				continue
			}
			if evidence := file.VersionEvidence(value); evidence.Kind != tree.NoEvidence {
				return evidence
			}
		}
	}
	return tree.Evidence{}
}

// findEarlierVersion looks in the archive for a version of the query.
func (h *Handler) findEarlierVersion(r *http.Request, f *found) bool {
	for value := range h.versions(r) {
		if f.findEarlier(value) {
			return true
		}
	}
	return false
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

// findEarlier looks in the archive for the bytes that a path had under a version, in the content codings that they had.
func (f *found) findEarlier(version string) bool {
	file, content, ok := f.site.Tree.EarlierFile(f.name, version, f.site.Promises)
	if !ok {
		return false
	}
	f.file, f.earlier, f.version = file, content, tree.Evidence{}
	return true
}

// findShared looks for the file of another machine, by its name and by a version of the query.
func (h *Handler) findShared(r *http.Request, f *found) {
	if !f.findSharedAs(r, "") {
		h.findSharedVersion(r, f)
	}
}

func (h *Handler) findSharedVersion(r *http.Request, f *found) bool {
	if f.site.Tree.Config.Shared == nil {
		return false
	}
	for value := range h.versions(r) {
		return f.findSharedAs(r, value) // of the first alone, since each may wait
	}
	return false
}

// findSharedAs gets the bytes that another machine has for a path and a version.
func (f *found) findSharedAs(r *http.Request, version string) bool {
	file, content, ok := f.site.Tree.SharedFile(r.Context(), f.name, version, f.site.Promises)
	if ok {
		f.file, f.earlier, f.version, f.reason = file, content, tree.Evidence{}, noReason
	}
	return ok
}

// findUnpublished finds a file that is on disk and not in the catalog yet.
func (h *Handler) findUnpublished(r *http.Request, f *found) bool {
	file, err := f.site.Tree.Unpublished(r.Context(), f.catalog, f.name)
	switch {
	case errors.Is(err, tree.ErrBeingWritten):
		f.reason = isChanging
	case errors.Is(err, tree.ErrUnreadable):
		f.reason = Unreadable
	case errors.Is(err, tree.ErrUnreachable): // whether there is a file is unknown
		f.reason = Unreachable
		return false
	case file == nil:
		return false
	case h.hidesTarget(f.site, file):
		f.reason = hidden
	default:
		f.file, f.reason = file, IsUnpublished
	}
	return true
}

// findPage finds the index of a directory, or the fallback.
func (h *Handler) findPage(r *http.Request, f *found) {
	directory := strings.TrimSuffix(f.name, "/")
	if !f.catalog.IsDirectory(directory) {
		h.findFallback(r, f)
		return
	}
	index := f.catalog.Lookup(path.Join(directory, "index.html"))
	switch {
	case index == nil || h.Hide.Hides(path.Join(f.urlPath, "index.html")) || h.hidesTarget(f.site, index):
		h.findFallback(r, f)
	case directory != "" && directory == f.name:
		f.reason = noFinalSlash
	default:
		f.file, f.reason = index, noReason
	}
}

// findFallback finds the fallback for a navigation, and nothing for other requests: a page must not answer the request for a
// missing script.
func (h *Handler) findFallback(r *http.Request, f *found) {
	switch {
	case f.reason == Unreachable:
	case f.catalog.Dir == nil:
		f.reason = NoDirectory
	case f.catalog.Problems[f.name] != "":
		f.reason = NoAccess
	case f.catalog.ProblemAbove(f.name) != "":
		f.reason = NoAccessAbove
	default:
		f.reason = noFile
	}
	if h.Fallback == "" || !isNavigation(r) || isPartOfPage(f.urlPath) {
		return
	}
	fallback, ok := h.target(h.Fallback)
	if !ok {
		return
	}
	catalog := fallback.site.Tree.Catalog(r.Context())
	if catalog == nil || catalog.Lookup(fallback.name) == nil {
		return
	}
	f.catalog, f.file, f.reason = catalog, catalog.Lookup(fallback.name), isFallback
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
