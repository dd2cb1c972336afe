package ledger

import (
	"cmp"
	"time"
)

// Lie is a version that is told of other bytes than before.
type Lie struct {
	Path, Word, Version, Page string
	// OnPage says that the reference was seen on the page itself.
	OnPage bool
	// Was and Is are the bytes that it was of, and is told of now.
	Was, Is Digest
	// InName says that the version is a part of the file's name, and of other bytes than the file's; Why says how that is known.
	InName bool
	Why    string
	// Untold is how many were noticed before it that nobody was told of, since they were too many.
	Untold int
}

// The most that is told in some time: what clients ask for must not fill a log.
const (
	mostLies = 20
	liesIn   = 10 * time.Minute
)

// weigh decides whether a version that was of other bytes is a lie by now.
func (l *Ledger) weigh(s Sight, n *note, now time.Time) (Lie, bool) {
	doubt := n.doubt.Load()
	if doubt == nil || doubt.digest != s.Digest {
		doubt = &doubts{digest: s.Digest}
		doubt.next.Store(now.UnixNano() + l.patience.Load())
		doubt.seen.Store(1)
		n.doubt.Store(doubt)
		return Lie{}, false
	}
	seen := doubt.seen.Add(1)
	if now.UnixNano() < doubt.next.Load() {
		return Lie{}, false
	}
	doubt.next.Store(now.UnixNano() + l.patience.Load())
	if n.kind == asked && n.hits.Load()+seen < shared || l.isReplaced(s, n, seen) {
		return Lie{}, false
	}
	lie := Lie{
		Path: s.Path, Word: n.word, Version: n.version, Page: cmp.Or(s.Page, n.page), OnPage: n.kind == onPage, Was: n.digest, Is: s.Digest,
	}
	next := &note{version: n.version, word: n.word, page: lie.Page, digest: s.Digest, kind: n.kind, at: now, lied: now}
	next.hits.Store(n.hits.Load())
	l.put(s.Path, next)
	return l.mayTell(lie, now)
}

// shared is how many requests must have asked for a version that was seen on no page until it is believed that one has it.
const shared = 3

// isReplaced reports that the present bytes have a version of their own, which is seen no less: then who asks for the old
// one has a page of before.
func (l *Ledger) isReplaced(s Sight, old *note, seen uint32) bool {
	shelf := (*l.shelves.Load())[s.Path]
	for _, other := range *shelf.notes.Load() {
		if other != old && other.digest == s.Digest && other.kind >= old.kind && other.kind != proved &&
			other.at.After(old.at) && other.hits.Load()+1 >= seen {
			return true
		}
	}
	return false
}

// mayTell keeps lies from filling a log.
func (l *Ledger) mayTell(lie Lie, now time.Time) (Lie, bool) {
	for len(l.told) > 0 && now.Sub(l.told[0]) >= liesIn {
		l.told = l.told[1:]
	}
	if len(l.told) >= mostLies {
		l.mute++
		return Lie{}, false
	}
	l.told = append(l.told, now)
	lie.Untold, l.mute = l.mute, 0
	return lie, true
}
