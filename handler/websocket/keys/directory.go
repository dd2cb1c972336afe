package keys

import (
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// directory hears of changes around a file, where the file system tells of them. The file itself is not watched: editors
// replace it, and below a Kubernetes mount it is a link through another link, which is what is replaced there.
type directory struct {
	path    string
	watcher *fsnotify.Watcher // nil: there are none to be had
}

func (f *File) watchDirectory() *directory {
	d := &directory{path: filepath.Dir(f.path)}
	if notifier, err := f.watch(); err == nil {
		d.watcher = notifier
	}
	d.add()
	return d
}

// add watches the directory. That costs nothing if it is watched already, and it may be another one than it was.
func (d *directory) add() {
	if d.watcher != nil {
		_ = d.watcher.Add(d.path) // polling remains
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

// delay fires once, some time after the first event. Later events do not postpone it: in some directories something changes all
// the time.
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

// fired must be called after the timer fired.
func (d *delay) fired() { d.pending = false }
