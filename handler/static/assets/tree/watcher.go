package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

// watcher reports changes below a root, as far as the file system reports events.
type watcher struct {
	root      string
	base      string // the root with its links resolved
	notifier  *fsnotify.Watcher
	err       error           // why events are unreliable; nil: they are not
	info      fs.FileInfo     // of the root that is followed; nil: there is none
	manifests []string        // some of them may be out of the root
	linked    map[string]bool // directories out of the root that links lead to
	single    map[string]bool // files out of the root
}

// newWatcher returns a watcher of a root and of manifests outside it. If polls is true, the watcher reports nothing: the tree is
// read at intervals.
func newWatcher(root string, manifests []string, polls bool) *watcher {
	w := &watcher{root: root, manifests: manifests, linked: make(map[string]bool), single: make(map[string]bool)}
	if polls {
		w.err = errPolling
		return w
	}
	if w.notifier, w.err = fsnotify.NewWatcher(); errors.Is(w.err, syscall.EMFILE) {
		w.err = fmt.Errorf("%w: raise the sysctl fs.inotify.max_user_instances", w.err)
	}
	return w
}

// errPolling is the error of a watcher that is switched off by poll.
var errPolling = errors.New("poll is configured")

// working reports whether every change gives an event.
func (w *watcher) working() bool { return w.err == nil }

// watch watches every directory below the root. A directory that is watched already costs little.
func (w *watcher) watch() {
	if w.notifier == nil {
		return
	}
	base, err := filepath.EvalSymlinks(w.root)
	if err == nil {
		w.info, err = os.Stat(base)
	}
	if err != nil {
		w.info, w.err = nil, err
		return
	}
	w.base = base
	following := make(map[string]bool)
	w.err = errors.Join(w.add(base, following), w.addSingle(following))
	for _, dir := range w.notifier.WatchList() {
		if !following[dir] {
			_ = w.notifier.Remove(dir) // no longer below the root
		}
	}
}

// watchLinked watches the directories out of the root that links lead to.
func (w *watcher) watchLinked(dirs map[string]bool) {
	if !maps.Equal(w.linked, dirs) {
		w.linked = dirs
		w.watch()
	}
}

// add watches dir and the directories below it.
func (w *watcher) add(dir string, following map[string]bool) error {
	var silent error
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // gone, or not readable: nothing in it is served
		case !entry.IsDir():
			return nil
		case path != dir && hiddenSegment(entry.Name()) && entry.Name() != ".vite":
			return fs.SkipDir
		}
		following[path] = true
		if err := watchError(path, w.notifier.Add(path)); err != nil {
			return err
		}
		if kind, known := silentFileSystem(path); known {
			silent = fmt.Errorf("%s is on %s", path, kind)
		}
		return nil
	})
	return errors.Join(err, silent)
}

// watchError returns why a directory cannot be watched. A directory that is gone or not readable, as lost+found, is no error: nothing
// in it is served, and its parent reports when that changes.
func watchError(dir string, err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("watching %s: %w: raise the sysctl fs.inotify.max_user_watches", dir, err)
	}
	return fmt.Errorf("watching %s: %w", dir, err)
}

// addSingle watches the directories of manifests out of the root, and the directories that links lead to.
func (w *watcher) addSingle(following map[string]bool) error {
	clear(w.single)
	for _, path := range w.manifests {
		w.single[path] = filepath.IsAbs(path)
	}
	dirs := maps.Clone(w.linked)
	for path, wanted := range w.single {
		if wanted {
			dirs[filepath.Dir(path)] = true
		}
	}
	for dir := range dirs {
		if following[dir] {
			continue
		}
		following[dir] = true
		if err := watchError(dir, w.notifier.Add(dir)); err != nil {
			return err
		}
	}
	return nil
}

// hasMoved reports whether the path of the root leads to another directory than the watched one, as after a deployment that renames
// directories or changes a link. No event reports that.
func (w *watcher) hasMoved() bool {
	if w.notifier == nil {
		return false
	}
	info, err := os.Stat(w.root)
	if err != nil {
		return w.info != nil
	}
	return w.info == nil || !os.SameFile(w.info, info)
}

// follow reports whether an event belongs to the tree. It watches a directory that was just made.
func (w *watcher) follow(event fsnotify.Event) bool {
	if w.single[event.Name] || w.linked[filepath.Dir(event.Name)] {
		return true
	}
	rest, below := strings.CutPrefix(event.Name, w.base)
	if !below || rest != "" && !os.IsPathSeparator(rest[0]) {
		return false
	}
	if event.Has(fsnotify.Create) && !hiddenSegment(filepath.Base(event.Name)) {
		if info, err := os.Stat(event.Name); err == nil && info.IsDir() {
			_ = w.add(event.Name, make(map[string]bool))
		}
	}
	return true
}

func (w *watcher) events() <-chan fsnotify.Event {
	if w.notifier == nil {
		return nil
	}
	return w.notifier.Events
}

// errors reports lost events.
func (w *watcher) errors() <-chan error {
	if w.notifier == nil {
		return nil
	}
	return w.notifier.Errors
}

func (w *watcher) close() {
	if w.notifier != nil {
		_ = w.notifier.Close()
	}
}
