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
	DefaultDarkRefusals = 20
	DefaultDarkLasting  = time.Minute
)

// Darkness watches whether a route still admits anybody. A route is dark when so many handshakes in a row were refused,
// and none was accepted for so long; it is lit again by the next one that is. Noting takes no lock.
type Darkness struct {
	refusals int64
	lasting  time.Duration
	began    int64 // Unix nanoseconds, as all times here

	accepted atomic.Int64                 // when the last one was; 0: never
	inARow   [len(darkening)]atomic.Int64 // refusals since, by outcome
	since    atomic.Int64                 // when it went dark; 0: it is lit
}

// darkening are the refusals of which a route goes dark. A limit that is met is a sign of life, and what is no handshake
// says nothing of the route.
var darkening = [...]Outcome{
	KeyMissing, KeyUnknown, KeyExpired, KeyAmbiguous, KeyOtherRoute, OriginDenied, PageOutdated,
	UpstreamFailed, UpstreamTimeout, UpstreamRefused,
}

// NewDarkness begins to watch. Zero means [DefaultDarkRefusals] and [DefaultDarkLasting].
func NewDarkness(refusals int, lasting time.Duration, now time.Time) *Darkness {
	if refusals <= 0 {
		refusals = DefaultDarkRefusals
	}
	if lasting <= 0 {
		lasting = DefaultDarkLasting
	}
	return &Darkness{refusals: int64(refusals), lasting: lasting, began: now.UnixNano()}
}

// Refused notes a refusal.
func (d *Darkness) Refused(outcome Outcome) {
	if i := slices.Index(darkening[:], outcome); i >= 0 {
		d.inARow[i].Add(1)
	}
}

// Accepted notes a socket that opened.
func (d *Darkness) Accepted(now time.Time) {
	d.accepted.Store(now.UnixNano())
	for i := range d.inARow {
		d.inARow[i].Store(0)
	}
}

// LastAccepted is when the last handshake was accepted; zero: none was since the watch began.
func (d *Darkness) LastAccepted() time.Time {
	if at := d.accepted.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// Dark reports whether the route is dark.
func (d *Darkness) Dark() bool { return d.since.Load() != 0 }

// DarkReport says why a route is dark, or for how long it was.
type DarkReport struct {
	// Dark is false where the route is lit again.
	Dark bool
	// Refusals is how many there were in a row, Most the outcome that most of them had, and Share its percentage.
	Refusals int64
	Most     Outcome
	Share    int
	// For is how long no handshake was accepted, or for how long the route was dark.
	For time.Duration
	// LastAccepted is zero if none was since Began.
	LastAccepted, Began time.Time
}

// Look reports a change since the last look, once whoever looks. It is called every now and then.
func (d *Darkness) Look(now time.Time) (report DarkReport, changed bool) {
	since := d.since.Load()
	if since != 0 {
		if d.accepted.Load() < since || !d.since.CompareAndSwap(since, 0) {
			return DarkReport{}, false
		}
		return DarkReport{For: now.Sub(time.Unix(0, since)), LastAccepted: d.LastAccepted()}, true
	}
	report = d.report(now)
	if report.Refusals < d.refusals || report.For < d.lasting || !d.since.CompareAndSwap(0, now.UnixNano()) {
		return DarkReport{}, false
	}
	return report, true
}

func (d *Darkness) report(now time.Time) DarkReport {
	report := DarkReport{Dark: true, LastAccepted: d.LastAccepted(), Began: time.Unix(0, d.began)}
	var most int64
	for i := range d.inARow {
		count := d.inARow[i].Load()
		report.Refusals += count
		if count > most {
			most, report.Most = count, darkening[i]
		}
	}
	if report.Refusals > 0 {
		report.Share = int(100 * most / report.Refusals)
	}
	report.For = now.Sub(time.Unix(0, max(d.accepted.Load(), d.began)))
	return report
}

// Sentence is what a person who is called at night wants to read first.
func (r DarkReport) Sentence(route string) string {
	if !r.Dark {
		return fmt.Sprintf("%s: a handshake was accepted again, after %s", route, short(r.For))
	}
	last := "none was accepted since " + r.Began.UTC().Format(time.RFC3339)
	if !r.LastAccepted.IsZero() {
		last = "the last accepted was at " + r.LastAccepted.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("%s: %d refusals and no accepted handshake for %s; %d%% %s; %s",
		route, r.Refusals, short(r.For), r.Share, r.Most, last)
}

// short is a duration to the second, without what is zero in it: 1m and not 1m0s.
func short(d time.Duration) string {
	text := d.Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
