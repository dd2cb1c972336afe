package tree_test

import (
	"slices"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets/tree"
)

// A deploy logs once how many files the archive has no room for, together with the replaced files.
func TestFullArchiveIsLoggedOnce(t *testing.T) {
	t.Parallel()
	s := tree.NewStillTree(t, map[string]string{"a.js": "a", "b.js": "b"}, func(c *tree.Config) {
		c.Archive = tree.FullArchive{archive.New(archive.Config{
			Directory: t.TempDir(), Keep: time.Hour, Size: 1 << 20, Now: time.Now, Report: func(err error) { t.Error(err) },
		})}
	})
	logged := func() []int64 {
		var left []int64
		for _, line := range s.Logs.FilterMessageSnippet("archive full; raise the size in keep").All() {
			left = append(left, line.ContextMap()["left_out"].(int64))
		}
		return left
	}
	s.Read()
	s.Background().Wait()
	ask(t, handlerOfStill(s), "GET", "/static/a.js?v="+tree.MD5Of("a")) // a request adds this version of the file to the archive
	s.Write("c.js", "c")
	s.Read()
	s.Background().Wait()
	if got := logged(); !slices.Equal(got, []int64{2, 4}) {
		t.Errorf("logged %v files without room, want 2, and 4 after the deploy: a.js has two versions", got)
	}
}
