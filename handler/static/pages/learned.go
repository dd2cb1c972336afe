package pages

import (
	"hash/maphash"
	"sync/atomic"
)

// pathTable remembers URL paths whose last response was no page, such as a PDF without an extension. XHTML, attachments and JSON
// sent as text/html are no pages here, since they are never stamped. A path is
// forgotten when another path takes its place in the table. Reads take no lock.
type pathTable struct {
	seed   maphash.Seed
	places [4096]atomic.Uint64
}

func newPathTable() *pathTable { return &pathTable{seed: maphash.MakeSeed()} }

func (t *pathTable) place(urlPath string) (place *atomic.Uint64, hash uint64) {
	hash = maphash.String(t.seed, urlPath) | 1 // not zero
	return &t.places[hash>>1%uint64(len(t.places))], hash
}

// has reports a path whose last response was no page.
func (t *pathTable) has(urlPath string) bool {
	place, hash := t.place(urlPath)
	return place.Load() == hash
}

// note remembers whether the response was a page.
func (t *pathTable) note(urlPath string, isPage bool) {
	place, hash := t.place(urlPath)
	switch {
	case isPage && place.Load() == hash:
		place.Store(0)
	case !isPage && place.Load() != hash:
		place.Store(hash)
	}
}
