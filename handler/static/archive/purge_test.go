package archive

import (
	"strings"
	"testing"
	"time"
)

func TestPurgeRemovesAllVersionsOfAName(t *testing.T) {
	t.Parallel()
	var dropped []string
	s := New(Config{Directory: t.TempDir(), Now: func() time.Time { return time.Unix(1e9, 0) }, Dropped: func(name, version string, _ digest) {
		dropped = append(dropped, name+"?"+version)
	}})
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for _, put := range []struct{ name, version, content string }{
		{"a.js", "1", "one"}, {"a.js", "2", "two"}, {"b.js", "1", "one"}, {"a.js/x", "1", "three"},
	} {
		if err := s.Put(put.name, put.version, strings.NewReader(put.content)); err != nil {
			t.Fatal(err)
		}
	}
	sums, removed := s.Purge("a.js")
	if removed != 2 || len(sums) != 2 || len(dropped) != 2 {
		t.Errorf("Purge removed %d entries and dropped %q, want both versions", removed, dropped)
	}
	for _, gone := range []string{"1", "2"} {
		if _, found := s.Get("a.js", gone); found {
			t.Errorf("version %s is still found", gone)
		}
	}
	for _, kept := range []string{"b.js", "a.js/x"} {
		content, found := s.Get(kept, "1")
		if !found {
			t.Errorf("%s is gone; its content and its name are those of others", kept)
			continue
		}
		_ = content.Close()
	}
	if _, removed := s.Purge("a.js"); removed != 0 {
		t.Errorf("a second Purge removed %d entries", removed)
	}
}
