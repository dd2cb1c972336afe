package assets

import (
	"net/http"
	"strings"

	"github.com/scan2food/usher/handler/static/assets/deltas"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/assets/variants"
)

// varyOnDictionary is the field Vary of responses that may be deltas (RFC 9842, 6.2).
var varyOnDictionary = []string{"Accept-Encoding, Available-Dictionary"}

// decideDelta decides whether the file is a dictionary for its other versions, and whether a delta to a version that the client holds
// is the response. Only URLs with a proved version have deltas. If mayMake is false, only deltas that exist count.
func (h *Handler) decideDelta(r *http.Request, a *answer, mayMake bool) {
	if a.reason != isProved || !a.site.Tree.HasDeltas() {
		return
	}
	if a.dictionary = a.file.UseAsDictionary(h.originalPath(r)); a.dictionary == nil {
		return
	}
	if a.status == http.StatusNotModified || a.earlier != nil {
		return
	}
	if tag := tagOfDelta(r, a.file); tag != "" {
		a.status, a.etag, a.conditional = http.StatusNotModified, []string{tag}, false
		return
	}
	if r.Header["Available-Dictionary"] == nil || a.conditional || a.coding != variants.Identity || forbidsTransform(r) {
		return
	}
	held, ok := deltas.ParseAvailable(r.Header["Available-Dictionary"])
	if !ok || !variants.Accepts(r.Header["Accept-Encoding"], deltas.Encoding[0]) {
		return
	}
	if found := findDelta(r, a, held, mayMake); found != nil && found.Pays(a.size()) {
		a.delta, a.etag = found, found.ETag
	}
	a.missedDelta = a.delta == nil
}

// countDelta counts a response to a client that offered a dictionary.
func (h *Handler) countDelta(a *answer) {
	switch {
	case a.delta != nil && h.SentDelta != nil:
		h.SentDelta(a.site.Prefix, a.size()-int64(len(a.delta.Bytes)))
	case a.missedDelta && h.MissedDelta != nil:
		h.MissedDelta(a.site.Prefix)
	}
}

// forbidsTransform reports a request with no-transform (RFC 9111, 5.2.1.6). Its client wants the file as others get it.
func forbidsTransform(r *http.Request) bool {
	for _, directives := range r.Header["Cache-Control"] {
		if strings.Contains(strings.ToLower(directives), "no-transform") {
			return true
		}
	}
	return false
}

// findDelta returns a delta to the file of an answer, or nil. It is a function and no closure: a closure would move each answer
// to the heap.
func findDelta(r *http.Request, a *answer, held deltas.Digest, mayMake bool) *deltas.Delta {
	if mayMake {
		return a.site.Tree.Delta(r.Context(), a.catalog, a.file, held)
	}
	return a.site.Tree.MadeDelta(a.file, held)
}

// tagOfDelta returns the entity tag of a request whose client received the file as a delta, or "". The dictionary does not matter any
// more.
func tagOfDelta(r *http.Request, file *tree.File) string {
	tags := r.Header["If-None-Match"]
	if tags == nil || r.Header["If-Match"] != nil || r.Header["If-Unmodified-Since"] != nil {
		return ""
	}
	if tag, single := singleTag(tags); single && strings.HasPrefix(tag, deltas.TagPrefix(file.Digest())) {
		return tag
	}
	return ""
}

// originalPath is the escaped path that the client requested.
func (h *Handler) originalPath(r *http.Request) string {
	if h.OriginalURL != nil {
		return h.OriginalURL(r).EscapedPath()
	}
	return r.URL.EscapedPath()
}

// writeDictionary writes the fields of a response that is a dictionary or may be a delta.
func (a *answer) writeDictionary(header http.Header) {
	if a.dictionary == nil {
		return
	}
	header["Use-As-Dictionary"] = a.dictionary
	a.file.NoteDictionary()
}
