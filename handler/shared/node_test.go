package shared

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scan2food/usher/internal/memorystorage"
)

func TestNodesCountTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		a, b, c := join(t, &storage, "site", 0), join(t, &storage, "site", 2*time.Minute), join(t, &storage, "site", -2*time.Minute)
		a.open("client", 3)
		b.open("client", 4)
		b.open("other", 1)
		wait(2*Period + time.Millisecond)
		if got := []int{a.elsewhere("client"), b.elsewhere("client"), c.elsewhere("client"), c.elsewhere("other")}; fmt.Sprint(got) != "[4 3 7 1]" {
			t.Errorf("elsewhere = %v, want [4 3 7 1]: each counts the others, whatever their clocks say", got)
		}
		if len(a.Peers()) != 2 || !a.OK() || !a.Reached() {
			t.Errorf("%d peers, OK %t, reached %t, want 2, true, true", len(a.Peers()), a.OK(), a.Reached())
		}
		if dump := storage.Dump(); strings.Contains(dump, "client") {
			t.Errorf("the storage shows a name:\n%s", dump)
		}
	})
}

func TestKilledNodeIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		a, b := join(t, &storage, "site", 0), join(t, &storage, "site", 2*time.Minute)
		b.open("client", 4)
		wait(2*Period + time.Millisecond)
		b.link.Set(errors.New("killed"))
		wait(deadAfter - 2*Period)
		if got := a.elsewhere("client"); got != 4 {
			t.Errorf("elsewhere = %d, want 4: the node may be slow", got)
		}
		wait(3 * Period)
		if got := a.elsewhere("client"); got != 0 || a.HasElsewhere() {
			t.Errorf("elsewhere = %d after %s, want 0", got, deadAfter)
		}
		wait(removedAfter)
		if dump := storage.Dump(); strings.Contains(dump, b.id) {
			t.Errorf("the object of the killed node is still there:\n%s", dump)
		}
	})
}

func TestLeavingNodeIsForgottenAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		a, b := join(t, &storage, "site", 0), join(t, &storage, "site", 0)
		b.open("client", 4)
		wait(2*Period + time.Millisecond)
		b.Stop()
		wait(Period + time.Millisecond)
		if got := a.elsewhere("client"); got != 0 {
			t.Errorf("elsewhere = %d, want 0", got)
		}
	})
}

func TestFailingStorageIsReportedOnceAndRecovers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		cut, repair func(*memorystorage.Link)
	}{
		{"fails", func(l *memorystorage.Link) { l.Set(errors.New("connection refused")) }, func(l *memorystorage.Link) { l.Set(nil) }},
		{"hangs", (*memorystorage.Link).Hang, (*memorystorage.Link).Resume},
		{"is slow", func(l *memorystorage.Link) { l.SetDelay(5 * time.Second) }, func(l *memorystorage.Link) { l.SetDelay(0) }},
		{"is full", func(l *memorystorage.Link) { l.SetFull(errors.New("out of memory")) }, func(l *memorystorage.Link) { l.SetFull(nil) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var storage memorystorage.Storage
				a, b := join(t, &storage, "site", 0), join(t, &storage, "site", 0)
				b.open("client", 4)
				wait(2*Period + time.Millisecond)
				c.cut(&a.link)
				wait(30 * time.Second)
				if reports := a.reports(); len(reports) != 1 || reports[0] == nil || a.OK() {
					t.Errorf("reports %v, OK %t, want one error", reports, a.OK())
				}
				if got := a.elsewhere("client"); got != 0 {
					t.Errorf("elsewhere = %d, want 0: nothing is known of the others", got)
				}
				c.repair(&a.link)
				wait(10 * time.Second)
				if reports := a.reports(); len(reports) != 2 || reports[1] != nil || !a.OK() {
					t.Errorf("reports %v, OK %t, want one error and its end", reports, a.OK())
				}
				if got := a.elsewhere("client"); got != 4 {
					t.Errorf("elsewhere = %d, want 4 again", got)
				}
				if reports := b.reports(); len(reports) != 0 {
					t.Errorf("the other node reported %v, want nothing", reports)
				}
			})
		})
	}
}

func TestPrefixesShareNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		a, b := join(t, &storage, "one", 0), join(t, &storage, "two", 0)
		b.open("client", 4)
		if err := b.Publish("close", "user 42"); err != nil {
			t.Fatal(err)
		}
		wait(5 * time.Second)
		if got := a.elsewhere("client"); got != 0 || len(a.received()) != 0 || len(a.Peers()) != 0 {
			t.Errorf("elsewhere = %d, events %q, %d peers, want nothing", got, a.received(), len(a.Peers()))
		}
		if a.Key().secret == b.Key().secret {
			t.Error("two prefixes have one key")
		}
	})
}

func TestHundredNodesLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		stays := join(t, &storage, "site", 0)
		for i := range 100 {
			m := join(t, &storage, "site", time.Duration(i%5-2)*time.Minute)
			wait(1500 * time.Millisecond)
			if err := m.Publish("close", "user 42"); err != nil {
				t.Fatal(err)
			}
			if _, err := m.Claim(t.Context(), []byte{byte(i)}, time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			wait(time.Second)
			if i%2 == 0 {
				m.link.Set(errors.New("killed"))
			}
			m.Stop()
		}
		if got := len(stays.received()); got != 100 {
			t.Errorf("received %d events, want 100", got)
		}
		wait(retention + skew + 3*tidyEvery)
		if keys := storage.Keys(); len(keys) != 2 {
			t.Errorf("left in the storage: %q, want the key and the object of the node that stays", keys)
		}
	})
}

func TestLostKeyIsRestored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		a := join(t, &storage, "site", 0)
		wait(time.Second)
		before := a.Key().secret
		if err := storage.Delete(t.Context(), "site/key"); err != nil {
			t.Fatal(err)
		}
		wait(tidyEvery + 2*Period)
		b := join(t, &storage, "site", 0)
		wait(time.Second)
		if b.Key().secret != before {
			t.Error("a new node has another key, want that of the nodes that run")
		}
	})
}
