package keys

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/fsnotify/fsnotify"
)

// intervals is how patiently a file is followed.
type intervals struct {
	poll   time.Duration // between readings that no event asked for: network file systems and some mounts tell of nothing
	quiet  time.Duration // without events before a reading, and between the two readings of something new
	settle time.Duration // between these two if the first looks like a half-written file
}

var defaultIntervals = intervals{poll: 5 * time.Second, quiet: 100 * time.Millisecond, settle: time.Second}

// File is a file of keys that may change.
type File struct {
	path      string
	intervals intervals
	watch     func() (*fsnotify.Watcher, error)

	reported     state // what was told last
	pending      state // what is different now, and must be so for a while
	pendingSince time.Time
}

// state tells what a reading found from every other finding: a digest of the content, or why there is none.
type state string

// reading is a file at one moment.
type reading struct {
	data     []byte
	err      error
	state    state
	modified time.Time
}

// OpenFile reads a file of keys for the first time. If it was written within the last second and ends inside a line, it
// takes that second to see whether it grows.
func OpenFile(path string) (*File, []Key, error) { return openFile(path, defaultIntervals) }

func openFile(path string, pace intervals) (*File, []Key, error) {
	f := &File{path: path, intervals: pace, watch: fsnotify.NewWatcher}
	r := f.read()
	if r.err == nil && !endsWithNewline(r.data) && time.Since(r.modified) < pace.settle {
		time.Sleep(pace.settle)
		before := r.state
		if r = f.read(); r.err == nil && r.state != before && !endsWithNewline(r.data) {
			return nil, nil, f.wrapError(errors.New("want a whole file, got one that is being written"))
		}
	}
	keys, err := f.parse(r)
	if err != nil {
		return nil, nil, err
	}
	f.reported = r.state
	return f, keys, nil
}

// Follow tells of the file until the context ends: onKeys of every new content, onError once of every new reason why
// there is none; the keys that were told last stay good then. Both are called one after the other, never at once. It is
// called once for a file.
func (f *File) Follow(ctx context.Context, onKeys func([]Key), onError func(error)) {
	dir := f.watchDirectory()
	defer dir.close()
	poll := time.NewTicker(f.intervals.poll)
	defer poll.Stop()
	wake := newDelay(f.intervals.quiet) // it may have changed since it was opened
	defer wake.timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-dir.events():
			wake.start()
		case <-dir.errors(): // events were lost
			wake.start()
		case <-poll.C:
			dir.add()
			wake.start()
		case <-wake.timer.C:
			wake.fired()
			if r, again := f.check(time.Now()); again > 0 {
				wake.startFor(again)
			} else if r != nil && ctx.Err() == nil {
				f.notify(r, onKeys, onError)
			}
		}
	}
}

// check reads the file. It returns what is to be told, if anything, or after what time to look again.
func (f *File) check(now time.Time) (*reading, time.Duration) {
	r := f.read()
	if r.state == f.reported {
		f.pending = ""
		return nil, 0
	}
	if r.state != f.pending {
		f.pending, f.pendingSince = r.state, now
	}
	if left := f.settleTime(r) - now.Sub(f.pendingSince); left > 0 {
		return nil, left
	}
	f.reported, f.pending = r.state, ""
	return r, 0
}

// settleTime is how long something new must stay as it is before it is believed. A file that is missing, broken or ends
// inside a line is most often one that is being written, and half a secret may be long enough for one.
func (f *File) settleTime(r *reading) time.Duration {
	if _, err := f.parse(r); err != nil || !endsWithNewline(r.data) {
		return f.intervals.settle
	}
	return f.intervals.quiet
}

func (f *File) notify(r *reading, onKeys func([]Key), onError func(error)) {
	keys, err := f.parse(r)
	if err != nil {
		onError(err)
		return
	}
	onKeys(keys)
}

func (f *File) parse(r *reading) ([]Key, error) {
	if r.err != nil {
		return nil, f.wrapError(r.err)
	}
	keys, err := ParseFile(r.data)
	if err != nil {
		return nil, f.wrapError(err)
	}
	return keys, nil
}

func (f *File) wrapError(err error) error { return fmt.Errorf("keys_file %s: %w", f.path, err) }

// endsWithNewline tells whether the last line is ended.
func endsWithNewline(data []byte) bool { return len(data) > 0 && data[len(data)-1] == '\n' }

func (f *File) read() *reading {
	data, modified, err := readRegular(f.path)
	if err != nil {
		var pathError *fs.PathError
		if errors.As(err, &pathError) {
			err = pathError.Err // the path is told anyway
		}
		return &reading{err: err, state: state("error " + err.Error())}
	}
	digest := sha256.Sum256(data)
	return &reading{data: data, state: state("content " + string(digest[:])), modified: modified}
}

// readRegular reads no pipes or devices: opening one may take for ever.
func readRegular(path string) ([]byte, time.Time, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	if !info.Mode().IsRegular() {
		return nil, time.Time{}, errors.New("want a regular file, got something else")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, MaxFileSize+1))
	return data, info.ModTime(), err
}
