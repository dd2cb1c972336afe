package keys

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"
)

func numberedID(number int) (id ID) {
	binary.BigEndian.PutUint64(id[:], uint64(number))
	return id
}

func TestLastUse(t *testing.T) {
	t.Parallel()
	var uses LastUse
	id := mustKey(t, "old", secretA, time.Time{}, time.Time{}).ID()
	if _, known := uses.Last(id); known {
		t.Error("an unused key has a last use")
	}
	uses.Touch(id, noon)
	uses.Touch(id, noon.Add(-time.Hour))
	if last, known := uses.Last(id); !known || !last.Equal(noon) {
		t.Errorf("Last = %v %v, want %v: the later use counts", last, known, noon)
	}
	if _, known := uses.Last(numberedID(1)); known {
		t.Error("the use of one key counts for another key")
	}
}

func TestLastUseOfManyAtOnce(t *testing.T) {
	t.Parallel()
	var uses LastUse
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			for number := range 10 {
				uses.Touch(numberedID(number), noon.Add(time.Duration(i)))
			}
		})
	}
	all.Wait()
	for number := range 10 {
		if last, _ := uses.Last(numberedID(number)); !last.Equal(noon.Add(99)) {
			t.Errorf("Last(%d) = %v, want the latest of all", number, last)
		}
	}
	if uses.size != 10 {
		t.Errorf("%d keys are recorded, want 10", uses.size)
	}
}

func TestLastUseIsBounded(t *testing.T) {
	t.Parallel()
	var uses LastUse
	const more = 3
	for number := range maxLastUses + more {
		uses.Touch(numberedID(number), noon.Add(time.Duration(number)))
	}
	held := 0
	uses.times.Range(func(any, any) bool { held++; return true })
	if held != maxLastUses || uses.size != held {
		t.Errorf("%d keys are held and %d counted, want %d", held, uses.size, maxLastUses)
	}
	if _, known := uses.Last(numberedID(more - 1)); known {
		t.Error("the key that was unused longest is still held")
	}
	if _, known := uses.Last(numberedID(more)); !known {
		t.Error("a key was dropped that was used later than others")
	}
}

func TestTouchAllocatesNothing(t *testing.T) {
	var uses LastUse
	id, now := numberedID(1), noon
	uses.Touch(id, now)
	allocations := testing.AllocsPerRun(100, func() {
		now = now.Add(1)
		uses.Touch(id, now)
	})
	if allocations > 0 {
		t.Errorf("Touch makes %v allocations, want none", allocations)
	}
}

func TestUnused(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	for _, c := range []struct {
		name        string
		last, since time.Time
		want, why   string
	}{
		{"just used", ago(time.Minute), ago(30 * day), "", "clients use it"},
		{"nearly", ago(7*day - 1), ago(30 * day), "", "the week is not over"},
		{"a week", ago(7 * day), ago(30 * day), "key old: unused for 7 days: safe to remove", "the week is over"},
		{"longer", ago(10*day - 1), ago(30 * day), "key old: unused for 9 days: safe to remove", "the text names whole days"},
		{"never", time.Time{}, ago(8 * day), "key old: unused for 8 days: safe to remove", "no use since the process began"},
		{"never, for a day", time.Time{}, ago(day), "", "the process began yesterday"},
		{"before it was noticed", ago(20 * day), ago(day), "", "a key that came back is new"},
		{"nothing known", time.Time{}, time.Time{}, "", "no beginning, no week"},
		{"clock set back", noon.Add(day), ago(30 * day), "", "the clock went back"},
	} {
		got, unused := UnusedWarning("old", c.last, c.since, noon)
		if got != c.want || unused != (c.want != "") {
			t.Errorf("Unused(%s) = %q %v, want %q (%s)", c.name, got, unused, c.want, c.why)
		}
	}
}

func BenchmarkTouch(b *testing.B) {
	var uses LastUse
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		now := noon
		for pb.Next() {
			now = now.Add(1)
			uses.Touch(numberedID(1), now)
		}
	})
}
