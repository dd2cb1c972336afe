package assets

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/assets/variants"
)

// Next is the next handler. Caddy's handlers implement it.
type Next interface {
	ServeHTTP(http.ResponseWriter, *http.Request) error
}

// Site is a URL prefix and its tree.
type Site struct {
	// Prefix begins and ends with a slash.
	Prefix string
	Tree   *tree.Tree
	// Ledger observes versions that nothing proves. Nil: none are observed.
	Ledger tree.Ledger
	// Promises are the promises of the tree. Nil: none are remembered.
	Promises tree.Promises
	// Answered is called with the status of each response that was written. Nil: it is not called.
	Answered func(status int)
}

// Handler answers requests for assets. It is safe for concurrent use.
type Handler struct {
	// Sites, the longest prefix first.
	Sites []Site
	// VersionQuery are the query parameters that carry versions.
	VersionQuery []string
	// Hide matches the URL paths that are 404.
	Hide tree.Patterns
	// Fallback is the URL path of the page for navigations without a file, or "".
	Fallback string
	// PassThru hands requests that name no file to the next handler, instead of answering 404 or 405.
	PassThru bool
	// Unhandled reports, once, that no later handler took a request that was passed to next. The response is 404 then: the server would
	// send an empty page. Nil: the server decides.
	Unhandled func(*http.Request) bool
	// Encode are the content codings to offer.
	Encode []variants.Coding
	// Explained adds Cache-Status (RFC 9211) to every response: the file, and why it may be cached for how long.
	Explained bool
	// KernelCopies is called before length bytes are copied from a file to a connection, and restore after it. It may let the
	// kernel copy where the writer prevents that. A copy that ends early without an error is continued. Nil: it is not called.
	KernelCopies func(r *http.Request, length int64) (restore func())
	// SentDelta is called for each response that is a delta, with the bytes that the delta saved. Nil: it is not called.
	SentDelta func(prefix string, saved int64)
	// MissedDelta is called for each full response to a client that offered a dictionary. Nil: it is not called.
	MissedDelta func(prefix string)
	// OriginalURL returns the URL that the client requested, before other handlers changed it. Nil: the URL of the request.
	OriginalURL func(*http.Request) *url.URL
}

// ServeHTTP answers all requests below the prefixes of the sites, with errors too, and hands other requests to next. It returns
// only errors of next: an error page of another handler might be cached for long.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next Next) error {
	t, ok := h.target(r.URL.Path)
	if !ok {
		return next.ServeHTTP(w, r)
	}
	if h.serve(w, r, t, t.site.Tree.Catalog(r.Context())) {
		return nil
	}
	err := next.ServeHTTP(w, r)
	if err == nil && h.Unhandled != nil && h.Unhandled(r) {
		fail(w, r, http.StatusNotFound)
	}
	return err
}

// attempts bounds how often a response is decided on: each attempt after the first has lost one variant or one file of the
// archive.
const attempts = 6

// serve answers a request, or returns false if the next handler must.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, t target, catalog *tree.Catalog) (answered bool) {
	for range attempts {
		switch h.serveOnce(w, r, t, catalog) {
		case wrote:
			return true
		case passed:
			return false
		}
	}
	w.Header()["Retry-After"] = retrySoon
	fail(w, r, http.StatusServiceUnavailable)
	t.site.answered(http.StatusServiceUnavailable)
	return true
}

func (s *Site) answered(status int) {
	if s.Answered != nil {
		s.Answered(status)
	}
}

// outcome is what became of a decision.
type outcome uint8

const (
	lost   outcome = iota // the bytes were gone
	wrote                 // the response is sent
	passed                // the next handler must answer
)

func (h *Handler) serveOnce(w http.ResponseWriter, r *http.Request, t target, catalog *tree.Catalog) outcome {
	var a answer
	a.target, a.catalog, a.contentType = t, catalog, w.Header()["Content-Type"]
	h.find(r, &a.found)
	defer a.close()
	h.decide(r, &a)
	h.decideDelta(r, &a, true)
	if a.passes {
		return passed
	}
	if a.unproved {
		h.noteVersion(r, a.site, a.file)
	}
	if a.showsServiceWorker() {
		a.site.Tree.NoteServiceWorker(a.file)
	}
	if h.Explained {
		h.writeExplanation(w, r, &a)
	}
	if !h.write(w, r, &a) {
		return lost
	}
	a.site.answered(a.status)
	if r.Method != http.MethodHead {
		h.countDelta(&a)
	}
	return wrote
}

// target is what the path of a URL names.
type target struct {
	site *Site
	// urlPath is the path with each run of slashes as one slash, as nginx reads it.
	urlPath string
	// name is the part of urlPath below the prefix of the site.
	name string
}

// target finds the site with the longest prefix of the path.
func (h *Handler) target(urlPath string) (target, bool) {
	urlPath = mergeSlashes(urlPath)
	for i := range h.Sites {
		if name, below := strings.CutPrefix(urlPath, h.Sites[i].Prefix); below {
			return target{&h.Sites[i], urlPath, name}, true
		}
	}
	return target{}, false
}

func mergeSlashes(urlPath string) string {
	for strings.Contains(urlPath, "//") {
		urlPath = strings.ReplaceAll(urlPath, "//", "/")
	}
	return urlPath
}
