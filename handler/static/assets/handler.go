package assets

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/assets/variants"
)

// Next is the handler behind the assets. Caddy's handlers fit it.
type Next interface {
	ServeHTTP(http.ResponseWriter, *http.Request) error
}

// Site is one URL prefix and the tree that answers it.
type Site struct {
	// Prefix begins and ends with a slash.
	Prefix string
	Tree   *tree.Tree
	// Ledger observes versions that nothing proves. Nil: none are observed.
	Ledger tree.Ledger
	// Promises is the tree's. Nil: none are remembered.
	Promises tree.Promises
}

// Handler answers requests for assets. Build it once; it is safe for concurrent use.
type Handler struct {
	// Sites, the longest prefix first.
	Sites []Site
	// VersionQuery are the words of a query that carry a version. Default: v.
	VersionQuery []string
	// Hide is what is answered 404, by URL path.
	Hide tree.Patterns
	// Fallback is the URL path that navigations get where there is no file; "" for none.
	Fallback string
	// PassThru hands what names no file to the next handler, instead of answering 404 or 405.
	PassThru bool
	// Encode are the codings that are offered, beside identity.
	Encode []variants.Coding
	// Explained has every response say in Cache-Status (RFC 9211) which file it is, and why it may be kept for how long.
	Explained bool
	// KernelCopies is called before so many bytes of a file are copied from disk to a connection, and what it returns afterwards. It has the
	// kernel copy where the writer keeps it from that. A copy that ends early, without an error, is taken up again. Nil:
	// nothing is done.
	KernelCopies func(r *http.Request, length int64) (restore func())
	// Asked is the URL that the client asked for, where what is in front of this handler took a part of it away. Nil: it is that
	// of the request.
	Asked func(*http.Request) *url.URL
}

// ServeHTTP answers everything below the prefixes of the sites, errors too, and hands on the rest. It returns the
// errors of next alone: an error page made elsewhere could be kept for long, and these must not be.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next Next) error {
	t, ok := h.target(r.URL.Path)
	if !ok {
		return next.ServeHTTP(w, r)
	}
	if h.serve(w, r, t, t.site.Tree.Catalog(r.Context())) {
		return nil
	}
	return next.ServeHTTP(w, r)
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
	return true
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
	if a.passes {
		return passed
	}
	if a.unproved {
		h.noteVersion(r, a.site, a.file)
	}
	if h.Explained {
		h.writeExplanation(w, r, &a)
	}
	if !h.write(w, r, &a) {
		return lost
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
