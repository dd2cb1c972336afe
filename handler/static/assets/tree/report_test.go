package tree_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/assets/tree"
)

// Each generation is logged with what it adds, changes and removes, and the loss of most files is a warning.
func TestPublishedCounts(t *testing.T) {
	t.Parallel()
	s := tree.NewStillTree(t, map[string]string{"a.js": "1", "b.js": "1", "c.js": "1"})
	s.Read()
	s.Write("a.js", "2")
	s.Write("d.js", "1")
	s.Read()
	for _, name := range []string{"a.js", "b.js", "c.js"} {
		s.Remove(name)
	}
	s.Read()
	s.Now = s.Now.Add(tree.DefaultVanished)
	s.Read()
	want := [][3]int64{{3, 0, 0}, {1, 1, 0}, {0, 0, 3}}
	lines := s.Logs.FilterMessage("published assets").All()
	if len(lines) != len(want) {
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	for i, line := range lines {
		fields := line.ContextMap()
		if got := [3]int64{fields["added"].(int64), fields["changed"].(int64), fields["removed"].(int64)}; got != want[i] {
			t.Errorf("generation %d: added, changed, removed %v, want %v", i, got, want[i])
		}
	}
	if got := s.Logs.FilterMessage("more than half of the files were removed").Len(); got != 1 {
		t.Errorf("%d warnings, want one", got)
	}
}

// A link that leads nowhere is explained as such.
func TestUnusableLinkIsExplained(t *testing.T) {
	t.Parallel()
	s := tree.NewStillTree(t, map[string]string{"a.js": "a"})
	s.Link("loop.js", "loop.js")
	s.Read()
	e := handlerOfStill(s).Explain(httptest.NewRequest("GET", "/static/loop.js", nil))
	if e.Status != 404 || !strings.HasPrefix(e.Why, assets.Reasons[assets.NoAccess]+": ") {
		t.Errorf("%+v", e)
	}
}

// A link that leads out of the root is named for the file that it stands for, and for each path below its directory.
func TestLinkOutOfTheRootIsExplained(t *testing.T) {
	t.Parallel()
	s := tree.NewStillTree(t, map[string]string{"a.js": "a"})
	outside := tree.WriteRoot(t, map[string]string{"b.js": "b", "deep/c.js": "c"})
	s.Link(outside+"/b.js", "file.js")
	s.Link(outside, "dir")
	s.Read()
	const why = "a link leads out of the root; `symlinks follow` serves it"
	for name, want := range map[string]string{
		"file.js":       assets.Reasons[assets.NoAccess] + ": " + why,
		"dir/b.js":      assets.Reasons[assets.NoAccessAbove] + ": dir: " + why,
		"dir/deep/c.js": assets.Reasons[assets.NoAccessAbove] + ": dir: " + why,
		"dir/":          assets.Reasons[assets.NoAccessAbove] + ": dir: " + why,
		"other/b.js":    "there is no such file",
	} {
		if e := handlerOfStill(s).Explain(httptest.NewRequest("GET", "/static/"+name, nil)); e.Status != 404 || e.Why != want {
			t.Errorf("%s: %+v, want %s", name, e, want)
		}
	}
	h := handlerOfStill(s)
	h.PassThru = true
	if e := h.Explain(httptest.NewRequest("GET", "/static/dir/b.js", nil)); e.Status != 0 {
		t.Errorf("with pass_thru: %+v, want the next handler", e)
	}
}
