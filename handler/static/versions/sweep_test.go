package versions_test

import (
	"io"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/static/versions"
)

func sweep(t *testing.T, s *versions.Store) {
	t.Helper()
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestExpiredVersionsAreRemoved(t *testing.T) {
	t.Parallel()
	storage, clock := newMemory(), newClock()
	s := newStore(storage, clock.Now)
	publish(t, s, release{"main.js?aaaa": "one", "style.css?bbbb": "same"})
	clock.pass(70 * time.Hour)
	publish(t, s, release{"main.js?cccc": "two", "style.css?bbbb": "same"})
	clock.pass(2*time.Hour + 30*time.Minute)
	sweep(t, s)
	if n := len(storage.keys("blobs")); n != 5 {
		t.Errorf("before the first version expires there are %d objects, want 3 contents and 2 lists", n)
	}
	clock.pass(2 * time.Hour)
	sweep(t, s)
	if n, lists := len(storage.keys("blobs")), len(storage.keys("generations")); n != 3 || lists != 1 {
		t.Errorf("%d objects and %d lists are left, want 2 contents and 1 list", n, lists)
	}
	b := newStore(storage, clock.Now)
	if fetch(t, b, "main.js", "cccc") != "two" || fetch(t, b, "style.css", "bbbb") != "same" || fetch(t, b, "main.js", "aaaa") != "" {
		t.Error("want the current version alone")
	}
}

// A list is published again while its files are current, however long.
func TestCurrentVersionsDoNotExpire(t *testing.T) {
	t.Parallel()
	storage, clock := newMemory(), newClock()
	s, b := newStore(storage, clock.Now), newStore(storage, clock.Now)
	r := release{"main.js?aaaa": "one"}
	for range 200 {
		publish(t, s, r)
		if fetch(t, b, "main.js", "aaaa") != "one" {
			t.Fatal("the version is gone")
		}
		sweep(t, b)
		clock.pass(time.Hour)
	}
	if stored := storage.count(storage.stores, "blobs"); stored != 2 {
		t.Errorf("the content was stored %d times", stored)
	}
}

// A site that no machine serves any more leaves nothing behind. One machine sweeps for all.
func TestSweepRemovesOtherSites(t *testing.T) {
	t.Parallel()
	storage, clock := newMemory(), newClock()
	gone := versions.New(versions.Config{Storage: storage, Directory: "assets/gone", Keep: time.Hour, Size: 1 << 20, Now: clock.Now})
	publish(t, gone, release{"main.js?aaaa": "one"})
	clock.pass(3 * time.Hour)
	s := newStore(storage, clock.Now)
	publish(t, s, release{"main.js?bbbb": "two"})
	sweep(t, s)
	if n := len(storage.keys("blobs")); n != 2 {
		t.Errorf("%d objects are left, want the content and the list of one site", n)
	}
	loads := storage.count(storage.loads, "generations")
	sweep(t, newStore(storage, clock.Now))
	if storage.count(storage.loads, "generations") != loads {
		t.Error("a second machine sweeps within the hour")
	}
}

// Content that a machine is storing has no list yet, and stays.
func TestSweepSparesContentThatIsBeingPublished(t *testing.T) {
	t.Parallel()
	storage, clock := newMemory(), newClock()
	a, b := newStore(storage, clock.Now), newStore(storage, clock.Now)
	r := release{"main.js?aaaa": "one", "style.css?bbbb": "two"}
	opened := 0
	open := func(v versions.Version) (io.ReadCloser, error) {
		if opened++; opened == 2 {
			sweep(t, b)
		}
		return r.open(v)
	}
	if _, err := a.Publish(t.Context(), r.list(), open); err != nil {
		t.Fatal(err)
	}
	if fetch(t, b, "main.js", "aaaa") != "one" || fetch(t, b, "style.css", "bbbb") != "two" {
		t.Error("a sweep removed content that was being published")
	}
}

func TestPurgedVersionsAreGone(t *testing.T) {
	t.Parallel()
	storage := newMemory()
	a, b := newStore(storage, time.Now), newStore(storage, time.Now)
	publish(t, a, release{"main.js?aaaa": "a secret", "style.css?bbbb": "two"})
	if err := b.Purge(t.Context(), "main.js", func(versions.Version) bool { return false }); err != nil {
		t.Fatal(err)
	}
	c := newStore(storage, time.Now)
	if fetch(t, c, "main.js", "aaaa") != "" || fetch(t, b, "main.js", "aaaa") != "" || fetch(t, c, "style.css", "bbbb") != "two" {
		t.Error("want the version of style.css alone")
	}
}
