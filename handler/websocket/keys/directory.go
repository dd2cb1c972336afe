package keys

import (
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// directory hears of changes around a file, where the file system tells of them. The file itself is not watched: editors
// replace it, and below a Kubernetes mount it is a link through another link, which is what is replaced there.
type directory struct {
	path     string
	notifier *fsnotify.Watcher // nil: there are none to be had
}

func (f *File) watchDirectory() *directory {
	d := &directory{path: filepath.Dir(f.path)}
	if notifier, err := f.watch(); err == nil {
		d.notifier = notifier
	}
	d.add()
	return d
}

// add watches the directory. That costs nothing if it is watched already, and it may be another one than it was.
func (d *directory) add() {
	if d.notifier != nil {
		_ = d.notifier.Add(d.path) // polling remains
	}
}

func (d *directory) events() <-chan fsnotify.Event {
	if d.notifier == nil {
		return nil
	}
	return d.notifier.Events
}

func (d *directory) errors() <-chan error {
	if d.notifier == nil {
		return nil
	}
	return d.notifier.Errors
}

func (d *directory) close() {
	if d.notifier != nil {
		_ = d.notifier.Close()
	}
}

// alarm rings when nothing happened for a while.
type alarm struct {
	pace  pace
	timer *time.Timer
	first time.Time // disturbance since it rang
}

func newAlarm(pace pace) *alarm {
	return &alarm{pace: pace, timer: time.NewTimer(pace.quiet)}
}

// disturb puts the alarm off, but not for ever: in some directories something happens all the time.
func (a *alarm) disturb() {
	now := time.Now()
	if a.first.IsZero() {
		a.first = now
	}
	if now.Sub(a.first) < a.pace.poll {
		a.timer.Reset(a.pace.quiet)
	}
}

func (a *alarm) rang() { a.first = time.Time{} }
