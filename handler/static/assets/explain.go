package assets

import (
	"fmt"
	"net/http"
	"path"
	"strings"
)

// Explanation is how a request is answered, and why.
type Explanation struct {
	// Prefix is that of the site; "" where the request is not for assets, and the next handler answers.
	Prefix string
	// Path is that of the file below the root, or what was looked for where there is none.
	Path string
	// Generation is the current one; "" before the first.
	Generation string
	// Status and CacheControl are those of the response.
	Status       int
	CacheControl string
	// Evidence is why the URL is trusted to name the bytes, if it is.
	Evidence Evidence
	// Why is a sentence on the response and its Cache-Control.
	Why string
}

// Explain says how a request would be answered. It changes nothing; of the body it reads nothing.
func (h *Handler) Explain(r *http.Request) Explanation {
	site, rest, ok := h.site(r.URL.Path)
	if !ok {
		return Explanation{Why: "no served prefix matches"}
	}
	e := Explanation{Prefix: site.Prefix, Path: rest}
	catalog := site.Tree.Catalog(r.Context())
	if catalog != nil {
		e.Generation = catalog.Generation
	}
	// What is answered is asked of those who answer; only the reasons are found again.
	answer := headOnly{header: make(http.Header)}
	asked := r.Clone(r.Context())
	if asked.Method == http.MethodGet && r.Header["Range"] == nil {
		asked.Method = http.MethodHead
	}
	h.serveSite(&answer, asked, site, rest)
	e.Status, e.CacheControl = answer.status, answer.header.Get("Cache-Control")
	h.explain(&e, r, site, catalog)
	return e
}

// headOnly is a response whose body goes nowhere.
type headOnly struct {
	header http.Header
	status int
}

func (w *headOnly) Header() http.Header { return w.header }

func (w *headOnly) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *headOnly) Write([]byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return 0, errHeadOnly
}

// errHeadOnly ends the writing of a body that nobody gets.
var errHeadOnly = fmt.Errorf("only the header is wanted: %w", http.ErrBodyNotAllowed)

// explain finds the reasons, in the order in which they are decisive.
func (h *Handler) explain(e *Explanation, r *http.Request, site *Site, catalog *Catalog) {
	relativePath, possible := relative(e.Path)
	switch {
	case catalog == nil:
		e.Why = "the directory has not been read yet"
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		e.Why = "assets are read with GET and HEAD"
	case !possible || encodesSlash(r):
		e.Why = "no served file has such a path: dotfiles are hidden, and paths must be plain"
	case h.Hide.Match(r.URL.Path):
		e.Why = whyHidden
	default:
		h.explainPath(e, r, site, catalog, relativePath)
	}
}

func (h *Handler) explainPath(e *Explanation, r *http.Request, site *Site, catalog *Catalog, asked string) {
	if file := catalog.Lookup(asked); file != nil {
		if h.hidesTarget(site, file) {
			e.Why = whyHidden
			return
		}
		if h.earlierVersion(r, site, file) {
			e.Evidence = earlierEvidence
			e.Why = earlierEvidence.Detail
			return
		}
		h.explainFile(e, r, file, h.outdatedVersion(r, site, file))
		h.explainLie(e, r, site, file)
		return
	}
	if isEarlier(site, asked, "") || h.keptVersion(r, site, asked) {
		e.Evidence = earlierEvidence
		e.Why = earlierEvidence.Detail
		return
	}
	index := catalog.Lookup(path.Join(strings.TrimSuffix(asked, "/"), "index.html"))
	switch {
	case index != nil && e.Status == http.StatusPermanentRedirect:
		e.Why = "it is a directory, and references in its page depend on the final slash"
	case index != nil:
		e.Path = index.Path
		h.explainFile(e, r, index, Evidence{})
	case e.Status < http.StatusBadRequest:
		e.Why = "a navigation for which there is no file gets the fallback; " + whyHTML
	default:
		e.Why = "there is no such file"
	}
}

const whyHidden = "a hide pattern matches"

const whyHTML = "a page names the versions of all others, so browsers ask for it each time"

func (h *Handler) explainFile(e *Explanation, r *http.Request, file *File, known Evidence) {
	use := h.use(r, file, known)
	e.Evidence = file.Evidence
	if e.Evidence.Kind == NoEvidence {
		e.Evidence = use.Version
	}
	switch {
	case e.Status >= http.StatusBadRequest:
		e.Why = "the file is there, and the request cannot be met: " + strings.ToLower(http.StatusText(e.Status))
	case use.ServiceWorker:
		e.Why = "a service worker's script is never kept long"
	case file.IsManifest:
		e.Why = "a build manifest is never kept long"
	case strings.HasPrefix(file.contentType[0], "text/html"):
		e.Why = whyHTML
	case e.Evidence.Kind == Outdated:
		e.Why, e.Evidence = outdated.Detail, Evidence{}
	case e.Evidence.Kind != NoEvidence:
		e.Why = e.Evidence.Detail
	case file.denied.Detail != "":
		e.Why = "nothing proves that the URL names these bytes: " + file.denied.Detail
	default:
		e.Why = "nothing proves that the URL names these bytes"
	}
}

// CacheStatus is the explanation as a member of the field Cache-Status (RFC 9211).
func (e Explanation) CacheStatus() string {
	var field strings.Builder
	field.WriteString("usher")
	if e.Status < http.StatusBadRequest && e.Status != http.StatusPermanentRedirect {
		field.WriteString("; hit")
	}
	for _, parameter := range []struct{ name, value string }{
		{"key", e.Path}, {"generation", e.Generation}, {"evidence", string(e.Evidence.Kind)}, {"detail", e.Why},
	} {
		if parameter.value != "" {
			field.WriteString("; " + parameter.name + `="` + quotable(parameter.value) + `"`)
		}
	}
	return field.String()
}

// quotable is a text as the inside of a structured string (RFC 9651, 3.3.3): what is not printable ASCII is left out for
// its code.
func quotable(text string) string {
	var quoted strings.Builder
	for _, c := range []byte(text) {
		switch {
		case c == '"' || c == '\\':
			quoted.WriteByte('\\')
			quoted.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&quoted, "%%%02X", c)
		default:
			quoted.WriteByte(c)
		}
	}
	return quoted.String()
}
