package assets

import (
	"net/http"
	"slices"
	"strings"

	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/ledger"
)

// outdatedVersion looks for a version in the query that was proved of other bytes.
func (h *Handler) outdatedVersion(r *http.Request, site *Site, file *tree.File) tree.Evidence {
	if site.Promises == nil {
		return tree.Evidence{}
	}
	for version := range h.versions(r) {
		if site.Promises.HasOther(file.Path, version, file.Digest()) {
			return tree.OutdatedEvidence
		}
	}
	return tree.Evidence{}
}

// noteVersion records the version of a request that nothing proves.
func (h *Handler) noteVersion(r *http.Request, site *Site, file *tree.File) {
	if site.Ledger == nil || !file.HasVersionInQuery() {
		return
	}
	for query := r.URL.RawQuery; len(query) > 0; {
		var parameter string
		parameter, query, _ = strings.Cut(query, "&")
		word, version, _ := strings.Cut(parameter, "=")
		if version != "" && slices.Contains(h.VersionQuery, word) {
			site.Ledger.Observe(ledger.Observation{
				Path: file.Path, Param: word, Version: version, Digest: file.Digest(), Page: pageOf(r),
			})
			return
		}
	}
}

// pageOf is the path of the page of this site that a request comes from, or "". The query is left out, since it may hold secrets.
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

// explainStale adds that a version had other content before.
func (h *Handler) explainStale(e *Explanation, r *http.Request, site *Site, file *tree.File) {
	if site.Ledger == nil || e.Evidence.Kind != tree.NoEvidence {
		return
	}
	if file.Denied.Detail == "" && site.Ledger.IsStale(file.Path, "") {
		e.Why += ": the name holds the hash of other content"
	}
	for version := range h.versions(r) {
		if site.Ledger.IsStale(file.Path, version) {
			e.Why += ": the version had other content before"
			return
		}
	}
}
