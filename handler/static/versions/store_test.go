package versions_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/static/versions"
)

// release is the files of a machine: content by name and version.
type release map[string]string

func (r release) list() []versions.Version {
	var list []versions.Version
	for key, content := range r {
		path, version, _ := strings.Cut(key, "?")
		list = append(list, versions.Version{
			Path: path, Version: version, Digest: sha256.Sum256([]byte(content)), Size: int64(len(content)), Immutable: true,
		})
	}
	return list
}

func (r release) open(v versions.Version) (io.ReadCloser, error) {
	for _, content := range r {
		if sha256.Sum256([]byte(content)) == v.Digest {
			return io.NopCloser(strings.NewReader(content)), nil
		}
	}
	return nil, versions.ErrGone
}

func publish(t *testing.T, s *versions.Store, r release) {
	t.Helper()
	if left, err := s.Publish(t.Context(), r.list(), r.open); err != nil || left != 0 {
		t.Fatalf("publishing: %v, %d left", err, left)
	}
}

// fetch returns the content that a store has for a name and a version, or "" if it has none.
func fetch(t *testing.T, s *versions.Store, path, version string) string {
	t.Helper()
	v, found := s.Find(t.Context(), path, version)
	if !found {
		return ""
	}
	var content []byte
	if err := s.Fetch(t.Context(), v, func(got []byte) error { content = got; return nil }); err != nil {
		t.Fatalf("fetching %s: %v", path, err)
	}
	return string(content)
}

var big = strings.Repeat("0123456789abcdef", 200_000) // of four pieces

func TestOtherMachinesFindWhatOnePublished(t *testing.T) {
	t.Parallel()
	storage := newMemory()
	a, b := newStore(storage, time.Now), newStore(storage, time.Now)
	publish(t, a, release{"main.js?aaaa": "one", "main-12345678.js": "two", "font.woff2?ffff": big, "empty.css?eeee": ""})
	for _, c := range []struct{ path, version, want string }{
		{"main.js", "aaaa", "one"}, {"main-12345678.js", "", "two"}, {"font.woff2", "ffff", big}, {"main.js", "bbbb", ""}, {"main.js", "", ""},
	} {
		if got := fetch(t, b, c.path, c.version); got != c.want {
			t.Errorf("%s?%s has %d bytes, want %d", c.path, c.version, len(got), len(c.want))
		}
	}
	if v, found := b.Find(t.Context(), "empty.css", "eeee"); !found || v.Size != 0 {
		t.Errorf("the empty file: %v, %v", v, found)
	}
}

// A version that is published after a machine has read the lists is found within the request.
func TestRequestFindsWhatWasPublishedBefore(t *testing.T) {
	t.Parallel()
	storage := newMemory()
	a, b := newStore(storage, time.Now), newStore(storage, time.Now)
	for i := range 5 {
		publish(t, a, release{"main.js?" + fmt.Sprint("v", i): fmt.Sprint("release ", i)})
		if got, want := fetch(t, b, "main.js", fmt.Sprint("v", i)), fmt.Sprint("release ", i); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func TestContentIsStoredOnce(t *testing.T) {
	t.Parallel()
	storage := newMemory()
	first := release{"main.js?aaaa": "one", "main.js?other": "one", "style.css?bbbb": "two"}
	var machines sync.WaitGroup
	for range 4 {
		machines.Go(func() { publish(t, newStore(storage, time.Now), first) })
	}
	machines.Wait()
	before := storage.count(storage.stores, "blobs")
	publish(t, newStore(storage, time.Now), first)
	if after := storage.count(storage.stores, "blobs"); after != before {
		t.Errorf("content that was there was stored %d times again", after-before)
	}
	if keys := storage.keys("generations"); len(keys) != 1 {
		t.Errorf("machines with the same files published %d lists", len(keys))
	}
	publish(t, newStore(storage, time.Now), release{"main.js?aaaa": "one", "style.css?cccc": "three"})
	if after := storage.count(storage.stores, "blobs"); after != before+2 {
		t.Errorf("a release with one new file stored %d objects, want the file and the list", after-before)
	}
}

// Requests for invented versions cost no storage operation each.
func TestInventedVersionsCostNoStorageOperationEach(t *testing.T) {
	t.Parallel()
	storage := newMemory()
	publish(t, newStore(storage, time.Now), release{"main.js?aaaa": "one"})
	clock := newClock()
	s := newStore(storage, clock.Now) // its clock stands still, so that each refresh waits for its full turn
	if fetch(t, s, "main.js", "aaaa") != "one" {
		t.Fatal("the version is not found")
	}
	before := storage.listed()
	began := time.Now()
	var requests sync.WaitGroup
	var asked atomic.Int64
	for client := range 50 {
		requests.Go(func() {
			for i := range 4 {
				asked.Add(1)
				if _, found := s.Find(t.Context(), "main.js", fmt.Sprintf("%d-%d", client, i)); found {
					t.Error("an invented version is found")
				}
			}
		})
	}
	requests.Wait()
	allowed := int(time.Since(began)/(250*time.Millisecond)) + 2
	if listed := storage.listed() - before; listed > allowed {
		t.Errorf("%d requests listed the storage %d times, want %d at most", asked.Load(), listed, allowed)
	}
	before = storage.listed()
	for range 1000 {
		s.Find(t.Context(), "main.js", "0-0")
	}
	if listed := storage.listed() - before; listed > 1 {
		t.Errorf("a known unknown version listed the storage %d times", listed)
	}
}

func TestContentIsFetchedOnceForManyRequests(t *testing.T) {
	t.Parallel()
	storage := newMemory()
	publish(t, newStore(storage, time.Now), release{"main.js?aaaa": "one"})
	s := newStore(storage, time.Now)
	v, _ := s.Find(t.Context(), "main.js", "aaaa")
	before := storage.count(storage.loads, "blobs")
	var requests sync.WaitGroup
	var puts atomic.Int64
	for range 50 {
		requests.Go(func() {
			if err := s.Fetch(t.Context(), v, func([]byte) error { puts.Add(1); return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	requests.Wait()
	if loaded := storage.count(storage.loads, "blobs") - before; loaded != 1 || puts.Load() != 1 {
		t.Errorf("50 requests read the content %d times, and put it %d times", loaded, puts.Load())
	}
}

// Content that was damaged in storage is not used, and is removed so that a machine that has it stores it again.
func TestDamagedContentIsReplaced(t *testing.T) {
	t.Parallel()
	storage := newMemory()
	r := release{"main.js?aaaa": "one"}
	a := newStore(storage, time.Now)
	publish(t, a, r)
	for _, key := range storage.keys("blobs") {
		if bytes.Equal(storage.objects[key], []byte("one")) {
			storage.objects[key] = []byte("two")
		}
	}
	b := newStore(storage, time.Now)
	v, found := b.Find(t.Context(), "main.js", "aaaa")
	err := b.Fetch(t.Context(), v, func([]byte) error { t.Error("damaged content is used"); return nil })
	if !found || err == nil {
		t.Errorf("damaged content: found %v, error %v", found, err)
	}
	publish(t, newStore(storage, time.Now), r)
	if got := fetch(t, newStore(storage, time.Now), "main.js", "aaaa"); got != "one" {
		t.Errorf("after the next publication: %q", got)
	}
}

// No request waits for a storage that hangs, but for the first ones.
func TestHangingStorageDelaysOnlyTheFirstRequest(t *testing.T) {
	t.Parallel()
	storage := newMemory()
	storage.hang = make(chan struct{})
	s := newStore(storage, time.Now)
	if _, found := s.Find(t.Context(), "main.js", "first"); found {
		t.Error("found")
	}
	waited := &waitingContext{Context: t.Context()}
	for i := range 1000 {
		s.Find(waited, "main.js", fmt.Sprint(i))
	}
	if n := waited.waits.Load(); n > 0 {
		t.Errorf("%d of 1000 requests waited for a storage that hangs", n)
	}
	close(storage.hang)
	publish(t, newStore(storage, time.Now), release{"main.js?aaaa": "one"})
	for deadline := time.Now().Add(time.Minute); fetch(t, s, "main.js", "aaaa") != "one"; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the version is not found after the storage is back")
		}
	}
}

// waitingContext counts how often its end is waited for.
type waitingContext struct {
	context.Context
	waits atomic.Int64
}

func (c *waitingContext) Done() <-chan struct{} {
	c.waits.Add(1)
	return c.Context.Done()
}

func TestFailingStorageIsAnError(t *testing.T) {
	t.Parallel()
	storage := newMemory()
	storage.fail(errAway)
	s := newStore(storage, time.Now)
	r := release{"main.js?aaaa": "one"}
	if _, err := s.Publish(t.Context(), r.list(), r.open); !errors.Is(err, errAway) {
		t.Errorf("publishing: %v", err)
	}
	storage.fail(nil)
	publish(t, s, r)
	if fetch(t, newStore(storage, time.Now), "main.js", "aaaa") != "one" {
		t.Error("not found after the storage is back")
	}
}

// A file that changes while it is stored is left out, and the others are published.
func TestChangedFileIsLeftOut(t *testing.T) {
	t.Parallel()
	storage := newMemory()
	r := release{"main.js?aaaa": "one", "gone.js?bbbb": "two"}
	list := r.list()
	delete(r, "gone.js?bbbb")
	if _, err := newStore(storage, time.Now).Publish(t.Context(), list, r.open); err != nil {
		t.Fatal(err)
	}
	b := newStore(storage, time.Now)
	if fetch(t, b, "main.js", "aaaa") != "one" || fetch(t, b, "gone.js", "bbbb") != "" {
		t.Error("want main.js, and not gone.js")
	}
}

func TestLargestFilesAreLeftOut(t *testing.T) {
	t.Parallel()
	storage := newMemory()
	s := versions.New(versions.Config{Storage: storage, Directory: "assets/site", Keep: time.Hour, Size: 10, Now: time.Now})
	r := release{"small.js?a": "12345", "same.js?b": "12345", "large.js?c": "123456789"}
	if left, err := s.Publish(t.Context(), r.list(), r.open); err != nil || left != 1 {
		t.Fatalf("%d left, %v", left, err)
	}
	if fetch(t, s, "small.js", "a") == "" || fetch(t, s, "large.js", "c") != "" {
		t.Error("want the small files alone")
	}
}

// Clients that leave do not make the storage count as failing: others still wait for a refresh.
func TestClientsThatLeaveDoNotStopOthers(t *testing.T) {
	t.Parallel()
	storage := newMemory()
	a, b := newStore(storage, time.Now), newStore(storage, time.Now)
	fetch(t, b, "main.js", "first") // so that the next refresh is a moment away
	left, leave := context.WithCancel(t.Context())
	leave()
	b.Find(left, "main.js", "invented")
	publish(t, a, release{"main.js?aaaa": "one"})
	if got := fetch(t, b, "main.js", "aaaa"); got != "one" {
		t.Errorf("got %q, want the version that was published", got)
	}
}
