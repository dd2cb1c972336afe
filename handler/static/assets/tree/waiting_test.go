package tree

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"
)

// Requests that wait for the first catalog get it although the tree closes meanwhile, as after two reloads during a long reading.
// Without such requests the reading stops.
func TestClosedWhileItIsWaitedFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		leaves, found bool
	}{
		{"waits", false, true},
		{"leaves", true, false},
	} {
		root := t.TempDir()
		if err := os.WriteFile(filepath.Join(root, "main.js"), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		reading, goOn := make(chan struct{}), make(chan struct{})
		tree, err := Open(Config{
			Root: root, Logger: zap.NewNop(), Now: time.Now,
			Rewrite: func([]Rewritable, func(string) (string, bool)) (map[string]Rewritten, Unversioned) {
				close(reading)
				<-goOn
				return nil, Unversioned{}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		request, leave := context.WithCancel(context.Background())
		got := make(chan *Catalog)
		go func() { got <- tree.Catalog(request) }()
		<-reading
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			tree.Close()
		}()
		<-tree.ctx.Done()
		if c.leaves {
			leave()
			<-got
			<-tree.waiting.reading.Done()
		}
		close(goOn)
		if !c.leaves && <-got == nil {
			t.Errorf("%s: no catalog", c.name)
		}
		<-closed
		if found := tree.Current() != nil; found != c.found {
			t.Errorf("%s: there is a catalog: %v, want %v", c.name, found, c.found)
		}
		leave()
	}
}
