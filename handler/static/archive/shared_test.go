package archive

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// next returns the store of a second process.
func (s *testStore) next(t *testing.T) *testStore {
	t.Helper()
	next := &testStore{clock: s.clock}
	next.config = s.config
	next.config.Report = next.report
	next.restart(t)
	return next
}

// During a rolling restart two processes share the directory. Neither removes entries that the other needs.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, why string
		do        func(t *testing.T, first, second *testStore)
		want      map[string]string // by version of a
	}{
		{"same bytes", "the bytes are those of an entry of the other too", func(t *testing.T, first, second *testStore) {
			first.clock.advance(40 * time.Minute)
			second.put(t, "a", "2", "one")
			first.clock.advance(20 * time.Minute)
			first.Sweep()
		}, map[string]string{"1": "none", "2": "one"}},
		{"renewed", "it is current in the other", func(t *testing.T, first, second *testStore) {
			first.clock.advance(40 * time.Minute)
			second.Renew("a", "1")
			first.clock.advance(20 * time.Minute)
			first.Sweep()
		}, map[string]string{"1": "one"}},
		{"replaced", "the other gave it other bytes, and removed these", func(t *testing.T, first, second *testStore) {
			first.clock.advance(time.Minute)
			second.put(t, "a", "1", "two")
			first.get(t, "a", "1")
		}, map[string]string{"1": "two"}},
		{"put meanwhile", "what the other put is held, and renewed", func(t *testing.T, first, second *testStore) {
			second.put(t, "a", "2", "two")
			if !first.Renew("a", "2") || first.Renew("a", "3") {
				t.Error("Renew does not find an entry of the other process")
			}
			if got := first.get(t, "a", "2"); got != "two" {
				t.Errorf("it is %q in the first", got)
			}
		}, map[string]string{"1": "one", "2": "two"}},
		{"dropped", "what the other dropped is put again where it is current", func(t *testing.T, first, second *testStore) {
			second.Bound(time.Minute, 0)
			second.clock.advance(time.Minute)
			second.Sweep()
			second.Bound(time.Hour, 0)
			if first.Renew("a", "1") {
				t.Error("Renew found a removed entry")
			}
			first.put(t, "a", "1", "one")
		}, map[string]string{"1": "one"}},
		{"started meanwhile", "the bytes are written, and what they belong to will be", func(t *testing.T, first, second *testStore) {
			content := strings.NewReader("two")
			sum, _, err := sumOf(content)
			if err != nil {
				t.Fatal(err)
			}
			if err := first.writeBlob(sum, content); err != nil {
				t.Fatal(err)
			}
			second.restart(t)
			first.put(t, "a", "2", "two")
		}, map[string]string{"1": "one", "2": "two"}},
	} {
		first := newTestStore(t, 1<<20)
		first.put(t, "a", "1", "one")
		second := first.next(t)
		c.do(t, first, second)
		third := first.next(t)
		for version, want := range c.want {
			if got := third.get(t, "a", version); got != want {
				t.Errorf("%s: version %s is %q in the process after, want %q (%s)", c.name, version, got, want, c.why)
			}
		}
		for _, s := range []*testStore{first, second, third} {
			if len(s.reports) > 0 {
				t.Errorf("%s: reported %q", c.name, s.reports)
			}
		}
	}
}

// Two processes that write at once leave a directory that a third reads without an error.
func TestTwoProcessesAtOnce(t *testing.T) {
	t.Parallel()
	first := newTestStore(t, 1<<20)
	second := first.next(t)
	var all sync.WaitGroup
	for _, s := range []*testStore{first, second} {
		for range 3 {
			all.Go(func() {
				for i := range 100 {
					version := fmt.Sprint(i % 20)
					if err := s.Put("a", version, strings.NewReader("content "+version)); err != nil {
						t.Error(err)
					}
					s.Renew("a", version)
					if content, ok := s.Get("a", version); ok {
						if got, _ := io.ReadAll(content); string(got) != "content "+version {
							t.Errorf("version %s is %q", version, got)
						}
						_ = content.Close()
					}
				}
			})
		}
	}
	all.Wait()
	third := first.next(t)
	for i := range 20 {
		version := fmt.Sprint(i)
		if got := third.get(t, "a", version); got != "content "+version {
			t.Errorf("version %s is %q", version, got)
		}
	}
	if reports := append(append(first.reports, second.reports...), third.reports...); len(reports) > 0 {
		t.Errorf("reported %q", reports)
	}
}

// A write that fails is an error. The other entries stay, and later writes succeed.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"blobs", "entries"} {
		s := newTestStore(t, 1<<20)
		s.put(t, "a", "1", "one")
		directory := filepath.Join(s.config.Directory, kind)
		if err := os.Rename(directory, directory+"-away"); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(directory, nil, 0o600); err != nil { // nothing can be made in it
			t.Fatal(err)
		}
		if err := s.Put("a", "2", strings.NewReader("two")); err == nil {
			t.Errorf("%s: Put succeeded without a write", kind)
		}
		if _, found := s.Find("a", "2"); found {
			t.Errorf("%s: the store holds an entry that Put did not write", kind)
		}
		if err := os.Remove(directory); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(directory+"-away", directory); err != nil {
			t.Fatal(err)
		}
		s.put(t, "a", "2", "two")
		for range 2 {
			for version, want := range map[string]string{"1": "one", "2": "two"} {
				if got := s.get(t, "a", version); got != want {
					t.Errorf("%s: version %s is %q, want %q", kind, version, got, want)
				}
			}
			s.restart(t)
		}
		if blobs := s.files(t, "blobs"); len(blobs) != 2 {
			t.Errorf("%s: left %q", kind, blobs)
		}
	}
}

// Dropped is called for each entry that is removed.
func TestDroppedIsCalledForEachRemovedEntry(t *testing.T) {
	t.Parallel()
	s := newTestStore(t, 1<<20)
	var dropped []string
	s.config.Dropped = func(name, version string, sum digest) { dropped = append(dropped, name+" "+version) }
	s.restart(t)
	s.put(t, "a", "1", "one")
	s.put(t, "a", "1", "other") // is replaced, not dropped
	s.clock.advance(time.Hour)
	s.Sweep()
	s.put(t, "b", "1", "one")
	overwrite(t, s.blobPath(sha256.Sum256([]byte("one"))), "ONE")
	if content, ok := s.Get("b", "1"); ok {
		_ = content.Close()
		t.Error("damaged bytes were handed out")
	}
	if got := strings.Join(dropped, ","); got != "a 1,b 1" {
		t.Errorf("dropped %q", got)
	}
}

// The next sweep of a process finds the entries of the other process, also if both changed the directory at the same time.
func TestSweepAdoptsOtherProcesses(t *testing.T) {
	t.Parallel()
	first := newTestStore(t, 1<<20)
	second := first.next(t)
	moment := first.entriesChanged()
	second.put(t, "chunk.js", "1", "put by the second")
	first.put(t, "main.js", "1", "put by the first")
	if err := os.Chtimes(first.entries, moment, moment); err != nil {
		t.Fatal(err)
	}
	first.Sweep()
	if got := first.get(t, "chunk.js", "1"); got != "put by the second" {
		t.Errorf("the first process finds %q", got)
	}
}
