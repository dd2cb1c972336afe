package assets

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"
)

// look walks the tree once, a second later, without events.
func (s *stillTree) look() *Catalog {
	s.t.Helper()
	s.now = s.now.Add(time.Second)
	s.refresh(context.Background(), false)
	return s.catalog.Load()
}

// Constant changes delay publishing for 30 s. Then what is unchanged over two walks is published.
func TestConstantChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		write func(s *stillTree, second int)
		told  string
	}{
		{"a log file", func(s *stillTree, second int) { s.write("js/access.log", fmt.Sprint(second)) }, "js/access.log"},
		{"new uploads", func(s *stillTree, second int) { s.write(fmt.Sprintf("media/%03d.png", second), "x") }, "media/"},
		{"uploads that go away", func(s *stillTree, second int) {
			s.write(fmt.Sprintf("media/%03d.png", second), "x")
			s.remove(fmt.Sprintf("media/%03d.png", second-1))
		}, "media/"},
		{"a transfer of rsync", func(s *stillTree, second int) { s.write("media/.film.mp4.Xy12Ab", fmt.Sprint(second)) }, "media/.film.mp4.Xy12Ab"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStillTree(t, map[string]string{"js/a.js": "1", "b.js": "1"})
			before := s.read()
			s.write("js/a.js", "2")
			second := 0
			for began := s.now; s.now.Sub(began) < maxUnsettled; second++ {
				c.write(s, second)
				if got := s.look(); got != before && s.now.Sub(began) < maxUnsettled {
					t.Fatalf("published after %s: the deployment may go on", s.now.Sub(began))
				}
			}
			for range 2 {
				c.write(s, second)
				s.look()
				second++
			}
			if got := content(s.catalog.Load(), "js/a.js"); got != "2" {
				t.Fatalf("js/a.js is %q after %s, want the change", got, maxUnsettled)
			}
			if got := s.logs.FilterMessageSnippet("files keep changing").Len(); got != 1 || !s.logged(c.told) {
				t.Errorf("logged %d times, want once with %s: %v", got, c.told, s.logs.All())
			}
			s.write("b.js", "3")
			for range int(maxUnsettled/time.Second) + 2 {
				c.write(s, second)
				s.look()
				second++
			}
			if got := content(s.catalog.Load(), "b.js"); got != "3" {
				t.Errorf("b.js is %q, want the next change after %s", got, maxUnsettled)
			}
			if got := s.logs.FilterMessageSnippet("files keep changing").Len(); got != 1 {
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

// A deployment that is quiet in time is seen as a whole, however many walks meet it.
func TestDeploymentIsSeenAsAWhole(t *testing.T) {
	t.Parallel()
	s := newStillTree(t, map[string]string{"a.js": "1", "b.js": "1"})
	before := s.read()
	for i := range int(maxUnsettled/time.Second) - 2 {
		s.write("a.js", fmt.Sprint("2", i))
		if s.look() != before {
			t.Fatal("a part of the deployment is published")
		}
	}
	s.write("b.js", "2")
	s.look()
	if c := s.look(); content(c, "b.js") != "2" || content(c, "a.js") == "1" {
		t.Errorf("a.js %q, b.js %q, want both changed", content(c, "a.js"), content(c, "b.js"))
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
