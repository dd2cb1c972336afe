package shared

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scan2food/usher/internal/memorystorage"
)

func TestEventsReachAllNodesWithinASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		a, b, c := join(t, &storage, "site", 0), join(t, &storage, "site", 2*time.Minute), join(t, &storage, "site", -2*time.Minute)
		wait(3 * time.Second)
		for i := range 20 {
			if err := a.Publish("close", fmt.Sprint("secret-name ", i)); err != nil {
				t.Fatal(err)
			}
			wait(time.Second)
			if len(b.received()) != i+1 || len(c.received()) != i+1 || len(a.received()) != 0 {
				t.Fatalf("event %d: received %d, %d and %d, want all on the others alone", i, len(a.received()), len(b.received()), len(c.received()))
			}
		}
		if dump := storage.Dump(); strings.Contains(dump, "secret-name") {
			t.Error("the storage shows an event")
		}
		if heads := len(slices.DeleteFunc(storage.Keys(), func(key string) bool { return !strings.Contains(key, "/heads/") })); heads != 1 {
			t.Errorf("%d heads, want the last one of the one node that published", heads)
		}
	})
}

func TestManyEventsAreFewSegments(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		a, b := join(t, &storage, "site", 0), join(t, &storage, "site", 0)
		wait(3 * time.Second)
		before := storage.Counts().Stores
		for i := range 2000 {
			if err := a.Publish("close", fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
			wait(time.Millisecond)
		}
		wait(time.Second)
		if got := len(b.received()); got != 2000 {
			t.Errorf("received %d events, want 2000", got)
		}
		if stores := storage.Counts().Stores - before; stores > 30 {
			t.Errorf("%d stores in 3 s, want a few a second", stores)
		}
	})
}

// A node that was away gets the events that it missed, and its own events arrive, within a second of the return of the storage.
// The test tries many moments of the return, since the calls of the node may be interrupted at any point.
func TestNodeThatWasAwayCatchesUp(t *testing.T) {
	t.Parallel()
	const lost = 5 * time.Second // more than callTimeout
	for _, c := range []struct {
		name        string
		cut, repair func(*memorystorage.Link)
	}{
		{"calls fail", func(l *memorystorage.Link) { l.Set(errors.New("network cut")) }, func(l *memorystorage.Link) { l.Set(nil) }},
		// A call of the time away is lost: it does not end when the storage is back.
		{"calls are lost", func(l *memorystorage.Link) { l.SetDelay(lost) }, func(l *memorystorage.Link) { l.SetDelay(0) }},
		{"calls hang", (*memorystorage.Link).Hang, (*memorystorage.Link).Resume},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for away := 9 * time.Second; away < 14*time.Second; away += 130 * time.Millisecond {
				synctest.Test(t, func(t *testing.T) {
					var storage memorystorage.Storage
					a, b := join(t, &storage, "site", 0), join(t, &storage, "site", 0)
					wait(3 * time.Second)
					c.cut(&b.link)
					for i := range 10 {
						if err := a.Publish("close", fmt.Sprint("a", i)); err != nil {
							t.Fatal(err)
						}
						if err := b.Publish("close", fmt.Sprint("b", i)); err != nil {
							t.Fatal(err)
						}
						wait(away / 10)
					}
					c.repair(&b.link)
					wait(time.Second)
					if got := len(b.received()); got != 10 {
						t.Errorf("away for %s: received %q, want the 10 events of the time away", away, b.received())
					}
					if got := len(a.received()); got != 10 {
						t.Errorf("away for %s: received %q, want the 10 events that waited", away, a.received())
					}
					wait(lost) // all calls end
				})
			}
		})
	}
}

func TestNewNodeGetsNoOldEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		a := join(t, &storage, "site", 0)
		wait(time.Second)
		if err := a.Publish("close", "old"); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		b := join(t, &storage, "site", 0)
		if err := a.Publish("close", "at once"); err != nil { // b may have a socket already
			t.Fatal(err)
		}
		wait(3 * time.Second)
		if err := a.Publish("close", "new"); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		if got := fmt.Sprint(b.received()); got != "[at once new]" {
			t.Errorf("received %s, want [at once new]", got)
		}
	})
}

// A node that starts while it cannot reach the storage has sockets that the events of this time are about.
func TestNodeThatStartsWithoutStorageGetsTheEventsSince(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		a := join(t, &storage, "site", 0)
		wait(time.Second)
		b := join(t, &storage, "site", 0)
		b.link.Set(errors.New("network cut"))
		wait(10 * time.Second)
		if err := a.Publish("close", "since"); err != nil {
			t.Fatal(err)
		}
		wait(20 * time.Second)
		b.link.Set(nil)
		wait(3 * time.Second)
		if got := fmt.Sprint(b.received()); got != "[since]" {
			t.Errorf("received %s, want [since]", got)
		}
	})
}

// A store that fails may have taken effect. Readers must get each event, and each once.
func TestSegmentOfAFailedStoreStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		a, b := join(t, &storage, "site", 0), join(t, &storage, "site", 0)
		wait(3 * time.Second)
		a.link.SetDelay(3 * time.Second) // each call takes effect after its timeout
		if err := a.Publish("close", "first"); err != nil {
			t.Fatal(err)
		}
		wait(10 * time.Second)
		if err := a.Publish("close", "second"); err != nil {
			t.Fatal(err)
		}
		wait(10 * time.Second)
		a.link.SetDelay(0)
		wait(10 * time.Second)
		if got := fmt.Sprint(b.received()); got != "[first second]" {
			t.Errorf("received %s, want each event once", got)
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		a := join(t, &storage, "site", 0)
		wait(time.Second)
		a.link.Set(errors.New("away"))
		dropped := 0
		for range maxQueue + maxSegment + 10 { // one segment may have left the queue
			if a.Publish("close", "x") != nil {
				dropped++
			}
		}
		if dropped < 10 || dropped > maxSegment+10 {
			t.Errorf("%d events were dropped, want those above the bound", dropped)
		}
		a.link.Set(nil)
	})
}

// The storage comes back empty, and a node that starts at this moment stores a new key. The other nodes take the key over at
// once, and no event of the time away is lost: not the one that was encrypted with the old key.
func TestEventsSurviveAChangeOfTheKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		a, b := join(t, &storage, "site", 0), join(t, &storage, "site", 0)
		wait(3 * time.Second)
		a.link.Set(errors.New("connection refused"))
		b.link.Set(errors.New("connection refused"))
		if err := a.Publish("close", "while away"); err != nil {
			t.Fatal(err)
		}
		wait(5 * time.Second)
		for _, key := range storage.Keys() {
			if err := storage.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
		c := join(t, &storage, "site", 0)
		wait(100 * time.Millisecond)
		if c.Key() == nil || c.Key().secret == a.Key().secret {
			t.Fatal("the new node has no key of its own")
		}
		a.link.Set(nil)
		wait(Period) // b is away still
		b.link.Set(nil)
		wait(2 * Period)
		if a.Key().secret != c.Key().secret || b.Key().secret != c.Key().secret {
			t.Error("the nodes have different keys")
		}
		if err := a.Publish("close", "after"); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		for name, m := range map[string]*machine{"the other node": b, "the new node": c} {
			if got := fmt.Sprint(m.received()); got != "[while away after]" {
				t.Errorf("%s received %s, want both events", name, got)
			}
		}
	})
}

// A damaged segment does not hold up later events.
func TestDamagedSegmentIsSkipped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		a, b := join(t, &storage, "site", 0), join(t, &storage, "site", 0)
		wait(3 * time.Second)
		b.link.Set(errors.New("network cut"))
		if err := a.Publish("close", "damaged"); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		for _, key := range storage.Keys() {
			if strings.HasPrefix(key, "site/log/") {
				if err := storage.Store(t.Context(), key, []byte("damaged")); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := a.Publish("close", "later"); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		b.link.Set(nil)
		wait(time.Second)
		if got := fmt.Sprint(b.received()); got != "[later]" {
			t.Errorf("received %s, want the later event", got)
		}
	})
}
