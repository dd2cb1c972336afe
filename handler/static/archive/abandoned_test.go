package archive

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRemoveAbandoned(t *testing.T) {
	t.Parallel()
	const keep, forget = time.Hour, 10 * time.Hour
	for _, c := range []struct {
		name, directory string
		unused          time.Duration
		isOpen          bool
		stays           string // age of its files; "": no directory
		why             string
	}{
		{"abandoned", "example.com-static-0123abcd", keep, false, "promises", "promises last longer"},
		{"used lately", "example.com-static-0123abcd", keep - time.Minute, false, "blobs entries promises", "keep has not passed"},
		{"open", "example.com-static-0123abcd", keep, true, "blobs entries promises", "a process uses it"},
		{"long abandoned", "example.com-static-0123abcd", forget, false, "", "no browser holds its files"},
		{"another name", "backup", forget, false, "blobs entries promises", "it is not a store"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := &testStore{clock: new(clock)}
			parent := t.TempDir()
			directory := filepath.Join(parent, c.directory)
			s.config = Config{Directory: directory, Now: s.clock.now}
			s.restart(t)
			s.put(t, "a", "1", "one")
			promises := filepath.Join(directory, "promises")
			if err := os.WriteFile(promises, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(promises, noon, noon); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if c.isOpen {
				s.restart(t)
			}
			removed, err := RemoveAbandoned(parent, keep, forget, noon.Add(c.unused))
			if err != nil {
				t.Fatal(err)
			}
			var stays []string
			files, _ := os.ReadDir(directory)
			for _, file := range files {
				stays = append(stays, file.Name())
			}
			if want := strings.Fields(c.stays); !slices.Equal(stays, want) {
				t.Errorf("%q stay, want %q (%s)", stays, want, c.why)
			}
			if _, err := os.Stat(directory); os.IsNotExist(err) != (c.stays == "") {
				t.Errorf("the directory: %v", err)
			}
			if wasRemoved := !slices.Contains(stays, "blobs"); wasRemoved != (len(removed) == 1) {
				t.Errorf("reported %q", removed)
			}
			if again, err := RemoveAbandoned(parent, keep, forget, noon.Add(c.unused)); err != nil || len(again) > 0 {
				t.Errorf("again: %q, %v", again, err)
			}
		})
	}
	if removed, err := RemoveAbandoned(filepath.Join(t.TempDir(), "missing"), keep, forget, noon); err != nil || removed != nil {
		t.Errorf("a directory that is missing: %q, %v", removed, err)
	}
}

// A file stays as long as another one that was written later: the record of a site stays as long as its promises.
func TestFilesOfAStoreAreRemovedTogether(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	directory := filepath.Join(parent, "example.com-static-0123abcd")
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, written := range map[string]time.Time{"site": noon, "promises": noon.Add(time.Hour)} {
		path := filepath.Join(directory, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, written, written)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(directory, noon, noon); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		after time.Duration
		stay  int
	}{{10*time.Hour + time.Minute, 2}, {11 * time.Hour, 0}} {
		if _, err := RemoveAbandoned(parent, time.Hour, 10*time.Hour, noon.Add(c.after)); err != nil {
			t.Fatal(err)
		}
		if files, _ := os.ReadDir(directory); len(files) != c.stay {
			t.Errorf("after %s %d files stay, want %d", c.after, len(files), c.stay)
		}
	}
}

// A closed store can be opened again with its entries.
func TestClose(t *testing.T) {
	t.Parallel()
	s := newTestStore(t, 1<<20)
	s.put(t, "a", "1", "one")
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s.restart(t)
	if got := s.get(t, "a", "1"); got != "one" {
		t.Errorf("%q", got)
	}
}
