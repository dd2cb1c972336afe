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

// watcher hears of changes below a root, where the file system tells of them.
type watcher struct {
	root      string
	base      string // the root with its links resolved
	notifier  *fsnotify.Watcher
	err       error           // why it cannot be relied on
	info      fs.FileInfo     // of the root that is followed; nil: there is none
	manifests []string        // some of them may be out of the root
	linked    map[string]bool // directories out of the root that links lead to
	single    map[string]bool // files out of the root
}

// newWatcher makes a watcher of a root, and of files outside of it; one that is deaf hears of nothing.
func NewWatcher(root string, manifests []string, deaf bool) *watcher {
	w := &watcher{root: root, manifests: manifests, linked: make(map[string]bool), single: make(map[string]bool)}
	if deaf {
		w.err = errDeaf
		return w
	}
	if w.notifier, w.err = fsnotify.NewWatcher(); errors.Is(w.err, syscall.EMFILE) {
		w.err = fmt.Errorf("%w: raise the sysctl fs.inotify.max_user_instances", w.err)
	}
	return w
}

// errDeaf is a watcher that is not wanted.
var errDeaf = errors.New("changes are looked for")

// working reports that every change is heard of.
func (w *watcher) working() bool { return w.err == nil }

// watch follows every directory below the root, and the links that lead to it. Those that are followed already cost
// little.
func (w *watcher) Watch() {
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
			_ = w.notifier.Remove(dir) // it is no longer below the root
		}
	}
}

// watchLinked follows the directories out of the root that links lead to.
func (w *watcher) watchLinked(dirs map[string]bool) {
	if !maps.Equal(w.linked, dirs) {
		w.linked = dirs
		w.Watch()
	}
}

// add follows dir and what is below it.
func (w *watcher) add(dir string, following map[string]bool) error {
	var silent error
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // it went away, or cannot be read: there is nothing to follow
		case !entry.IsDir():
			return nil
		case path != dir && hiddenSegment(entry.Name()) && entry.Name() != ".vite":
			return fs.SkipDir
		}
		following[path] = true
		if err := unheard(path, w.notifier.Add(path)); err != nil {
			return err
		}
		if kind, known := silentFileSystem(path); known {
			silent = fmt.Errorf("%s is on %s", path, kind)
		}
		return nil
	})
	return errors.Join(err, silent)
}

// unheard is why changes in a directory would not be heard of. Of one that is gone, or that may not be read, as lost+found,
// nothing is served, and its parent tells when that changes.
func unheard(dir string, err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("following %s: %w: raise the sysctl fs.inotify.max_user_watches", dir, err)
	}
	return fmt.Errorf("following %s: %w", dir, err)
}

// addSingle follows the files out of the root, and the directories that links lead to. The directory of a file reports its
// changes.
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
		if err := unheard(dir, w.notifier.Add(dir)); err != nil {
			return err
		}
	}
	return nil
}

// hasMoved reports that the path of the root leads to another directory than the one that is followed, as after a deployment
// that renames directories or points a link elsewhere. No event tells of that.
func (w *watcher) HasMoved() bool {
	if w.notifier == nil {
		return false
	}
	info, err := os.Stat(w.root)
	if err != nil {
		return w.info != nil
	}
	return w.info == nil || !os.SameFile(w.info, info)
}

// follow reports whether an event is of the tree, and has a directory that has just been made followed too.
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

// errors tells of events that were lost.
func (w *watcher) errors() <-chan error {
	if w.notifier == nil {
		return nil
	}
	return w.notifier.Errors
}

func (w *watcher) Close() {
	if w.notifier != nil {
		_ = w.notifier.Close()
	}
}
