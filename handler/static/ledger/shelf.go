package ledger

import (
	"encoding/hex"
	"maps"
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// kind is how much a version has for itself.
type kind int

const (
	asked  kind = iota // requests came with it
	onPage             // a page refers to it
	proved             // it was that of the bytes
)

// note is what is known of a version. It is replaced where more than its counters changes.
type note struct {
	version, word, page string
	digest              Digest
	kind                kind
	at                  time.Time // since when it is of these bytes
	lied                time.Time // when it was found to be told of other bytes; zero: never
	base                uint32    // hits of the one whose place it took
	hits                atomic.Uint32
	doubt               atomic.Pointer[doubts]
}

// doubts are of a version that is told of other bytes than before.
type doubts struct {
	digest Digest
	next   atomic.Int64 // when to weigh them, in nanoseconds since 1970
	seen   atomic.Uint32
}

func (n *note) count() {
	if n.hits.Load() < math.MaxUint32/2 {
		n.hits.Add(1)
	}
}

func (n *note) with(kind kind, page string) *note {
	next := &note{
		version: n.version, word: n.word, page: page, digest: n.digest, kind: kind, at: n.at, lied: n.lied, base: n.base,
	}
	next.hits.Store(n.hits.Load())
	next.doubt.Store(n.doubt.Load())
	return next
}

// leastDigits is how much of a SHA-256 a version has to hold to name bytes.
const leastDigits = 8

// isNamedBy reports the version of a note, or another length of the digest of its bytes.
func (n *note) isNamedBy(version string) bool {
	if n.version == version {
		return true
	}
	var whole [2 * len(Digest{})]byte
	hex.Encode(whole[:], n.digest[:])
	return len(version) >= leastDigits && len(version) <= len(whole) && string(whole[:len(version)]) == version
}

// size is about what it takes in memory, in bytes.
func (n *note) size() int { return 256 + len(n.version) + len(n.word) + len(n.page) }

// shelf is what is known of one path.
type shelf struct {
	notes atomic.Pointer[[]*note] // immutable; never empty
}

func (s *shelf) find(version string) *note {
	for _, n := range *s.notes.Load() {
		if n.version == version {
			return n
		}
	}
	return nil
}

// perKind is how many versions of a kind are held of a path.
const perKind = 4

// The most that is held of all paths.
const (
	maxPaths = 4096
	maxSize  = 2 << 20
)

// put adds a note, in place of the one with its version. The caller holds the mutex.
func (l *Ledger) put(path string, n *note) {
	l.dirty = true
	shelves := *l.shelves.Load()
	holder := shelves[path]
	if holder == nil {
		holder = new(shelf)
		holder.notes.Store(&[]*note{n})
		shelves = maps.Clone(shelves)
		shelves[path] = holder
		l.size += len(path) + n.size()
		l.shelves.Store(&shelves)
		l.makeRoom(path)
		return
	}
	notes := slices.Clone(*holder.notes.Load())
	before := sizeOf(notes)
	if i := slices.IndexFunc(notes, func(other *note) bool { return other.version == n.version }); i >= 0 {
		notes[i] = n
	} else {
		notes = append(withRoom(notes, n), n)
	}
	holder.notes.Store(&notes)
	l.size += sizeOf(notes) - before
	l.makeRoom(path)
}

// withRoom takes out the least of the kind, if there are as many as may be. Among those that were asked for it is the least
// shared, whose count the next one takes over: so a version that one in so many requests has stays, whatever the others
// have (Metwally, Agrawal, El Abbadi: Efficient Computation of Frequent and Top-k Elements in Data Streams). Of the others it
// is the oldest.
func withRoom(notes []*note, next *note) []*note {
	least, count := -1, 0
	for i, n := range notes {
		if n.kind != next.kind {
			continue
		}
		count++
		if least < 0 || n.isLess(notes[least]) {
			least = i
		}
	}
	if count < perKind {
		return notes
	}
	if next.kind == asked {
		next.base = notes[least].base + notes[least].hits.Load()
	}
	return slices.Delete(notes, least, least+1)
}

func (n *note) isLess(other *note) bool {
	if n.kind == asked {
		mine, others := n.base+n.hits.Load(), other.base+other.hits.Load()
		if mine != others {
			return mine < others
		}
	}
	return n.at.Before(other.at)
}

// makeRoom lets the least paths go, and keeps the given one.
func (l *Ledger) makeRoom(kept string) {
	shelves := *l.shelves.Load()
	if len(shelves) <= maxPaths && l.size <= maxSize {
		return
	}
	shelves = maps.Clone(shelves)
	// A part at once, so that it is not done for every one that comes.
	for _, path := range l.leastFirst(shelves) {
		if len(shelves) <= maxPaths*7/8 && l.size <= maxSize/8*7 {
			break
		}
		if path != kept {
			l.size -= len(path) + sizeOf(*shelves[path].notes.Load())
			delete(shelves, path)
		}
	}
	l.shelves.Store(&shelves)
}

// leastFirst orders paths: first those of which there is only what few requests claim, and the oldest first.
func (l *Ledger) leastFirst(shelves map[string]*shelf) []string {
	type rank struct {
		shared bool
		at     time.Time
	}
	ranks := make(map[string]rank, len(shelves))
	for path, s := range shelves {
		var r rank
		for _, n := range *s.notes.Load() {
			r.shared = r.shared || n.kind != asked || n.hits.Load() >= shared
			if n.at.After(r.at) {
				r.at = n.at
			}
		}
		ranks[path] = r
	}
	return slices.SortedFunc(maps.Keys(shelves), func(a, b string) int {
		switch x, y := ranks[a], ranks[b]; {
		case x.shared != y.shared && y.shared:
			return -1
		case x.shared != y.shared:
			return 1
		default:
			return x.at.Compare(y.at)
		}
	})
}

func sizeOf(notes []*note) (size int) {
	for _, n := range notes {
		size += n.size()
	}
	return size
}
