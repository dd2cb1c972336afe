//go:build unix

package tree_test

import (
	"syscall"
	"testing"

	"github.com/scan2food/usher/handler/static/assets/tree"
)

// A FIFO in place of a file gives 404 and blocks no request, before and after the tree has seen it.
func TestFIFO(t *testing.T) {
	t.Parallel()
	large := tree.Text(2 * tree.MaxInMemory)
	s := tree.NewStillTree(t, map[string]string{"large.bin": large, "pipe-manifest.json": "{}"})
	s.Read()
	h := handlerOfStill(s)
	for _, name := range []string{"large.bin", "pipe-manifest.json", "new.fifo"} {
		s.Remove(name)
		if err := syscall.Mkfifo(s.Path(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"large.bin", "new.fifo"} {
		if got := ask(t, h, "GET", "/static/"+path).StatusCode; got != 404 {
			t.Errorf("%s, before the tree has seen it: %d, want 404", path, got)
		}
	}
	s.Read()
	s.Now = s.Now.Add(tree.DefaultVanished)
	s.Read()
	for _, path := range []string{"large.bin", "pipe-manifest.json", "new.fifo"} {
		if got := ask(t, h, "GET", "/static/"+path).StatusCode; got != 404 {
			t.Errorf("%s: %d, want 404", path, got)
		}
	}
}
