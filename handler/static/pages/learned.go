package pages

import (
	"hash/maphash"
	"sync/atomic"
)

// pathKind is what the response of a URL path was.
type pathKind uint64

const (
	unknownPath pathKind = iota
	// otherPath had a response that is never stamped, such as a PDF without an extension, XHTML, an attachment, or JSON sent as
	// text/html.
	otherPath
	// pagePath had a stamped page.
	pagePath

	kindBits = 3
)

// pathTable remembers the kinds of URL paths. A path is forgotten when another path takes its place in the table. Reads take no lock.
type pathTable struct {
	seed   maphash.Seed
	places [4096]atomic.Uint64 // a hash, with the kind in its last bits
}

func newPathTable() *pathTable { return &pathTable{seed: maphash.MakeSeed()} }

func (t *pathTable) place(urlPath string) (place *atomic.Uint64, hash uint64) {
	hash = maphash.String(t.seed, urlPath) &^ kindBits
	return &t.places[hash>>2%uint64(len(t.places))], hash
}

func (t *pathTable) kind(urlPath string) pathKind {
	place, hash := t.place(urlPath)
	if noted := place.Load(); noted&^kindBits == hash {
		return pathKind(noted & kindBits)
	}
	return unknownPath
}

// note remembers the kind of a path. An unknown kind replaces only otherPath.
func (t *pathTable) note(urlPath string, kind pathKind) {
	place, hash := t.place(urlPath)
	next := hash | uint64(kind)
	switch noted := place.Load(); {
	case noted == next, kind == unknownPath && noted != hash|uint64(otherPath):
	default:
		place.Store(next)
	}
}
