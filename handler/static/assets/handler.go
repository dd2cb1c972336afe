package assets

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

// Next is the handler behind the assets. Caddy's handlers fit it.
type Next interface {
	ServeHTTP(http.ResponseWriter, *http.Request) error
}

// Site is one URL prefix and the tree that answers it.
type Site struct {
	// Prefix begins and ends with a slash.
	Prefix string
	Tree   *Tree
	// Ledger is told of versions that nothing proves. Nil: nobody is.
	Ledger Ledger
}

// Handler answers requests for assets. Build it once; it is safe for concurrent use.
type Handler struct {
	// Sites, the longest prefix first.
	Sites []Site
	// VersionQuery are the words of a query that carry a version. Default: v.
	VersionQuery []string
	// Epoch is that of the trees.
	Epoch string
	// Immutable is what the operator vouches for, by URL path.
	Immutable Patterns
	// Hide is what is answered 404, by URL path.
	Hide Patterns
	// Fallback is the URL path that navigations get where there is no file; "" for none.
	Fallback string
	// Encode are the codings that are offered, beside identity.
	Encode []Coding
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
	site, rest, ok := h.site(r.URL.Path)
	if !ok {
		return next.ServeHTTP(w, r)
	}
	if h.Explained {
		h.writeExplanation(w, r)
	}
	h.serveSite(w, r, site, rest)
	return nil
}

// writeExplanation is no part of ServeHTTP, nor are files on the disk of serveWhole: each request of HTTP/2 begins with a small stack, and
// what functions reserve for their rare cases has it copied into a larger one, which takes longer than an answer from memory.
func (h *Handler) writeExplanation(w http.ResponseWriter, r *http.Request) {
	w.Header()["Cache-Status"] = []string{h.Explain(r).CacheStatus()}
}

func (h *Handler) serveSite(w http.ResponseWriter, r *http.Request, site *Site, rest string) {
	catalog := site.Tree.Catalog(r.Context())
	switch {
	case catalog == nil:
		w.Header()["Retry-After"] = retrySoon
		fail(w, r, http.StatusServiceUnavailable)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		refuseMethod(w, r)
	default:
		h.answer(w, r, site, catalog, rest)
	}
}

// site finds the longest prefix that the path is below.
func (h *Handler) site(urlPath string) (*Site, string, bool) {
	for i := range h.Sites {
		if rest, below := strings.CutPrefix(urlPath, h.Sites[i].Prefix); below {
			return &h.Sites[i], rest, true
		}
	}
	return nil, "", false
}

func (h *Handler) answer(w http.ResponseWriter, r *http.Request, site *Site, catalog *Catalog, rest string) {
	relativePath, ok := relative(rest)
	if !ok || encodesSlash(r) || h.Hide.Match(r.URL.Path) {
		fail(w, r, http.StatusNotFound)
		return
	}
	if file := catalog.Lookup(relativePath); file != nil {
		if h.hidesTarget(site, file) {
			fail(w, r, http.StatusNotFound)
			return
		}
		h.answerFile(w, r, site, catalog, file)
		return
	}
	if h.serveEarlier(w, r, site, relativePath, "") || h.serveVersion(w, r, site, relativePath) {
		return
	}
	if directory := strings.TrimSuffix(relativePath, "/"); catalog.IsDirectory(directory) {
		h.serveDirectory(w, r, site, catalog, directory, relativePath)
		return
	}
	h.serveMissing(w, r)
}

// serveDirectory answers with index.html, under the path with its final slash: relative references depend on it.
func (h *Handler) serveDirectory(w http.ResponseWriter, r *http.Request, site *Site, catalog *Catalog, directory, asked string) {
	index := catalog.Lookup(path.Join(directory, "index.html"))
	if index == nil || h.Hide.Match(path.Join(r.URL.Path, "index.html")) || h.hidesTarget(site, index) {
		h.serveMissing(w, r)
		return
	}
	if directory != "" && directory == asked {
		w.Header()["Location"] = []string{h.withSlash(r)}
		w.Header()["Cache-Control"] = revalidate
		w.WriteHeader(http.StatusPermanentRedirect)
		return
	}
	h.serve(w, r, catalog, index)
}

// withSlash is where the directory of a request is, for the client: below what was taken off the path before, unless the
// request was sent here from another name. Two slashes at the beginning would be another host.
func (h *Handler) withSlash(r *http.Request) string {
	target := url.URL{Path: r.URL.Path + "/", RawQuery: r.URL.RawQuery}
	if h.Asked != nil {
		if asked := h.Asked(r); path.Base(asked.Path) == path.Base(r.URL.Path) {
			target.Path = "/" + strings.Trim(asked.Path, "/") + "/"
		}
	}
	return target.String()
}

// serveMissing answers a path without a file: a navigation gets the fallback, and nothing else does, for a script that
// is missing must not be answered with a page.
func (h *Handler) serveMissing(w http.ResponseWriter, r *http.Request) {
	if h.Fallback == "" || !isNavigation(r) || isPartOfPage(r.URL.Path) {
		fail(w, r, http.StatusNotFound)
		return
	}
	site, rest, ok := h.site(h.Fallback)
	if !ok {
		fail(w, r, http.StatusNotFound)
		return
	}
	if catalog := site.Tree.Catalog(r.Context()); catalog != nil {
		if file := catalog.Lookup(rest); file != nil {
			h.serve(w, r, catalog, file)
			return
		}
	}
	fail(w, r, http.StatusNotFound)
}

// isNavigation reports a request for a page: by the destination that browsers state, or, without it, by what is
// accepted.
func isNavigation(r *http.Request) bool {
	if destination := r.Header.Get("Sec-Fetch-Dest"); destination != "" {
		return destination == "document" || destination == "iframe" || destination == "frame"
	}
	accept, _, _ := strings.Cut(r.Header.Get("Accept"), ",")
	return strings.HasPrefix(strings.TrimSpace(accept), "text/html")
}

// isPartOfPage reports a name that no page has: who opens it in a window of its own is told too that it is not there.
func isPartOfPage(urlPath string) bool {
	switch strings.ToLower(path.Ext(urlPath)) {
	case ".js", ".mjs", ".cjs", ".css", ".map", ".wasm":
		return true
	default:
		return false
	}
}

var nosniff = []string{"nosniff"}

// failures are what there may be a million of, made once.
var failures = map[int]*failure{http.StatusNotFound: newFailure(http.StatusNotFound)}

type failure struct {
	body          []byte
	contentLength []string
}

func newFailure(status int) *failure {
	body := http.StatusText(status) + "\n"
	return &failure{[]byte(body), []string{formatInt(int64(len(body)))}}
}

var plainText = []string{"text/plain; charset=utf-8"}

// fail answers with an error that says nothing of the resource, and that nobody keeps.
func fail(w http.ResponseWriter, r *http.Request, status int) {
	header, answer := w.Header(), failures[status]
	if answer == nil {
		answer = newFailure(status)
	}
	header["Content-Type"] = plainText
	header["Content-Length"] = answer.contentLength
	header["X-Content-Type-Options"] = nosniff
	header["Cache-Control"] = never
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(answer.body)
	}
}

// methods are those that assets answer (RFC 9110, 15.5.6).
var methods = []string{"GET, HEAD, OPTIONS"}

func refuseMethod(w http.ResponseWriter, r *http.Request) {
	w.Header()["Allow"] = methods
	if r.Method == http.MethodOptions {
		w.Header()["Cache-Control"] = never
		w.WriteHeader(http.StatusNoContent)
		return
	}
	fail(w, r, http.StatusMethodNotAllowed)
}
