package assets

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// unceasing is how long a file may be written to on end and hold back all else.
const unceasing = 5 * time.Minute

// unceasingDirectory is that for files of one directory, now the one, now the other, and for a dotfile, which is one that is being
// transferred: so long a deployment may take. One that takes longer may be seen by parts.
const unceasingDirectory = 30 * time.Minute

// writings are the files below a root that are being written to, and the directories that they are in.
type writings struct {
	seen   []entry // what was there when it was last looked
	looked time.Time
	pause  time.Duration // what is written to after it begins anew
	at     map[string]writing
}

type writing struct {
	since, last time.Time
	endless     bool // for so long that it does not count any more: a log file, or a directory of uploads
}

// look notes what has changed since it was last looked, and returns what is endless from now on.
func (w *writings) look(entries []entry, now time.Time) (endless []string) {
	if slices.Equal(w.seen, entries) {
		entries = w.seen // it is held already
	}
	if !w.looked.IsZero() {
		pause := w.pause + now.Sub(w.looked)
		for path := range changes(w.seen, entries) {
			if found := w.note(path, now, pause); found != "" {
				endless = append(endless, found)
			}
		}
		maps.DeleteFunc(w.at, func(_ string, one writing) bool { return now.Sub(one.last) > pause })
	}
	w.seen, w.looked = entries, now
	return endless
}

// note notes a file, and the directories above it, up to the first that is endless: those above that are written to only there.
func (w *writings) note(path string, now time.Time, pause time.Duration) (endless string) {
	for at := range upwards(path) {
		one, known := w.at[at]
		if !known || now.Sub(one.last) > pause {
			one = writing{since: now}
		}
		one.last = now
		if !one.endless && now.Sub(one.since) >= limit(path, at) {
			one.endless, endless = true, cmp.Or(at, ".")
			for above := range upwards(at) {
				delete(w.at, above)
			}
		}
		w.at[at] = one
		if one.endless {
			break
		}
	}
	return endless
}

// limit is that of a file, or of a directory above it.
func limit(file, at string) time.Duration {
	if at == file && !hiddenSegment(file[strings.LastIndexByte(file, '/')+1:]) {
		return unceasing
	}
	return unceasingDirectory
}

// upwards yields a path, the directories above it, and the root, which is "".
func upwards(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for yield(path) && path != "" {
			path = parent(path)
		}
	}
}

// any reports that something is endless.
func (w *writings) any() bool {
	for _, one := range w.at {
		if one.endless {
			return true
		}
	}
	return false
}

// holds reports a path that is endless, or in a directory that is.
func (w *writings) holds(path string) bool {
	for at := range upwards(path) {
		if w.at[at].endless {
			return true
		}
	}
	return false
}

// others reports that something else is being written to, or was a moment ago.
func (w *writings) others() bool {
	for path := range w.at {
		if !w.holds(path) {
			return true
		}
	}
	return false
}

// settled is what was there when it was last looked, with what has only just been written as it was before.
func (w *writings) settled(before walkedTree) []entry {
	entries := make([]entry, 0, len(w.seen))
	for _, e := range w.seen {
		if w.at[e.path].last.Equal(w.looked) && w.holds(e.path) {
			old := before.find(e.path)
			if old == nil {
				continue
			}
			e = *old
		}
		entries = append(entries, e)
	}
	return entries
}

// same reports whether two walks found the same, what is endless apart.
func (w *writings) same(a, b []entry) bool {
	for path := range changes(a, b) {
		if !w.holds(path) {
			return false
		}
	}
	return true
}

// changes yields the paths of which two walks found something else.
func changes(a, b []entry) iter.Seq[string] {
	return func(yield func(string) bool) {
		for len(a) > 0 || len(b) > 0 {
			order := 0
			switch {
			case len(a) == 0:
				order = 1
			case len(b) == 0:
				order = -1
			default:
				order = strings.Compare(a[0].path, b[0].path)
			}
			switch {
			case order < 0:
				if !yield(a[0].path) {
					return
				}
				a = a[1:]
			case order > 0:
				if !yield(b[0].path) {
					return
				}
				b = b[1:]
			default:
				if a[0] != b[0] && !yield(a[0].path) {
					return
				}
				a, b = a[1:], b[1:]
			}
		}
	}
}
