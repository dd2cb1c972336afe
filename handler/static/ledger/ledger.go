package ledger

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultGrace is how long a version may be requested for changed content before it is stale.
const DefaultGrace = 10 * time.Second

// Digest is the SHA-256 of a file's content.
type Digest = [sha256.Size]byte

// Observation is a request for a file by a version that nothing proves.
type Observation struct {
	// Path is the path of the file.
	Path string
	// Param is the query parameter that carries the version, such as v.
	Param, Version string
	// Digest is the digest of the file's current content.
	Digest Digest
	// Page is the path of the page that sent the request; "" if unknown.
	Page string
}

// StaleVersion is a version string still in use after the file's content changed.
type StaleVersion struct {
	Path, Param, Version, Page string
	// Since is when the version was found stale.
	Since time.Time
	// Previous and Current are the contents that the version was requested for. [Ledger.Stale] does not know Previous.
	Previous, Current Digest
	// InName reports a version that is part of the file's name. Why says how it is known to be of other content.
	InName bool
	Why    string
	// Suppressed is the number of stale versions since the last report that were not reported, because they were too many.
	Suppressed int
}

// Ledger is safe for concurrent use.
type Ledger struct {
	now     func() time.Time
	grace   atomic.Int64
	entries atomic.Pointer[map[string]*entry] // by path; immutable

	mutex      sync.Mutex  // guards changes of entries, and the fields below
	reports    []time.Time // within reportWindow
	suppressed int
}

// New returns an empty ledger. A grace of 0 is [DefaultGrace].
func New(now func() time.Time, grace time.Duration) *Ledger {
	l := &Ledger{now: now}
	l.entries.Store(&map[string]*entry{})
	l.SetGrace(grace)
	return l
}

// SetGrace sets how long a version may be requested for changed content before it is stale: a deployment changes files first
// and pages later. 0 is [DefaultGrace].
func (l *Ledger) SetGrace(grace time.Duration) {
	l.grace.Store(int64(cmp.Or(grace, DefaultGrace)))
}

// Observe records a request. It returns a stale version that has not been reported for this content.
func (l *Ledger) Observe(o Observation) (stale StaleVersion, found bool) {
	if r := l.find(o.Path, o.Version); r != nil && l.countRepeated(r, o.Digest) {
		return StaleVersion{}, false
	}
	if !isPlausible(o) {
		return StaleVersion{}, false
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	now := l.now()
	r := l.find(o.Path, o.Version)
	switch {
	case r == nil:
		r = &record{version: strings.Clone(o.Version), param: strings.Clone(o.Param), digest: o.Digest, since: now}
		r.requests.add()
		l.put(o.Path, r)
	case r.digest == o.Digest:
		r.pending.Store(nil) // the previous content is back
		r.requests.add()
	default:
		return l.check(o, r, now)
	}
	return StaleVersion{}, false
}

// countRepeated counts an observation that changes nothing else, without the lock.
func (l *Ledger) countRepeated(r *record, digest Digest) bool {
	switch p := r.pending.Load(); {
	case p == nil && r.digest == digest:
		r.requests.add()
	case p != nil && p.digest == digest && l.now().UnixNano() < p.until.Load():
		p.requests.add()
	default:
		return false
	}
	return true
}

// check decides whether a version is stale that was recorded with other content. Until the grace period is over it is pending.
func (l *Ledger) check(o Observation, r *record, now time.Time) (StaleVersion, bool) {
	p := r.pending.Load()
	isNew := p == nil || p.digest != o.Digest
	if isNew {
		p = &pending{digest: o.Digest}
		r.pending.Store(p)
	}
	p.requests.add()
	if !isNew && now.UnixNano() < p.until.Load() {
		return StaleVersion{}, false
	}
	p.until.Store(now.UnixNano() + l.grace.Load())
	if isNew || r.requests.get()+p.requests.get() < enough || l.isReplaced(o, r, p) {
		return StaleVersion{}, false
	}
	next := &record{version: r.version, param: r.param, digest: o.Digest, since: now, stale: true, page: strings.Clone(o.Page)}
	next.requests.set(r.requests.get())
	l.put(o.Path, next)
	return l.report(StaleVersion{
		Path: o.Path, Param: r.param, Version: r.version, Page: o.Page, Since: now, Previous: r.digest, Current: o.Digest,
	}, now)
}

// isReplaced reports that the current content has a newer version that is requested as much. Then the old version comes from
// pages that were loaded before the deployment, or another stale version was reported for this content.
func (l *Ledger) isReplaced(o Observation, old *record, p *pending) bool {
	for _, other := range l.records(o.Path) {
		if other != old && other.digest == o.Digest && other.since.After(old.since) && other.requests.get() >= p.requests.get() {
			return true
		}
	}
	return false
}

// ObserveName records a file whose name holds the hash of other content; why says how that is known. It returns a stale version
// that has not been reported for this content.
func (l *Ledger) ObserveName(path string, digest Digest, why string) (stale StaleVersion, found bool) {
	if r := l.find(path, ""); r != nil && r.digest == digest {
		return StaleVersion{}, false
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	now := l.now()
	r := &record{digest: digest, since: now, stale: true, why: why}
	r.requests.set(enough)
	l.put(path, r)
	return l.report(StaleVersion{Path: path, Since: now, Current: digest, InName: true, Why: why}, now)
}

// Stale returns the versions that were found stale and are remembered, the newest first. It includes those that were not reported
// because they were too many. Current is the content that they were found with: a file with other content has no stale version.
func (l *Ledger) Stale() []StaleVersion {
	var stale []StaleVersion
	for path := range *l.entries.Load() {
		for _, r := range l.records(path) {
			if r.stale {
				stale = append(stale, StaleVersion{
					Path: path, Param: r.param, Version: r.version, Page: r.page, Since: r.since, Current: r.digest, InName: r.version == "", Why: r.why,
				})
			}
		}
	}
	slices.SortFunc(stale, func(a, b StaleVersion) int {
		return cmp.Or(b.Since.Compare(a.Since), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Version, b.Version))
	})
	return stale
}

// IsStale reports whether a version was found stale. The version "" is that in the file's name.
func (l *Ledger) IsStale(path, version string) bool {
	r := l.find(path, version)
	return r != nil && r.stale
}

// At most maxReports stale versions are reported within reportWindow: clients must not be able to fill a log.
const (
	maxReports   = 20
	reportWindow = 10 * time.Minute
)

func (l *Ledger) report(stale StaleVersion, now time.Time) (StaleVersion, bool) {
	for len(l.reports) > 0 && now.Sub(l.reports[0]) >= reportWindow {
		l.reports = l.reports[1:]
	}
	if len(l.reports) >= maxReports {
		l.suppressed++
		return StaleVersion{}, false
	}
	l.reports = append(l.reports, now)
	stale.Suppressed, l.suppressed = l.suppressed, 0
	return stale, true
}
