package archive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// PutSparing removes entries that are not current, the oldest first, and no current entry.
func TestPutSparing(t *testing.T) {
	t.Parallel()
	const fit = 3
	s := newTestStore(t, fit*2*block)
	for i := range fit {
		s.put(t, "a", fmt.Sprint(i), fmt.Sprintf("content %d", i))
		s.clock.advance(time.Second)
	}
	since := s.clock.now()
	if !s.Renew("a", "0") {
		t.Fatal("the store lacks an entry")
	}
	for _, c := range []struct {
		version, why string
		want         error
	}{
		{"3", "it takes the place of 1", nil}, {"4", "it takes the place of 2", nil},
		{"5", "0 was renewed, 3 and 4 were put: all are needed", ErrFull},
	} {
		err := s.PutSparing("a", c.version, strings.NewReader("content "+c.version), since)
		if !errors.Is(err, c.want) {
			t.Errorf("version %s: %v, want %v (%s)", c.version, err, c.want, c.why)
		}
	}
	for version, want := range map[string]string{"0": "content 0", "1": "none", "2": "none", "3": "content 3", "4": "content 4", "5": "none"} {
		if got := s.get(t, "a", version); got != want {
			t.Errorf("version %s is %q, want %q", version, got, want)
		}
	}
	if err := s.PutSparing("b", "1", strings.NewReader("content 0"), since); !errors.Is(err, ErrFull) {
		t.Errorf("a second name of stored content, which takes one block more: %v", err)
	}
	if err := s.Put("a", "5", strings.NewReader("content 5")); err != nil || s.get(t, "a", "5") != "content 5" || s.get(t, "a", "0") != "none" {
		t.Errorf("Put spares something: %v", err)
	}
}

// A renewed entry is the last to be removed, even if its file was not written again.
func TestRenewedEntryIsRemovedLast(t *testing.T) {
	t.Parallel()
	s := newTestStore(t, 2*2*block)
	s.put(t, "a", "1", "one")
	s.clock.advance(time.Second)
	s.put(t, "a", "2", "two")
	before := mustRead(t, s.entryPath(key{"a", "1"}))
	s.clock.advance(time.Second)
	s.Renew("a", "1")
	if mustRead(t, s.entryPath(key{"a", "1"})) != before {
		t.Error("the file was written again within a second")
	}
	s.put(t, "a", "3", "three")
	if got := s.get(t, "a", "1") + " " + s.get(t, "a", "2"); got != "one none" {
		t.Errorf("left are %q", got)
	}
}

// New leaves nothing on disk.
func TestNewDoesNotUseTheDisk(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "archive")
	s := New(Config{Directory: directory, Now: new(clock).now})
	if _, found := s.Find("a", "1"); found {
		t.Error("something is found")
	}
	if _, err := os.Stat(directory); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is there: %v", err)
	}
}

// Open may be called again after an error, and after success.
func TestOpenAgain(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "archive")
	if err := os.WriteFile(directory, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := New(Config{Directory: directory, Now: new(clock).now})
	if err := s.Open(); err == nil {
		t.Fatal("a file was opened as a directory")
	}
	remove(t, directory)
	for range 2 {
		if err := s.Open(); err != nil {
			t.Fatal(err)
		}
		if err := s.Put("a", "1", strings.NewReader("one")); err != nil {
			t.Fatal(err)
		}
	}
	if _, entries := s.Size(); entries != 1 {
		t.Errorf("%d entries, want one", entries)
	}
}
