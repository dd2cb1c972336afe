package keys

import (
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// directory watches the directory of a keys file, if the file system reports changes. It does not watch the file itself:
// editors replace files, and a Kubernetes mount replaces a symbolic link in the path.
type directory struct {
	path    string
	watcher *fsnotify.Watcher // nil if the system has none
}

func (f *File) watchDirectory() *directory {
	d := &directory{path: filepath.Dir(f.path)}
	if notifier, err := f.watch(); err == nil {
		d.watcher = notifier
	}
	d.add()
	return d
}

// add watches the directory. It costs nothing if the directory is watched already. The directory may have been replaced.
func (d *directory) add() {
	if d.watcher != nil {
		_ = d.watcher.Add(d.path) // polling still works
	}
}

func (d *directory) events() <-chan fsnotify.Event {
	if d.watcher == nil {
		return nil
	}
	return d.watcher.Events
}

func (d *directory) errors() <-chan error {
	if d.watcher == nil {
		return nil
	}
	return d.watcher.Errors
}

func (d *directory) close() {
	if d.watcher != nil {
		_ = d.watcher.Close()
	}
}

// delay fires once, some time after the first event. Later events do not postpone it: some directories change all the time.
type delay struct {
	timer   *time.Timer
	quiet   time.Duration
	pending bool
}

func newDelay(quiet time.Duration) *delay {
	return &delay{timer: time.NewTimer(quiet), quiet: quiet, pending: true}
}

// start starts the delay unless it is running.
func (d *delay) start() { d.startFor(d.quiet) }

func (d *delay) startFor(wait time.Duration) {
	if !d.pending {
		d.timer.Reset(wait)
		d.pending = true
	}
}

// fired must be called after the timer has fired.
func (d *delay) fired() { d.pending = false }
