package promises

import (
	"errors"
	"testing"
)

// A store honours the promises of a related one, under the path that the URL has there.
func TestRelatedStoresUnderOtherPrefixes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, prefix, path string // of the store
		other, otherPath   string // of the related one
		isOther            bool
		why                string
	}{
		{"same prefix", "/s/", "imm/x.js", "/s/", "imm/x.js", true, "another site had the URL"},
		{"narrower", "/s/imm/", "x.js", "/s/", "imm/x.js", true, "a second serve line took the URL over"},
		{"wider", "/", "s/imm/x.js", "/s/", "imm/x.js", true, "the parent directory is served now"},
		{"same path, other URL", "/s/imm/", "imm/x.js", "/s/", "imm/x.js", false, "the URL is /s/imm/imm/x.js"},
		{"outside of the narrower prefix", "/", "imm/x.js", "/s/", "imm/x.js", false, "the URL is /imm/x.js"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			clock, file := &clock{at: noon}, newFile(t)
			add(t, open(t, file, clock), promise(c.otherPath, "", "one"), promise(c.otherPath, "7", "one"))
			cut, prepended, ok := Relate(c.prefix, c.other)
			if !ok {
				t.Fatal("the prefixes have no URL in common")
			}
			s := New(newFile(t), clock.now)
			s.Honor(Scope{Related: []Related{{New(file, clock.now), cut, prepended}}})
			if err := s.Open(); err != nil {
				t.Fatal(err)
			}
			for _, version := range []string{"", "7"} {
				if got := s.HasOther(c.path, version, digestOf("two")); got != c.isOther {
					t.Errorf("HasOther(%q, %q) = %v, want %v (%s)", c.path, version, got, c.isOther, c.why)
				}
				if s.HasOther(c.path, version, digestOf("one")) {
					t.Errorf("HasOther(%q, %q) with the same content", c.path, version)
				}
				if got := s.Has(promise(c.path, version, "one")); got != c.isOther {
					t.Errorf("Has(%q, %q) = %v, want %v (%s)", c.path, version, got, c.isOther, c.why)
				}
			}
		})
	}
	if _, _, ok := Relate("/a/", "/b/"); ok {
		t.Error("/a/ and /b/ are related")
	}
}

// Requests look promises up.
func TestLookupsAllocateNothing(t *testing.T) {
	clock, file := &clock{at: noon}, newFile(t)
	add(t, open(t, file, clock), promise("imm/x.js", "", "one"))
	s := New(newFile(t), clock.now)
	s.Honor(Scope{Related: []Related{{New(file, clock.now), "", "imm/"}}, Shadowed: []string{"y/"}})
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	sum := digestOf("two")
	if n := testing.AllocsPerRun(100, func() { s.HasOther("x.js", "", sum) }); n > 0 {
		t.Errorf("%v allocations a lookup", n)
	}
}

// Foreign grows when a process adds to a related store, and when the related stores change. It reads one of them with each call.
func TestForeignFollowsRelatedStores(t *testing.T) {
	t.Parallel()
	clock, files := &clock{at: noon}, []string{newFile(t), newFile(t)}
	s := open(t, newFile(t), clock)
	foreign := func() uint64 {
		t.Helper()
		var last uint64
		for range files {
			now, err := s.Foreign()
			if err != nil {
				t.Fatal(err)
			}
			last = now
		}
		return last
	}
	var related []Related
	for _, file := range files {
		related = append(related, Related{Store: New(file, clock.now)})
	}
	before := foreign()
	s.Honor(Scope{Related: related})
	if now := foreign(); now <= before {
		t.Error("Foreign does not grow with new related stores")
	}
	for i, file := range files {
		before = foreign()
		if again := foreign(); again != before {
			t.Errorf("Foreign grows without a change")
		}
		path := string(rune('a' + i))
		add(t, open(t, file, clock), promise(path, "", "one"))
		if now := foreign(); now <= before || !s.HasOther(path, "", digestOf("two")) {
			t.Errorf("the promise of store %d is not found", i)
		}
	}
}

// A store has no promises for paths that another directory answers. It has the earlier promises again once it answers them itself.
func TestShadowedPathsHaveNoPromises(t *testing.T) {
	t.Parallel()
	s := open(t, newFile(t), &clock{at: noon})
	add(t, s, promise("imm/x.js", "", "one"))
	s.Honor(Scope{Shadowed: []string{"imm/"}})
	add(t, s, promise("imm/y.js", "", "one"), promise("y.js", "", "one"))
	for _, path := range []string{"imm/x.js", "imm/y.js"} {
		if s.Has(promise(path, "", "one")) || s.HasOther(path, "", digestOf("two")) {
			t.Errorf("%s has a promise, but another directory answers it", path)
		}
	}
	if !s.Has(promise("y.js", "", "one")) {
		t.Error("y.js has no promise")
	}
	s.Honor(Scope{})
	if !s.Has(promise("imm/x.js", "", "one")) || s.Has(promise("imm/y.js", "", "one")) {
		t.Error("want the promise of imm/x.js, which was given out, and none of imm/y.js")
	}
}

// A store that cannot know all promises is not opened, so that no URL is given out.
func TestUnknownRelatedStoresAreAnError(t *testing.T) {
	t.Parallel()
	s, unknown := New(newFile(t), (&clock{at: noon}).now), errors.New("cannot list")
	s.Honor(Scope{Unknown: unknown})
	if err := s.Open(); !errors.Is(err, unknown) {
		t.Errorf("Open: %v", err)
	}
	s.Honor(Scope{})
	if err := s.Open(); err != nil {
		t.Errorf("Open: %v", err)
	}
}
