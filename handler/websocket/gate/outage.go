package gate

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Defaults of dark_after.
const (
	DefaultOutageRejects = 20
	DefaultOutageAfter   = time.Minute
)

// Outage detects that a route rejects every handshake. An outage begins after a number of rejections without an accepted
// handshake for some time, and ends with the next accepted handshake. Recording takes no lock.
type Outage struct {
	rejects int64
	after   time.Duration
	began   int64 // Unix nanoseconds, like all times here

	accepted atomic.Int64                      // the last accepted handshake; 0: none
	streak   [len(outageOutcomes)]atomic.Int64 // rejections since then, by outcome
	since    atomic.Int64                      // the beginning of the outage; 0: there is none
}

// outageOutcomes are the rejections that count. A limit that is reached shows that the route works, and requests that are no
// handshakes say nothing about it.
var outageOutcomes = [...]Outcome{
	KeyMissing, KeyUnknown, KeyExpired, KeyAmbiguous, KeyOtherRoute, OriginDenied, PageOutdated,
	UpstreamFailed, UpstreamTimeout, UpstreamRefused,
}

// NewOutage returns a detector. Zero means [DefaultOutageRejects] and [DefaultOutageAfter].
func NewOutage(rejects int, after time.Duration, now time.Time) *Outage {
	if rejects <= 0 {
		rejects = DefaultOutageRejects
	}
	if after <= 0 {
		after = DefaultOutageAfter
	}
	return &Outage{rejects: int64(rejects), after: after, began: now.UnixNano()}
}

// Rejected records a rejected handshake.
func (o *Outage) Rejected(outcome Outcome) {
	if i := slices.Index(outageOutcomes[:], outcome); i >= 0 {
		o.streak[i].Add(1)
	}
}

// Accepted records a socket that opened.
func (o *Outage) Accepted(now time.Time) {
	o.accepted.Store(now.UnixNano())
	for i := range o.streak {
		o.streak[i].Store(0)
	}
}

// LastAccepted returns the time of the last accepted handshake, or the zero time.
func (o *Outage) LastAccepted() time.Time {
	if at := o.accepted.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// Active reports whether the route rejects every handshake.
func (o *Outage) Active() bool { return o.since.Load() != 0 }

// OutageReport describes the beginning or the end of an outage.
type OutageReport struct {
	// Active is false if the route has recovered.
	Active bool
	// Rejects counts the rejections without an accepted handshake. Most is their most frequent outcome, Share its percentage.
	Rejects int64
	Most    Outcome
	Share   int
	// For is the time without an accepted handshake, or the length of the outage that ended.
	For time.Duration
	// LastAccepted is zero if no handshake was accepted since Began.
	LastAccepted, Began time.Time
}

// Check reports whether an outage began or ended since the last call. It reports each change once. The caller calls it
// regularly.
func (o *Outage) Check(now time.Time) (report OutageReport, changed bool) {
	since := o.since.Load()
	if since != 0 {
		if o.accepted.Load() < since || !o.since.CompareAndSwap(since, 0) {
			return OutageReport{}, false
		}
		return OutageReport{For: now.Sub(time.Unix(0, since)), LastAccepted: o.LastAccepted()}, true
	}
	report = o.report(now)
	if report.Rejects < o.rejects || report.For < o.after || !o.since.CompareAndSwap(0, now.UnixNano()) {
		return OutageReport{}, false
	}
	return report, true
}

func (o *Outage) report(now time.Time) OutageReport {
	report := OutageReport{Active: true, LastAccepted: o.LastAccepted(), Began: time.Unix(0, o.began)}
	var most int64
	for i := range o.streak {
		count := o.streak[i].Load()
		report.Rejects += count
		if count > most {
			most, report.Most = count, outageOutcomes[i]
		}
	}
	if report.Rejects > 0 {
		report.Share = int(100 * most / report.Rejects)
	}
	report.For = now.Sub(time.Unix(0, max(o.accepted.Load(), o.began)))
	return report
}

// Sentence summarises the report for a person.
func (r OutageReport) Sentence(route string) string {
	if !r.Active {
		return fmt.Sprintf("%s: a handshake was accepted again, after %s", route, formatDuration(r.For))
	}
	last := "none was accepted since " + r.Began.UTC().Format(time.RFC3339)
	if !r.LastAccepted.IsZero() {
		last = "the last accepted was at " + r.LastAccepted.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("%s: %d refusals and no accepted handshake for %s; %d%% %s; %s",
		route, r.Rejects, formatDuration(r.For), r.Share, r.Most, last)
}

// formatDuration rounds to seconds and drops trailing zero units: 1m instead of 1m0s.
func formatDuration(d time.Duration) string {
	text := d.Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
