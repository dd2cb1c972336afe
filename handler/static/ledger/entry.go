package ledger

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// The longest path and version that are recorded, in bytes.
const (
	maxPath    = 512
	maxVersion = 64
)

// isPlausible reports whether a version can have been written into a page by its author.
func isPlausible(o Observation) bool {
	return len(o.Path) <= maxPath && o.Version != "" && len(o.Version) <= maxVersion && len(o.Param) <= maxVersion &&
		!strings.ContainsFunc(o.Version, func(c rune) bool { return c <= ' ' || c >= 0x7f })
}

// entry is what is known of one path.
type entry struct {
	records atomic.Pointer[[]*record] // immutable; never empty
}

// record is one version and its content. A record is replaced when more than its counters changes.
type record struct {
	version, param string
	digest         Digest
	since          time.Time // when the version was first seen with this content
	stale          bool      // it had other content before
	page, why      string    // of the report, if it is stale
	requests       count
	pending        atomic.Pointer[pending] // nil: the version was last seen with this content
}

// pending is other content that a version was requested for, and that is not reported yet.
type pending struct {
	digest   Digest
	until    atomic.Int64 // when to decide, in nanoseconds since 1970
	requests count
}

// enough requests make a version credible. Fewer may come from one client that made it up.
const enough = 3

// count counts requests up to enough.
type count struct{ atomic.Uint32 }

func (c *count) get() uint32  { return c.Load() }
func (c *count) set(n uint32) { c.Store(n) }

func (c *count) add() {
	if c.Load() < enough {
		c.Add(1)
	}
}

func (l *Ledger) records(path string) []*record {
	e := (*l.entries.Load())[path]
	if e == nil {
		return nil
	}
	return *e.records.Load()
}

func (l *Ledger) find(path, version string) *record {
	for _, r := range l.records(path) {
		if r.version == version {
			return r
		}
	}
	return nil
}

// The most paths that are recorded, and the most versions of a path: about 4 MiB in all.
const (
	maxPaths    = 4096
	maxVersions = 4
)

// put stores a record in place of the one of its version. The caller holds the mutex.
func (l *Ledger) put(path string, r *record) {
	entries := *l.entries.Load()
	if e := entries[path]; e != nil {
		records := slices.DeleteFunc(slices.Clone(*e.records.Load()), func(other *record) bool { return other.version == r.version })
		if len(records) == maxVersions {
			records = slices.DeleteFunc(records, isOne(slices.MinFunc(records, byValue)))
		}
		records = append(records, r)
		e.records.Store(&records)
		return
	}
	entries = maps.Clone(entries)
	if len(entries) >= maxPaths {
		makeRoom(entries)
	}
	e := new(entry)
	e.records.Store(&[]*record{r})
	entries[path] = e
	l.entries.Store(&entries)
}

func isOne(r *record) func(*record) bool { return func(other *record) bool { return other == r } }

// byValue orders records: those with few requests first, then the oldest.
func byValue(a, b *record) int {
	return cmp.Or(cmp.Compare(a.requests.get(), b.requests.get()), a.since.Compare(b.since))
}

// makeRoom deletes the paths whose best record is of least value: an eighth at once, so that it is not done for each new path.
func makeRoom(entries map[string]*entry) {
	best := make(map[string]*record, len(entries))
	for path, e := range entries {
		best[path] = slices.MaxFunc(*e.records.Load(), byValue)
	}
	paths := slices.SortedFunc(maps.Keys(best), func(a, b string) int { return byValue(best[a], best[b]) })
	for _, path := range paths[:maxPaths/8] {
		delete(entries, path)
	}
}
