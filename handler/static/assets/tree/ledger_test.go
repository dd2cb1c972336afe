package tree_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http/httptest"
	"testing"

	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/ledger"
	"github.com/scan2food/usher/handler/static/promises"
)

// recorder is a ledger that records what it observes.
type recorder struct {
	observed []string
	silent   bool
}

func (r *recorder) Observe(o ledger.Observation) {
	if !r.silent {
		r.observed = append(r.observed, o.Path+"?"+o.Param+"="+o.Version+" from "+o.Page)
	}
}

func (r *recorder) ObserveName(path string, _ ledger.Digest, _ string) {
	r.observed = append(r.observed, path)
}
func (r *recorder) IsStale(string, string) bool { return false }

// promised holds URLs that were given out with other content, by version.
type promised map[string]bool

func (promised) Open() error                   { return nil }
func (promised) Add(...promises.Promise) error { return nil }
func (promised) Has(promises.Promise) bool     { return false }
func (promised) Foreign() (uint64, error)      { return 0, nil }

func (p promised) HasOther(_, version string, _ [32]byte) bool { return p[version] }

// The ledger records unproved versions in the query, in parameters that usually carry versions. Of the page it records the path
// alone.
func TestLedgerRecordsUnprovedVersions(t *testing.T) {
	t.Parallel()
	const hashed = "chunk.5d41402abc4b.js" // md5 of hello
	served, _ := tree.OpenFiles(t, map[string]string{"main.js": "main", hashed: "hello", "page.html": "<p>"})
	h := handlerOf(t, served)
	stamp := sha256.Sum256([]byte("main"))
	for _, c := range []struct{ path, referrer, want, why string }{
		{"main.js?v=20260211", "http://example.com/live/?key=secret#x", "main.js?v=20260211 from /live/", "the incident"},
		{"main.js?key=secret&v=1&token=t", "", "main.js?v=1 from ", "other words may be secrets"},
		{"main.js?v=1", "https://elsewhere.com/live/", "main.js?v=1 from ", "a page of another site"},
		{"main.js?v=1", "http://example.com.evil/", "main.js?v=1 from ", "a host with the same prefix"},
		{"main.js?v=1", "http://user:secret@example.com/", "main.js?v=1 from ", "browsers send no such Referer"},
		{"main.js?v=1", "http://example.com", "main.js?v=1 from ", "there is no path"},
		{"main.js?key=secret", "", "", "no version"},
		{"main.js?v=", "", "", "an empty one"},
		{"main.js", "", "", "none"},
		{"main.js?v=" + hex.EncodeToString(stamp[:8]), "", "", "it is proved"},
		{"main.js?v=gone", "", "", "it was proved of other bytes"},
		{hashed + "?v=1", "", "", "the name is the version"},
		{"page.html?v=1", "", "", "pages are always revalidated"},
		{"gone.js?v=1", "", "", "no such file"},
	} {
		ledger := new(recorder)
		h.Sites[0].Ledger, h.Sites[0].Promises = ledger, promised{"gone": true}
		response := ask(t, h, "GET", "/static/"+c.path, "Referer", c.referrer)
		if got := ledger.observed; len(got) > 1 || len(got) == 1 != (c.want != "") || len(got) == 1 && got[0] != c.want {
			t.Errorf("%s from %s: noted %q, want %q (%s)", c.path, c.referrer, got, c.want, c.why)
		}
		if outdated := c.path == "main.js?v=gone"; outdated != (response.Header.Get("Cache-Control") == "no-store" && response.StatusCode == 200) {
			t.Errorf("%s: %d with %q (%s)", c.path, response.StatusCode, response.Header.Get("Cache-Control"), c.why)
		}
		before := len(ledger.observed)
		h.Explain(httptest.NewRequest("GET", "/static/"+c.path, nil))
		if len(ledger.observed) != before {
			t.Errorf("%s: an explanation was recorded as a request", c.path)
		}
	}
}

func TestNotingDoesNotAllocate(t *testing.T) {
	served, _ := tree.OpenFiles(t, map[string]string{"main.js": tree.Text(20_000)})
	h := handlerOf(t, served)
	h.Sites[0].Ledger = &recorder{silent: true}
	r := httptest.NewRequest("GET", "/static/main.js?x=1&v=20260211", nil)
	r.Header.Set("Referer", "http://example.com/live/?key=secret")
	w := &nothing{r.Header.Clone()}
	if allocations := testing.AllocsPerRun(200, func() {
		clear(w.header)
		if err := h.ServeHTTP(w, r, nextFails{}); err != nil {
			t.Fatal(err)
		}
	}); allocations > 0 {
		t.Errorf("%v allocations, want none", allocations)
	}
}
