package gate

import (
	"strings"
	"testing"
	"time"
)

func TestOutageBegins(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 2, 11, 8, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	reject := func(o *Outage, outcome Outcome, times int) {
		for range times {
			o.Rejected(outcome)
		}
	}
	for _, c := range []struct {
		name  string
		acts  func(*Outage)
		check time.Duration
		want  string // "" for no change
		why   string
	}{
		{"enough", func(o *Outage) { reject(o, KeyMissing, 20) }, time.Minute,
			"chat: 20 refusals and no accepted handshake for 1m; 100% key_missing; none was accepted since 2026-02-11T08:00:00Z",
			"old scripts without a key"},
		{"too few", func(o *Outage) { reject(o, KeyMissing, 19) }, time.Hour, "", "a scanner, or one forgotten screen"},
		{"too soon", func(o *Outage) { reject(o, KeyMissing, 100) }, 59 * time.Second, "", "a deploy"},
		{"accepted before", func(o *Outage) {
			o.Accepted(at(0))
			reject(o, KeyMissing, 15)
			reject(o, UpstreamFailed, 5)
		}, 90 * time.Second,
			"chat: 20 refusals and no accepted handshake for 1m30s; 75% key_missing; the last accepted was at 2026-02-11T08:00:00Z",
			"the most frequent outcome points to the cause"},
		{"accepted between", func(o *Outage) {
			reject(o, KeyMissing, 19)
			o.Accepted(at(time.Second))
			reject(o, KeyMissing, 19)
		}, time.Hour, "", "the streak was broken"},
		{"limits", func(o *Outage) { reject(o, TooMany, 100) }, time.Hour, "", "a full route works"},
		{"no handshakes", func(o *Outage) { reject(o, NotWebSocket, 100) }, time.Hour, "", "a crawler"},
	} {
		o := NewOutage(0, 0, start)
		c.acts(o)
		report, changed := o.Check(at(c.check))
		got := ""
		if changed {
			got = report.Sentence("chat")
		}
		if got != c.want || o.Active() != (c.want != "") {
			t.Errorf("%s: %q, active %v, want %q (%s)", c.name, got, o.Active(), c.want, c.why)
		}
		if _, again := o.Check(at(c.check + time.Second)); again && c.want != "" {
			t.Errorf("%s: reported twice", c.name)
		}
	}
}

func TestOutageEnds(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 2, 11, 8, 0, 0, 0, time.UTC)
	o := NewOutage(3, time.Second, start)
	for range 3 {
		o.Rejected(KeyUnknown)
	}
	if _, began := o.Check(start.Add(time.Second)); !began {
		t.Fatal("no outage after three rejections and a second")
	}
	o.Accepted(start.Add(61 * time.Second))
	report, changed := o.Check(start.Add(61 * time.Second))
	if !changed || report.Active || o.Active() {
		t.Fatalf("after an accepted handshake: %+v, changed %v", report, changed)
	}
	if got := report.Sentence("chat"); !strings.Contains(got, "accepted again, after 1m") {
		t.Errorf("recovered: %q", got)
	}
	for range 3 {
		o.Rejected(KeyUnknown)
	}
	if _, changed := o.Check(start.Add(62 * time.Second)); !changed {
		t.Error("no second outage")
	}
}
