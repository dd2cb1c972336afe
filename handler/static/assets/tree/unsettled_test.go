package tree

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"
)

// look walks the tree once, a second later, without events.
func (s *StillTree) look() *Catalog {
	s.T.Helper()
	s.Now = s.Now.Add(time.Second)
	s.refresh(context.Background(), false)
	return s.catalog.Load()
}

// Constant changes delay publishing for 30 s. Then what is unchanged over two walks is published.
func TestConstantChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		write  func(s *StillTree, second int)
		logged string
	}{
		{"a log file", func(s *StillTree, second int) { s.Write("js/access.log", fmt.Sprint(second)) }, "js/access.log"},
		{"new uploads", func(s *StillTree, second int) { s.Write(fmt.Sprintf("media/%03d.png", second), "x") }, "media/"},
		{"uploads that go away", func(s *StillTree, second int) {
			s.Write(fmt.Sprintf("media/%03d.png", second), "x")
			s.Remove(fmt.Sprintf("media/%03d.png", second-1))
		}, "media/"},
		{"a transfer of rsync", func(s *StillTree, second int) { s.Write("media/.film.mp4.Xy12Ab", fmt.Sprint(second)) }, "media/.film.mp4.Xy12Ab"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := NewStillTree(t, map[string]string{"js/a.js": "1", "b.js": "1"})
			before := s.Read()
			s.Write("js/a.js", "2")
			second := 0
			for began := s.Now; s.Now.Sub(began) < maxUnsettled; second++ {
				c.write(s, second)
				if got := s.look(); got != before && s.Now.Sub(began) < maxUnsettled {
					t.Fatalf("published after %s: the deployment may go on", s.Now.Sub(began))
				}
			}
			for range 2 {
				c.write(s, second)
				s.look()
				second++
			}
			if got := Content(s.catalog.Load(), "js/a.js"); got != "2" {
				t.Fatalf("js/a.js is %q after %s, want the change", got, maxUnsettled)
			}
			if got := s.Logs.FilterMessageSnippet("files keep changing").Len(); got != 1 || !s.Logged(c.logged) {
				t.Errorf("logged %d times, want once with %s: %v", got, c.logged, s.Logs.All())
			}
			s.Write("b.js", "3")
			for range int(maxUnsettled/time.Second) + 2 {
				c.write(s, second)
				s.look()
				second++
			}
			if got := Content(s.catalog.Load(), "b.js"); got != "3" {
				t.Errorf("b.js is %q, want the next change after %s", got, maxUnsettled)
			}
			if got := s.Logs.FilterMessageSnippet("files keep changing").Len(); got != 1 {
				t.Errorf("logged %d times, want once until the tree is quiet", got)
			}
			for range 3 {
				s.look()
			}
			shown := slices.DeleteFunc(slices.Clone(s.walked), func(e entry) bool { return e.hidden })
			if s.changing || !s.unsettledSince.IsZero() || s.catalog.Load().Files() < len(shown) {
				t.Errorf("when it is quiet: changing %v, %d of %d files", s.changing, s.catalog.Load().Files(), len(shown))
			}
		})
	}
}

// Events delay walks, so the last one may be from before most changes.
func TestChangesSinceAnOldWalk(t *testing.T) {
	t.Parallel()
	s := NewStillTree(t, map[string]string{"a.js": "1"})
	s.Read()
	s.Write("access.log", "1")
	s.look()
	s.Write("a.js", "2")
	s.Now = s.Now.Add(maxUnsettled)
	for line := range 2 {
		s.Write("access.log", fmt.Sprint("more", line))
		s.look()
	}
	if got := Content(s.catalog.Load(), "a.js"); got != "2" {
		t.Errorf("a.js is %q, want the change, which is as old as the limit", got)
	}
}

// A deployment that is quiet in time is seen as a whole, however many walks meet it.
func TestDeploymentIsSeenAsAWhole(t *testing.T) {
	t.Parallel()
	s := NewStillTree(t, map[string]string{"a.js": "1", "b.js": "1"})
	before := s.Read()
	for i := range int(maxUnsettled/time.Second) - 2 {
		s.Write("a.js", fmt.Sprint("2", i))
		if s.look() != before {
			t.Fatal("a part of the deployment is published")
		}
	}
	s.Write("b.js", "2")
	s.look()
	if c := s.look(); Content(c, "b.js") != "2" || Content(c, "a.js") == "1" {
		t.Errorf("a.js %q, b.js %q, want both changed", Content(c, "a.js"), Content(c, "b.js"))
	}
}

func TestUnchanged(t *testing.T) {
	t.Parallel()
	file := func(path string, size int64) entry { return entry{path: path, identity: identity{size: size}} }
	published := walkedTree{file("changed", 1), file("going", 1), file("gone", 1), file("same", 1), file("updated", 1)}
	last := walkedTree{file("changed", 2), file("going", 1), file("new", 2), file("same", 1), file("updated", 2)}
	now := walkedTree{file("changed", 3), file("new", 3), file("newest", 3), file("same", 1), file("updated", 2)}
	entries, changing := unchanged(now, last, published)
	if want := (walkedTree{file("changed", 1), file("going", 1), file("same", 1), file("updated", 2)}); !slices.Equal(entries, want) {
		t.Errorf("entries %v, want %v", entries, want)
	}
	if want := (walkedTree{file("changed", 3), file("new", 3), file("newest", 3), file("going", 1)}); !slices.Equal(changing, want) {
		t.Errorf("changing %v, want %v", changing, want)
	}
}
