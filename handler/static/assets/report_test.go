package assets

import (
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// Each generation is logged with what it adds, changes and removes, and the loss of most files is a warning.
func TestPublishedCounts(t *testing.T) {
	t.Parallel()
	s := newStillTree(t, map[string]string{"a.js": "1", "b.js": "1", "c.js": "1"})
	s.read()
	s.write("a.js", "2")
	s.write("d.js", "1")
	s.read()
	for _, name := range []string{"a.js", "b.js", "c.js"} {
		s.remove(name)
	}
	s.read()
	s.now = s.now.Add(DefaultVanished)
	s.read()
	want := [][3]int64{{3, 0, 0}, {1, 1, 0}, {0, 0, 3}}
	lines := s.logs.FilterMessage("published assets").All()
	if len(lines) != len(want) {
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	for i, line := range lines {
		fields := line.ContextMap()
		if got := [3]int64{fields["added"].(int64), fields["changed"].(int64), fields["removed"].(int64)}; got != want[i] {
			t.Errorf("generation %d: added, changed, removed %v, want %v", i, got, want[i])
		}
	}
	if got := s.logs.FilterMessage("more than half of the files were removed").Len(); got != 1 {
		t.Errorf("%d warnings, want one", got)
	}
}

// A file that cannot be read is explained as such.
func TestUnreadableFileIsExplained(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		s := newStillTree(t, map[string]string{"a.js": "a"})
		s.link("loop.js", "loop.js")
		s.read()
		checkExplained(t, s, "loop.js")
		return
	}
	s := newStillTree(t, map[string]string{"a.js": "a", "secret.js": "s"})
	if err := os.Chmod(s.path("secret.js"), 0); err != nil {
		t.Fatal(err)
	}
	s.read()
	checkExplained(t, s, "secret.js")
}

func checkExplained(t *testing.T, s *stillTree, name string) {
	t.Helper()
	e := handlerOfStill(s).Explain(httptest.NewRequest("GET", "/static/"+name, nil))
	if e.Status != 404 || !strings.HasPrefix(e.Why, reasons[noAccess]+": ") {
		t.Errorf("%s: %+v", name, e)
	}
}
