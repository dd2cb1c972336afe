package assets

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"github.com/scan2food/usher/handler/static/assets/deltas"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/fingerprint"
)

// Explanation is how a request is answered, and why.
type Explanation struct {
	// Prefix is the prefix of the site. It is empty if the request is not for assets; then the next handler answers.
	Prefix string
	// Path is the path of the file below the root, or the path that was looked for.
	Path string
	// Generation is the current generation. It is empty before the first one.
	Generation string
	// Status and CacheControl are those of the response.
	Status       int
	CacheControl string
	// Evidence is why the URL is trusted to name the bytes, if it is.
	Evidence tree.Evidence
	// Delta is the version that the response is a delta to, and the sizes, if it is a delta.
	Delta string
	// Deltas are the deltas that clients with another version of the file get. [Handler.Explain] alone lists them.
	Deltas []ExplainedDelta
	// Why is a sentence on the response and its Cache-Control.
	Why string
}

// ExplainedDelta is a delta to a file.
type ExplainedDelta struct {
	// From is the version that the client holds, as usher writes it into URLs.
	From string
	// Bytes is the size of the delta, and Full the size of the best full coding, in bytes.
	Bytes, Full int64
}

// Explain says how a request would be answered. It finds the file as for a request, so it may fetch a version of another machine
// into the archive. It makes no delta and writes no response.
func (h *Handler) Explain(r *http.Request) Explanation {
	t, ok := h.target(r.URL.Path)
	if !ok {
		return Explanation{Why: "no served prefix matches"}
	}
	var a answer
	a.target, a.catalog = t, t.site.Tree.Catalog(r.Context())
	h.find(r, &a.found)
	defer a.close()
	h.decide(r, &a)
	h.decideDelta(r, &a, false)
	e := h.explain(r, &a)
	if a.dictionary != nil && a.earlier == nil {
		full := a.file.Size
		if a.file.Variants != nil {
			full = a.file.Variants.Best()
		}
		for _, delta := range a.site.Tree.DeltasTo(a.file) {
			if delta.Pays(full) {
				e.Deltas = append(e.Deltas, ExplainedDelta{versionOf(delta), int64(len(delta.Bytes)), full})
			}
		}
	}
	return e
}

// versionOf returns the version that a client needs for a delta.
func versionOf(delta *deltas.Delta) string {
	return hex.EncodeToString(delta.From[:fingerprint.StampLength/2])
}

// explain prints a decision.
func (h *Handler) explain(r *http.Request, a *answer) Explanation {
	e := Explanation{
		Prefix: a.site.Prefix, Path: a.name,
		Status: a.finalStatus(r), CacheControl: a.cacheControl[0], Evidence: a.evidence, Why: a.why(),
	}
	if a.passes {
		return Explanation{Path: a.name, Why: e.Why + ": the next handler answers (pass_thru)"}
	}
	if catalog := a.site.Tree.Current(); catalog != nil {
		e.Generation = catalog.Generation
	}
	if a.file == nil {
		return e
	}
	if a.reason != isFallback {
		e.Path = a.file.Path
	}
	switch {
	case a.reason == isOutdated:
		e.Evidence = tree.Evidence{}
	case e.Status >= http.StatusBadRequest:
		e.CacheControl = never[0]
		e.Why = "the request cannot be met: " + strings.ToLower(http.StatusText(e.Status))
	}
	if a.delta != nil {
		e.Delta = fmt.Sprintf("%d bytes to version %s, instead of %d", len(a.delta.Bytes), versionOf(a.delta), a.size())
	}
	h.explainStale(&e, r, a.site, a.file)
	return e
}

func (h *Handler) writeExplanation(w http.ResponseWriter, r *http.Request, a *answer) {
	w.Header()["Cache-Status"] = []string{h.explain(r, a).CacheStatus()}
}

// CacheStatus is the explanation as a member of the field Cache-Status (RFC 9211).
func (e Explanation) CacheStatus() string {
	var field strings.Builder
	field.WriteString("usher")
	if e.Status < http.StatusBadRequest && e.Status != http.StatusPermanentRedirect {
		field.WriteString("; hit")
	}
	for _, parameter := range []struct{ name, value string }{
		{"key", e.Path}, {"generation", e.Generation}, {"evidence", string(e.Evidence.Kind)}, {"delta", e.Delta}, {"detail", e.Why},
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
