//go:build unix

package assets

import (
	"syscall"
	"testing"
)

// A FIFO in a file's place is 404 and holds nobody, before and after it is noticed.
func TestFIFO(t *testing.T) {
	t.Parallel()
	large := text(2 * maxInMemory)
	s := newStillTree(t, map[string]string{"large.bin": large, "pipe-manifest.json": "{}"})
	s.read()
	h := handlerOfStill(s)
	for _, name := range []string{"large.bin", "pipe-manifest.json", "new.fifo"} {
		s.remove(name)
		if err := syscall.Mkfifo(s.path(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"large.bin", "new.fifo"} {
		if got := ask(t, h, "GET", "/static/"+path).StatusCode; got != 404 {
			t.Errorf("%s, not noticed yet: %d, want 404", path, got)
		}
	}
	s.read()
	s.now = s.now.Add(DefaultVanished)
	s.read()
	for _, path := range []string{"large.bin", "pipe-manifest.json", "new.fifo"} {
		if got := ask(t, h, "GET", "/static/"+path).StatusCode; got != 404 {
			t.Errorf("%s: %d, want 404", path, got)
		}
	}
}
