package pages

import (
	"hash/maphash"
	"net/http"
	"sync/atomic"
)

// pathTable remembers URL paths whose last response was no page, such as a PDF without an extension. It forgets a path when
// another one has its place. Reads take no lock.
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

// note remembers the type of a response.
func (t *pathTable) note(urlPath string, status int, header http.Header) {
	if status != http.StatusOK && status != http.StatusPartialContent {
		return
	}
	place, hash := t.place(urlPath)
	switch isPage := isHTML(header); {
	case isPage && place.Load() == hash:
		place.Store(0)
	case !isPage && place.Load() != hash:
		place.Store(hash)
	}
}
