package tree_test

import (
	"slices"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets/tree"
)

// A deployment is told once of what is not kept, though what it replaces is not kept either.
func TestFullArchiveIsToldOfOnce(t *testing.T) {
	t.Parallel()
	s := tree.NewStillTree(t, map[string]string{"a.js": "a", "b.js": "b"}, func(c *tree.Config) {
		c.Archive = tree.FullArchive{archive.New(archive.Config{
			Directory: t.TempDir(), Keep: time.Hour, Size: 1 << 20, Now: time.Now, Report: func(err error) { t.Error(err) },
		})}
	})
	told := func() []int64 {
		var left []int64
		for _, line := range s.Logs.FilterMessageSnippet("archive full; raise the size in keep").All() {
			left = append(left, line.ContextMap()["left_out"].(int64))
		}
		return left
	}
	s.Read()
	s.Background().Wait()
	ask(t, handlerOfStill(s), "GET", "/static/a.js?v="+tree.MD5Of("a")) // it is to be kept under that version too
	s.Write("c.js", "c")
	s.Read()
	s.Background().Wait()
	if got := told(); !slices.Equal(got, []int64{2, 4}) {
		t.Errorf("it was said that %v are left out, want 2, and after the deployment 4: a.js is asked for by two versions", got)
	}
}
