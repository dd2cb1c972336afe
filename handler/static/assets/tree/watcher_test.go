package tree

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"go.uber.org/zap"
)

// The tree is polled only if a served directory cannot be watched.
func TestWatchErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		err   error
		fails bool
	}{
		{"followed", nil, false},
		{"gone", &fs.PathError{Op: "inotify", Path: "/srv/a", Err: syscall.ENOENT}, false},
		{"lost+found", syscall.EACCES, false},
		{"no more watches", syscall.ENOSPC, true},
		{"too many files", syscall.EMFILE, true},
	} {
		if err := watchError("/srv/a", c.err); (err != nil) != c.fails {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// An unreadable directory is reported. All others are watched.
func TestDirectoryThatMayNotBeRead(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	s := NewStillTree(t, map[string]string{"a.js": "a", "lost+found/x": "x"}, func(c *Config) { c.Logger = zap.NewNop() })
	if err := os.Chmod(filepath.Join(s.Root, "lost+found"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(s.Root, "lost+found"), 0o700) })
	w := newWatcher(s.Root, nil, false)
	defer w.close()
	if w.watch(); !w.working() {
		t.Errorf("not followed: %v", w.err)
	}
	if s.Read().Lookup("a.js") == nil {
		t.Error("a readable file is not served")
	}
}
