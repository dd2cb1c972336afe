package ledger

import (
	"crypto/sha256"
	"sync/atomic"
	"testing"
	"time"
)

var noon = time.Date(2026, 2, 11, 12, 0, 0, 0, time.UTC)

// clocked is a ledger and its clock.
type clocked struct {
	*Ledger
	since atomic.Int64
}

func newClocked() *clocked {
	c := &clocked{}
	c.Ledger = New(func() time.Time { return noon.Add(time.Duration(c.since.Load())) }, 0)
	return c
}

func (c *clocked) advance(d time.Duration) { c.since.Add(int64(d)) }

// request observes a request for a version of main.js.
func (c *clocked) request(version, content string) (StaleVersion, bool) {
	return c.Observe(Observation{Path: "main.js", Param: "v", Version: version, Digest: sha256.Sum256([]byte(content)), Page: "/"})
}

// requestForAMinute observes the requests of many clients, and counts the reports.
func (c *clocked) requestForAMinute(version, content string) (reports int) {
	for range 12 {
		if _, found := c.request(version, content); found {
			reports++
		}
		c.advance(5 * time.Second)
	}
	return reports
}

func TestStaleVersions(t *testing.T) {
	t.Parallel()
	type step struct {
		version, content string
		reports          int
	}
	for _, c := range []struct {
		name, why string
		steps     []step
	}{
		{"same content", "nothing changed", []step{{"1", "old", 0}, {"1", "old", 0}}},
		{"the outage", "one report for each content", []step{{"1", "old", 0}, {"1", "new", 1}, {"1", "new", 0}}},
		{"twice", "each deployment with the old version is reported", []step{{"1", "old", 0}, {"1", "new", 1}, {"1", "newer", 1}}},
		{"changed version", "the version changes with the content", []step{{"1", "old", 0}, {"2", "new", 0}, {"3", "newer", 0}}},
		{"open pages", "the current content has a version that is requested as much", []step{
			{"1", "old", 0}, {"2", "new", 0}, {"2", "new", 0}, {"1", "new", 0}}},
		{"rollback", "the new version names the old content", []step{{"1", "old", 0}, {"2", "new", 0}, {"2", "old", 1}}},
		{"changed late", "a corrected version is observed again", []step{{"1", "old", 0}, {"1", "new", 1}, {"2", "new", 0}, {"2", "newer", 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newClocked()
			for i, s := range c.steps {
				if reports := l.requestForAMinute(s.version, s.content); reports != s.reports {
					t.Errorf("step %d: %d reports, want %d (%s)", i, reports, s.reports, c.why)
				}
			}
		})
	}
}

func TestReportNamesURLAndPage(t *testing.T) {
	t.Parallel()
	l := newClocked()
	l.requestForAMinute("20260211", "old")
	l.request("20260211", "new")
	l.advance(DefaultGrace)
	stale, found := l.Observe(Observation{Path: "main.js", Param: "v", Version: "20260211", Digest: sha256.Sum256([]byte("new")), Page: "/live/"})
	want := StaleVersion{Path: "main.js", Param: "v", Version: "20260211", Page: "/live/", Since: noon.Add(time.Minute + DefaultGrace),
		Previous: sha256.Sum256([]byte("old")), Current: sha256.Sum256([]byte("new"))}
	if !found || stale != want {
		t.Errorf("found %t, %+v, want %+v", found, stale, want)
	}
	if !l.IsStale("main.js", "20260211") {
		t.Error("the version is not stale after its report")
	}
	if l.IsStale("main.js", "2") || l.IsStale("other.js", "20260211") {
		t.Error("a version is stale that was never requested")
	}
}

// A deployment changes files first and pages later.
func TestGrace(t *testing.T) {
	t.Parallel()
	l := newClocked()
	l.requestForAMinute("1", "old")
	for range 9 {
		if _, found := l.request("1", "new"); found {
			t.Error("reported within the grace period")
		}
		l.advance(time.Second)
	}
	l.request("2", "new")
	l.advance(time.Hour)
	for range 3 {
		if _, found := l.request("2", "new"); found {
			t.Error("the new version was reported")
		}
	}
}

func TestGraceFollowsConfiguration(t *testing.T) {
	t.Parallel()
	l := newClocked()
	l.SetGrace(time.Minute)
	l.requestForAMinute("1", "old")
	l.request("1", "new")
	l.advance(time.Minute - 1)
	if _, found := l.request("1", "new"); found {
		t.Error("reported within the grace period")
	}
	l.advance(1)
	if _, found := l.request("1", "new"); !found {
		t.Error("not reported after the grace period")
	}
}

func TestRestoredContentIsNotStale(t *testing.T) {
	t.Parallel()
	l := newClocked()
	l.requestForAMinute("1", "old")
	l.request("1", "half")
	l.advance(DefaultGrace)
	l.request("1", "old")
	if _, found := l.request("1", "half"); found {
		t.Error("the grace period did not begin again")
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	l := newClocked()
	half := sha256.Sum256([]byte("half"))
	stale, found := l.ObserveName("a.0123abcd.js", half, "listed")
	if !found || !stale.InName || stale.Why != "listed" || stale.Path != "a.0123abcd.js" || stale.Current != half {
		t.Errorf("found %t, %+v", found, stale)
	}
	if _, found := l.ObserveName("a.0123abcd.js", half, "listed"); found {
		t.Error("the same content was reported twice")
	}
	if !l.IsStale("a.0123abcd.js", "") {
		t.Error("the name is not stale after its report")
	}
	if _, found := l.ObserveName("a.0123abcd.js", sha256.Sum256([]byte("other half")), "listed"); !found {
		t.Error("other content was not reported")
	}
}

func TestStaleListsWhatWasFound(t *testing.T) {
	t.Parallel()
	l := newClocked()
	l.requestForAMinute("1", "old")
	if got := l.Stale(); len(got) != 0 {
		t.Errorf("before the content changed: %+v", got)
	}
	l.requestForAMinute("1", "new")
	l.advance(time.Hour)
	named := sha256.Sum256([]byte("half"))
	l.ObserveName("chunk.0123abcd.js", named, "half an upload")
	got := l.Stale()
	if len(got) != 2 || got[0].Path != "chunk.0123abcd.js" || !got[0].InName || got[0].Why != "half an upload" || got[0].Current != named {
		t.Fatalf("the newest is %+v", got)
	}
	if s := got[1]; s.Path != "main.js" || s.Param != "v" || s.Version != "1" || s.Page != "/" || s.InName || s.Since.Before(noon) || s.Current != sha256.Sum256([]byte("new")) {
		t.Errorf("the version in the query is %+v", s)
	}
}
