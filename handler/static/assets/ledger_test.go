package assets

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http/httptest"
	"slices"
	"testing"
)

// seen is a ledger that writes down what it is told.
type seen struct {
	sights []string
	proved map[string]bool
	silent bool
}

func (s *seen) See(path, word, version string, _ [32]byte, page string, onPage bool) {
	if s.silent {
		return
	}
	kind := " asked from "
	if onPage {
		kind = " on "
	}
	s.sights = append(s.sights, path+"?"+word+"="+version+kind+page)
}

func (s *seen) Name(path string, _ [32]byte, _ string)       { s.sights = append(s.sights, path) }
func (s *seen) Proved(string, string, [32]byte)              {}
func (s *seen) WasProved(_, version string, _ [32]byte) bool { return s.proved[version] }
func (s *seen) Lied(_, version string) bool                  { return version == "lied" }

// Only words that carry versions, of files whose version stands in the query, and that nothing proves, enter the ledger; of
// the page its path alone.
func TestWhatEntersTheLedger(t *testing.T) {
	t.Parallel()
	const hashed = "chunk.5d41402abc4b.js" // md5 of hello
	tree, _ := openTree(t, map[string]string{"main.js": "main", hashed: "hello", "page.html": "<p>"})
	h := handlerOf(t, tree)
	stamp := sha256.Sum256([]byte("main"))
	for _, c := range []struct{ path, referrer, want, why string }{
		{"main.js?v=20260211", "http://example.com/live/?key=secret#x", "main.js?v=20260211 asked from /live/", "the incident"},
		{"main.js?key=secret&v=1&token=t", "", "main.js?v=1 asked from ", "other words may be secrets"},
		{"main.js?v=1", "https://elsewhere.com/live/", "main.js?v=1 asked from ", "a page of somebody else"},
		{"main.js?v=1", "http://example.com.evil/", "main.js?v=1 asked from ", "a name that begins alike"},
		{"main.js?v=1", "http://user:secret@example.com/", "main.js?v=1 asked from ", "no browser sends that"},
		{"main.js?v=1", "http://example.com", "main.js?v=1 asked from ", "there is no path"},
		{"main.js?key=secret", "", "", "no version"},
		{"main.js?v=", "", "", "an empty one"},
		{"main.js", "", "", "none"},
		{"main.js?v=" + hex.EncodeToString(stamp[:8]), "", "", "it is proved"},
		{"main.js?v=gone", "", "", "it was proved of other bytes"},
		{hashed + "?v=1", "", "", "the name is the version"},
		{"page.html?v=1", "", "", "pages are always the current ones"},
		{"gone.js?v=1", "", "", "there is no such file"},
	} {
		ledger := &seen{proved: map[string]bool{"gone": true}}
		h.Sites[0].Ledger = ledger
		response := ask(t, h, "GET", "/static/"+c.path, "Referer", c.referrer)
		if got := ledger.sights; len(got) > 1 || len(got) == 1 != (c.want != "") || len(got) == 1 && got[0] != c.want {
			t.Errorf("%s from %s: noted %q, want %q (%s)", c.path, c.referrer, got, c.want, c.why)
		}
		if outdated := c.path == "main.js?v=gone"; outdated != (response.Header.Get("Cache-Control") == "no-store" && response.StatusCode == 200) {
			t.Errorf("%s: %d with %q (%s)", c.path, response.StatusCode, response.Header.Get("Cache-Control"), c.why)
		}
		before := len(ledger.sights)
		h.Explain(httptest.NewRequest("GET", "/static/"+c.path, nil))
		if len(ledger.sights) != before {
			t.Errorf("%s: it was noted that somebody asked why", c.path)
		}
	}
}

func TestWhatPagesReferTo(t *testing.T) {
	t.Parallel()
	tree, _ := openTree(t, map[string]string{"main.js": "main", "chunk.5d41402abc4b.js": "hello"})
	h := handlerOf(t, tree)
	ledger := new(seen)
	site := &h.Sites[0]
	site.Ledger = ledger
	stamp := sha256.Sum256([]byte("main"))
	for _, reference := range [][2]string{
		{"main.js", "20260211"}, {"main.js", hex.EncodeToString(stamp[:8])}, {"chunk.5d41402abc4b.js", "1"}, {"gone.js", "1"},
	} {
		site.Referred(tree.Current(), reference[0], "v", reference[1], "/live/")
		site.Referred(nil, reference[0], "v", reference[1], "/live/") // nothing was read yet
	}
	if want := []string{"main.js?v=20260211 on /live/"}; !slices.Equal(ledger.sights, want) {
		t.Errorf("noted %q, want %q", ledger.sights, want)
	}
}

func TestNotingDoesNotAllocate(t *testing.T) {
	tree, _ := openTree(t, map[string]string{"main.js": text(20_000)})
	h := handlerOf(t, tree)
	h.Sites[0].Ledger = &seen{silent: true}
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
