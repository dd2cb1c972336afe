package gate

import (
	"strings"
	"testing"
	"time"
)

func TestDarkness(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 2, 11, 8, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	refuse := func(d *Darkness, outcome Outcome, times int) {
		for range times {
			d.Refused(outcome)
		}
	}
	for _, c := range []struct {
		name string
		acts func(*Darkness)
		look time.Duration
		want string // "" for no change
		why  string
	}{
		{"enough", func(d *Darkness) { refuse(d, KeyMissing, 20) }, time.Minute,
			"chat: 20 refusals and no accepted handshake for 1m; 100% key_missing; none was accepted since 2026-02-11T08:00:00Z",
			"the incident"},
		{"too few", func(d *Darkness) { refuse(d, KeyMissing, 19) }, time.Hour, "", "a scanner, or one forgotten screen"},
		{"too soon", func(d *Darkness) { refuse(d, KeyMissing, 100) }, 59 * time.Second, "", "a deploy in between"},
		{"accepted before", func(d *Darkness) {
			d.Accepted(at(0))
			refuse(d, KeyMissing, 15)
			refuse(d, UpstreamFailed, 5)
		}, 90 * time.Second,
			"chat: 20 refusals and no accepted handshake for 1m30s; 75% key_missing; the last accepted was at 2026-02-11T08:00:00Z",
			"what most of them had says where to look"},
		{"accepted between", func(d *Darkness) {
			refuse(d, KeyMissing, 19)
			d.Accepted(at(time.Second))
			refuse(d, KeyMissing, 19)
		}, time.Hour, "", "not in a row"},
		{"limits", func(d *Darkness) { refuse(d, TooMany, 100) }, time.Hour, "", "a full house is not dark"},
		{"no handshakes", func(d *Darkness) { refuse(d, NotWebSocket, 100) }, time.Hour, "", "a crawler"},
	} {
		d := NewDarkness(0, 0, start)
		c.acts(d)
		report, changed := d.Look(at(c.look))
		got := ""
		if changed {
			got = report.Sentence("chat")
		}
		if got != c.want || d.Dark() != (c.want != "") {
			t.Errorf("%s: %q, dark %v, want %q (%s)", c.name, got, d.Dark(), c.want, c.why)
		}
		if _, again := d.Look(at(c.look + time.Second)); again && c.want != "" {
			t.Errorf("%s: told twice", c.name)
		}
	}
}

func TestDarknessEnds(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 2, 11, 8, 0, 0, 0, time.UTC)
	d := NewDarkness(3, time.Second, start)
	for range 3 {
		d.Refused(KeyUnknown)
	}
	if _, dark := d.Look(start.Add(time.Second)); !dark {
		t.Fatal("not dark after three refusals and a second")
	}
	d.Accepted(start.Add(61 * time.Second))
	report, changed := d.Look(start.Add(61 * time.Second))
	if !changed || report.Dark || d.Dark() {
		t.Fatalf("after an accepted handshake: %+v, changed %v", report, changed)
	}
	if got := report.Sentence("chat"); !strings.Contains(got, "accepted again, after 1m") {
		t.Errorf("lit again: %q", got)
	}
	for range 3 {
		d.Refused(KeyUnknown)
	}
	if _, changed := d.Look(start.Add(62 * time.Second)); !changed {
		t.Error("it does not go dark a second time")
	}
}
