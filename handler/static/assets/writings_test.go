package assets

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"
)

// busyTree is a tree that is looked at every few seconds, and written to before each look.
type busyTree struct {
	*stillTree
	every time.Duration
	write func(look int)
	now   int
}

// wait lets so much time pass, and reports after each look.
func (b *busyTree) wait(duration time.Duration, looked func(*Catalog)) {
	for range int(duration / b.every) {
		b.now++
		b.stillTree.now = b.stillTree.now.Add(b.every)
		b.write(b.now)
		b.refresh(context.Background(), false)
		if looked != nil {
			looked(b.catalog.Load())
		}
	}
}

// What is written to all the time holds back a deployment for a while and not for ever; the deployment is seen as a whole.
func TestWrittenToAllTheTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		write func(s *stillTree, second int)
		limit time.Duration
		told  string
	}{
		{"a log file", func(s *stillTree, second int) { s.write("js/deep/access.log", fmt.Sprint(second)) }, unceasing, "path:js/deep/access.log"},
		{"a log file at the top", func(s *stillTree, second int) { s.write("access.log", fmt.Sprint(second)) }, unceasing, "path:access.log"},
		{"uploads", func(s *stillTree, second int) { s.write(fmt.Sprintf("media/%d/%d.png", second%1000/100, second), "x") }, unceasingDirectory, "path:media"},
		{"uploads that go away", func(s *stillTree, second int) {
			s.write(fmt.Sprintf("media/%d.png", second), "x")
			s.remove(fmt.Sprintf("media/%d.png", second-3))
		}, unceasingDirectory, "path:media"},
		{"both", func(s *stillTree, second int) {
			s.write("media/log.txt", fmt.Sprint(second))
			s.write(fmt.Sprintf("media/%d.png", second), "x")
		}, unceasing + unceasingDirectory, "path:media"},
		{"a transfer", func(s *stillTree, second int) { s.write("media/.film.mp4.Xy12Ab", fmt.Sprint(second)) }, unceasingDirectory, "path:media/.film.mp4.Xy12Ab"},
		{"uploads at the top", func(s *stillTree, second int) {
			s.write(fmt.Sprintf("%d.png", second), "x")
			s.remove(fmt.Sprintf("%d.png", second-3))
		}, unceasingDirectory, "path:."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStillTree(t, map[string]string{"js/a.js": "1", "js/deep/b.js": "1"})
			s.read()
			b := &busyTree{stillTree: s, every: c.limit / 300, write: func(look int) { c.write(s, look) }}
			versions := func(catalog *Catalog) string { return content(catalog, "js/a.js") + content(catalog, "js/deep/b.js") }
			s.write("js/a.js", "2")
			b.wait(8*time.Second, nil)
			s.write("js/deep/b.js", "2")
			b.wait(c.limit/2, func(catalog *Catalog) {
				if got := versions(catalog); got != "11" {
					t.Fatalf("%s is served, want 11: it may be a deployment that goes on", got)
				}
			})
			b.wait(c.limit/2+2*DefaultVanished+4*b.every, func(catalog *Catalog) {
				if got := versions(catalog); got != "11" && got != "22" {
					t.Fatalf("%s is served: a half of the deployment", got)
				}
			})
			if got := versions(s.catalog.Load()); got != "22" {
				t.Fatalf("%s is served: the deployment is still held back", got)
			}
			if !s.logged(c.told+"]") && !s.logged(c.told+" ") {
				t.Errorf("it is not said what is written to: %v", s.logs.All())
			}
			// From now on the others need to be quiet only for a moment.
			if c.told == "path:." {
				return // whatever is as it was a second ago counts
			}
			s.write("js/a.js", "3")
			b.wait(8*time.Second, nil)
			s.write("js/deep/b.js", "3")
			b.wait(2*DefaultVanished+4*b.every, func(catalog *Catalog) {
				if got := versions(catalog); got != "22" && got != "33" {
					t.Fatalf("%s is served: a half of the deployment", got)
				}
			})
			if got := versions(s.catalog.Load()); got != "33" {
				t.Errorf("%s is served: another deployment is held back", got)
			}
			// When it ends, all that was written is served, and what goes on elsewhere holds back all again.
			b.write = func(int) {}
			b.wait(3*DefaultVanished+4*b.every, nil)
			if s.writings.any() || !s.restless.IsZero() {
				t.Error("it is still thought to be written to")
			}
			shown := slices.DeleteFunc(slices.Clone(s.writings.seen), func(e entry) bool { return e.hidden })
			if got, want := s.catalog.Load().Files(), len(shown); got != want {
				t.Errorf("%d files are served, want %d", got, want)
			}
		})
	}
}

// A deployment that takes minutes, now here, now there, is seen when it is over.
func TestLongDeployment(t *testing.T) {
	t.Parallel()
	files := make(map[string]string)
	for i := range 10 {
		files[fmt.Sprintf("%d/a.js", i)] = "1"
	}
	s := newStillTree(t, files)
	s.read()
	before := s.catalog.Load()
	b := &busyTree{stillTree: s, every: time.Second}
	b.write = func(second int) {
		s.write(fmt.Sprintf("%d/a.js", second/120), "2")
		s.write(fmt.Sprintf("%d/%d.png", second/120, second), "x")
		s.remove(fmt.Sprintf("%d/%d.png", (second-3)/120, second-3))
	}
	b.wait(20*time.Minute-time.Second, func(catalog *Catalog) {
		if catalog != before {
			t.Fatal("a part of it is served")
		}
	})
	b.write = func(int) {}
	b.wait(3*time.Second, nil)
	if got := content(s.catalog.Load(), "9/a.js"); got != "2" {
		t.Errorf("when it is over, %q is served", got)
	}
}
