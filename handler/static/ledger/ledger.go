package ledger

import (
	"cmp"
	"crypto/sha256"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a [Ledger] is made of.
type Config struct {
	// File holds what is known. Its directory is made if it is missing.
	File string
	// Patience is how long a version may be seen with other bytes until it is a lie: a deployment changes files first and the
	// pages that refer to them later. Default 10s.
	Patience time.Duration
	// Every is how often what is new is written to the file. Default 30s.
	Every time.Duration
	Now   func() time.Time
	// Report is told of a file that could not be read or written.
	Report func(error)
}

// Defaults of a [Config].
const (
	DefaultPatience = 10 * time.Second
	DefaultEvery    = 30 * time.Second
)

// Digest is the SHA-256 of bytes.
type Digest = [sha256.Size]byte

// Sight is a version that was seen.
type Sight struct {
	// Path is the file's.
	Path string
	// Word is the one of the query that carries the version: v.
	Word, Version string
	// Digest is that of the bytes that the path has now.
	Digest Digest
	// Page is the path of the page that refers to it, or "".
	Page string
	// OnPage says that the reference was seen on the page itself. Otherwise it is what a request claims.
	OnPage bool
}

// Ledger is safe for concurrent use.
type Ledger struct {
	config   Config
	patience atomic.Int64                      // of the configuration in force
	shelves  atomic.Pointer[map[string]*shelf] // by path; immutable

	mutex     sync.Mutex // guards what follows, and all changes of shelves
	size      int        // of all that is held, in bytes
	dirty     bool
	savedHits int         // what hits were when they were written
	told      []time.Time // when lies were told, within liesIn
	mute      int         // lies that were not told

	saving   sync.Mutex  // guards what follows
	written  fs.FileInfo // the file as it was written, or read, last
	reported string      // what was reported of the file last

	stop    chan struct{}
	stopped chan struct{}
}

// Open reads the file. One that cannot be read is reported, and begun anew.
func Open(config Config) *Ledger {
	config.Every = cmp.Or(config.Every, DefaultEvery)
	l := &Ledger{config: config, stop: make(chan struct{}), stopped: make(chan struct{})}
	l.shelves.Store(&map[string]*shelf{})
	l.Wait(config.Patience)
	if err := l.load(); err != nil {
		config.Report(err)
	}
	l.dirty, l.savedHits = false, l.hits()
	go l.writeNowAndThen()
	return l
}

// Wait sets the patience from now on. 0 means the default.
func (l *Ledger) Wait(patience time.Duration) {
	l.patience.Store(int64(cmp.Or(patience, DefaultPatience)))
}

// Close writes what is held, and ends.
func (l *Ledger) Close() {
	close(l.stop)
	<-l.stopped
}

func (l *Ledger) writeNowAndThen() {
	defer close(l.stopped)
	ticker := time.NewTicker(l.config.Every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			l.save(false)
		case <-l.stop:
			l.save(true)
			return
		}
	}
}

// See notes a version that nothing proves. What it returns is a lie that nobody was told of.
func (l *Ledger) See(s Sight) (lie Lie, found bool) {
	if n := l.find(s.Path, s.Version); n != nil && (n.kind == onPage || !s.OnPage) {
		switch doubt := n.doubt.Load(); {
		case n.digest == s.Digest && doubt == nil:
			n.count()
			return Lie{}, false
		case doubt != nil && doubt.digest == s.Digest && l.config.Now().UnixNano() < doubt.next.Load():
			doubt.seen.Add(1)
			return Lie{}, false
		}
	}
	if !isPlausible(s) {
		return Lie{}, false
	}
	return l.note(s)
}

// The longest path, version and page that are held, in bytes.
const (
	maxPath    = 512
	maxVersion = 64
	maxPage    = 256
)

// isPlausible keeps out what is no version that anybody wrote into a page.
func isPlausible(s Sight) bool {
	return len(s.Path) <= maxPath && s.Version != "" && len(s.Version) <= maxVersion && len(s.Word) <= maxVersion &&
		!strings.ContainsFunc(s.Version, func(c rune) bool { return c <= ' ' || c >= 0x7f })
}

func (l *Ledger) find(path, version string) *note {
	shelf := (*l.shelves.Load())[path]
	if shelf == nil {
		return nil
	}
	return shelf.find(version)
}

// note is See for what is not as it was.
func (l *Ledger) note(s Sight) (Lie, bool) {
	if len(s.Page) > maxPage {
		s.Page = ""
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	now := l.config.Now()
	kind := asked
	if s.OnPage {
		kind = onPage
	}
	n := l.find(s.Path, s.Version)
	switch {
	case n != nil && n.kind == proved:
		return Lie{}, false // it is known to be of other bytes
	case n == nil:
		l.put(s.Path, &note{version: s.Version, word: s.Word, page: s.Page, digest: s.Digest, kind: kind, at: now})
		return Lie{}, false
	case kind > n.kind:
		n = n.with(kind, s.Page)
		l.put(s.Path, n)
	}
	if n.digest == s.Digest {
		n.doubt.Store(nil) // the old bytes are back
		n.count()
		return Lie{}, false
	}
	return l.weigh(s, n, now)
}

// Name notes a file whose name holds the version of other bytes. What it returns is a lie that nobody was told of.
func (l *Ledger) Name(path string, digest Digest, why string) (lie Lie, found bool) {
	if len(path) > maxPath {
		return Lie{}, false
	}
	if n := l.find(path, ""); n != nil && n.digest == digest {
		return Lie{}, false
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	now := l.config.Now()
	l.put(path, &note{digest: digest, kind: onPage, at: now, lied: now})
	return l.mayTell(Lie{Path: path, Is: digest, InName: true, Why: why}, now)
}

// Proved notes a version that was proved to be of bytes which are not kept any more.
func (l *Ledger) Proved(path, version string, digest Digest) {
	if s := (Sight{Path: path, Version: version}); !isPlausible(s) {
		return
	}
	if n := l.find(path, version); n != nil && n.digest == digest {
		return
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.put(path, &note{version: version, digest: digest, kind: proved, at: l.config.Now()})
}

// WasProved reports a version that was proved to be of other bytes than these.
func (l *Ledger) WasProved(path, version string, digest Digest) bool {
	shelf := (*l.shelves.Load())[path]
	if shelf == nil {
		return false
	}
	for _, n := range *shelf.notes.Load() {
		if n.kind == proved && n.digest != digest && n.isNamedBy(version) {
			return true
		}
	}
	return false
}

// Lied is when a version was last found to be told of other bytes than before. The version is "" for that in a name.
func (l *Ledger) Lied(path, version string) (at time.Time, page string, ok bool) {
	n := l.find(path, version)
	if n == nil || n.lied.IsZero() {
		return time.Time{}, "", false
	}
	return n.lied, n.page, true
}
