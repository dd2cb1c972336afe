package assets

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// watcher hears of changes below a root, where the file system tells of them.
type watcher struct {
	root     string
	notifier *fsnotify.Watcher
	err      error // why it does not work
}

func newWatcher(root string) *watcher {
	w := &watcher{root: root}
	w.notifier, w.err = fsnotify.NewWatcher()
	return w
}

func (w *watcher) working() bool { return w.err == nil }

// watch follows every directory below the root. Those that are followed already cost nothing.
func (w *watcher) watch() bool {
	if w.notifier == nil {
		return false
	}
	w.err = w.add(w.root)
	return w.working()
}

func (w *watcher) add(dir string) error {
	base, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	return filepath.WalkDir(base, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // it went away: there is nothing to follow
		}
		if !entry.IsDir() {
			return nil
		}
		if err := w.notifier.Add(path); err != nil && !os.IsNotExist(err) {
			return err
		}
		return nil
	})
}

// follow has a directory that has just been made followed too.
func (w *watcher) follow(event fsnotify.Event) {
	if !event.Has(fsnotify.Create) {
		return
	}
	if info, err := os.Stat(event.Name); err == nil && info.IsDir() {
		_ = w.add(event.Name)
	}
}

func (w *watcher) events() <-chan fsnotify.Event {
	if w.notifier == nil {
		return nil
	}
	return w.notifier.Events
}

func (w *watcher) close() {
	if w.notifier != nil {
		_ = w.notifier.Close()
	}
}
