package ledger

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
)

// One client's invented versions are not reported, and do not displace the version of the pages.
func TestInventedVersions(t *testing.T) {
	t.Parallel()
	l := newClocked()
	l.requestForAMinute("page", "old")
	for i := range 5000 {
		l.request("many", "old")
		l.request(fmt.Sprintf("invented-%d", i), "old")
		l.request(fmt.Sprintf("also-invented-%d", i), "old")
	}
	records := l.records("main.js")
	if len(records) > maxVersions {
		t.Errorf("%d versions are recorded, want at most %d", len(records), maxVersions)
	}
	for _, version := range []string{"page", "many"} {
		if l.find("main.js", version) == nil {
			t.Errorf("%s was displaced", version)
		}
	}
	reports := 0
	for range 2 {
		for _, r := range records {
			if stale, found := l.request(r.version, "new"); found {
				reports++
				if stale.Version != "page" {
					t.Errorf("%s was reported", stale.Version)
				}
			}
		}
		l.advance(DefaultGrace)
	}
	if reports != 1 {
		t.Errorf("%d versions were reported, want one for this content", reports)
	}
}

func TestImplausibleVersionsAreNotRecorded(t *testing.T) {
	t.Parallel()
	l := newClocked()
	for _, c := range []struct{ path, param, version, why string }{
		{"main.js", "v", "", "no version"},
		{"main.js", "v", strings.Repeat("x", maxVersion+1), "long version"},
		{"main.js", strings.Repeat("x", maxVersion+1), "1", "long parameter"},
		{strings.Repeat("x", maxPath+1), "v", "1", "long path"},
		{"main.js", "v", "a\nb", "control character"},
		{"main.js", "v", "a\xc3b", "not ASCII"},
	} {
		l.Observe(Observation{Path: c.path, Param: c.param, Version: c.version})
		if len(*l.entries.Load()) > 0 {
			t.Fatalf("recorded: %s", c.why)
		}
	}
}

func TestPathsAreBounded(t *testing.T) {
	t.Parallel()
	l := newClocked()
	l.requestForAMinute("1", "old")
	for i := range 3 * maxPaths {
		l.Observe(Observation{Path: fmt.Sprint(i), Param: "v", Version: "1"})
		l.advance(time.Millisecond)
	}
	if paths := len(*l.entries.Load()); paths > maxPaths {
		t.Errorf("%d paths are recorded, want at most %d", paths, maxPaths)
	}
	if l.find("main.js", "1") == nil {
		t.Error("a version that many clients request was displaced by versions that were requested once")
	}
}

func TestReportsAreBounded(t *testing.T) {
	t.Parallel()
	l := newClocked()
	reports, suppressed := 0, 0
	for round := range 2 {
		for range 2 {
			for i := range 100 {
				stale, found := l.ObserveName(fmt.Sprintf("%d.0123abcd.js", i), sha256.Sum256([]byte{byte(round)}), "why")
				if found {
					reports++
					suppressed += stale.Suppressed
				}
			}
		}
		l.advance(reportWindow)
	}
	if reports != 2*maxReports || suppressed != 100-maxReports {
		t.Errorf("%d reports, %d suppressed, want %d and %d", reports, suppressed, 2*maxReports, 100-maxReports)
	}
}

// The ledger must not hold the memory of a whole query, which may contain secrets.
func TestRecordsHoldNoOtherPartOfTheQuery(t *testing.T) {
	t.Parallel()
	query := strings.Clone("key=secret&v=20260211")
	version := query[strings.LastIndex(query, "=")+1:]
	l := newClocked()
	l.Observe(Observation{Path: "main.js", Param: "v", Version: version})
	if r := l.find("main.js", "20260211"); r == nil || isPartOf(r.version, query) {
		t.Error("the recorded version shares the memory of the query")
	}
}

func TestRepeatedObservationsAllocateNothing(t *testing.T) {
	l := newClocked()
	old, changed := sha256.Sum256([]byte("old")), sha256.Sum256([]byte("new"))
	observe := func(digest Digest) {
		l.Observe(Observation{Path: "main.js", Param: "v", Version: "1", Digest: digest, Page: "/"})
	}
	observe(old)
	if allocations := testing.AllocsPerRun(100, func() { observe(old) }); allocations > 0 {
		t.Errorf("a repeated observation makes %v allocations, want none", allocations)
	}
	observe(changed)
	if allocations := testing.AllocsPerRun(100, func() { observe(changed) }); allocations > 0 {
		t.Errorf("a pending observation makes %v allocations, want none", allocations)
	}
}

func TestConcurrentObservations(t *testing.T) {
	t.Parallel()
	l := newClocked()
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 300 {
				l.request(fmt.Sprint(i%7), fmt.Sprint(i/100))
				l.ObserveName("name.js", Digest{byte(worker)}, "why")
				l.IsStale("main.js", fmt.Sprint(i%7))
				l.advance(100 * time.Millisecond)
			}
		})
	}
	all.Wait()
	if records := l.records("main.js"); len(records) > maxVersions {
		t.Errorf("%d versions are recorded, want at most %d", len(records), maxVersions)
	}
}

// Measures a repeated request while another client sends invented versions as fast as it can.
func BenchmarkObserve(b *testing.B) {
	versions := make([]string, 1<<16)
	for i := range versions {
		versions[i] = fmt.Sprint("invented-", i)
	}
	for _, c := range []struct {
		name    string
		version func(i int) string
	}{
		{"repeated", func(int) string { return "20260211" }},
		{"invented", func(i int) string { return versions[i%len(versions)] }},
	} {
		b.Run(c.name, func(b *testing.B) {
			l := New(time.Now, 0)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					l.Observe(Observation{Path: "theatre_js/live-orders/main.js", Param: "v", Version: c.version(i), Page: "/live/"})
				}
			})
		})
	}
}

// isPartOf reports a string that shares the memory of another.
func isPartOf(part, whole string) bool {
	start, at := uintptr(unsafe.Pointer(unsafe.StringData(whole))), uintptr(unsafe.Pointer(unsafe.StringData(part)))
	return at >= start && at < start+uintptr(len(whole))
}
