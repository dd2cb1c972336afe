package history

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/operate/report"
)

func status(open int, rejected uint64, generation string) report.Status {
	return report.Status{
		Routes: []report.Route{{Route: "chat", Open: open, Outcomes: map[string]uint64{"accepted": 100, "key_unknown": rejected}}},
		Assets: []report.Assets{{Prefix: "/static/", Ready: true, Generation: generation, Classes: map[string]report.Class{"page": {Files: open}}}},
	}
}

func TestHistoryHoldsOpenSocketsRejectionsAndGenerations(t *testing.T) {
	t.Parallel()
	h := New()
	start := time.Unix(1e9, 0)
	h.Add(start, status(3, 10, "one"))
	h.Add(start.Add(time.Minute), status(5, 17, "two"))
	h.Add(start.Add(2*time.Minute), status(4, 2, "two")) // the process restarted: its counters are smaller
	got := h.Series()
	if !slices.Equal(got.Open["chat"], []int{3, 5, 4}) || !slices.Equal(got.Rejected["key_unknown"], []uint64{0, 7, 0}) || len(got.At) != 3 {
		t.Errorf("the series are %+v", got)
	}
	if len(got.Changes) != 1 || got.Changes[0].From != "one" || got.Changes[0].To != "two" || got.Changes[0].FilesAfter != 5 {
		t.Errorf("the changes are %+v, want one", got.Changes)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	h := New()
	for i := range Length + 500 {
		s := report.Status{}
		for route := range 100 {
			s.Routes = append(s.Routes, report.Route{Route: fmt.Sprintf("route-%d", route), Open: 1 + i})
		}
		s.Assets = []report.Assets{{Prefix: "/", Ready: true, Generation: fmt.Sprint(i)}}
		h.Add(time.Unix(int64(i)*60, 0), s)
	}
	got := h.Series()
	if len(got.At) != Length || got.At[0] != 500*60 || len(got.Open) != MaxSeries+1 || len(got.Changes) != maxChanges {
		t.Errorf("%d samples from %d, %d series, %d changes", len(got.At), got.At[0], len(got.Open), len(got.Changes))
	}
	sum := 0
	for name, samples := range got.Open {
		if len(samples) != Length {
			t.Errorf("%s has %d samples", name, len(samples))
		}
		sum += samples[Length-1]
	}
	if sum != 100*(Length+500) {
		t.Errorf("the last sample counts %d sockets, want all, some under %s", sum, Others)
	}
	for i := range Length {
		h.Add(time.Unix(int64(Length+500+i)*60, 0), report.Status{})
	}
	if got := h.Series(); len(got.Open) != 0 {
		t.Errorf("%d series are left a day after the routes", len(got.Open))
	}
}
