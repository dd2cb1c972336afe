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

// intervals are the waiting times while a file is followed.
type intervals struct {
	poll   time.Duration // between reads without an event: network file systems and some mounts report no events
	quiet  time.Duration // between an event and the read, and between the two reads of new content
	settle time.Duration // between these two reads if the file looks incomplete
}

var defaultIntervals = intervals{poll: 5 * time.Second, quiet: 100 * time.Millisecond, settle: time.Second}

// File is a keys file that may change.
type File struct {
	path      string
	names     []string // of the keys in a dotenv file
	intervals intervals
	watch     func() (*fsnotify.Watcher, error)

	reported     state // the state that was reported last
	pending      state // a new state that must stay unchanged before it is reported
	pendingSince time.Time
}

// state identifies the result of a read: a digest of the content, or the error.
type state string

// reading is the result of one read of the file.
type reading struct {
	data     []byte
	err      error
	state    state
	modified time.Time
}

// OpenFile reads a keys file for the first time. If the file was modified within the last second and its last line is
// incomplete, OpenFile waits a second and reads it again. With names, the file is a dotenv file: see [ParseFile].
func OpenFile(path string, names ...string) (*File, []Key, error) {
	return openFile(path, defaultIntervals, names...)
}

func openFile(path string, pace intervals, names ...string) (*File, []Key, error) {
	f := &File{path: path, names: names, intervals: pace, watch: fsnotify.NewWatcher}
	r := f.read()
	if r.err == nil && !endsWithNewline(r.data) && time.Since(r.modified) < pace.settle {
		time.Sleep(pace.settle)
		before := r.state
		if r = f.read(); r.err == nil && r.state != before && !endsWithNewline(r.data) {
			return nil, nil, f.wrapError(errors.New("file is still being written: write the whole file before the start"))
		}
	}
	keys, err := f.parse(r)
	if err != nil {
		return nil, nil, err
	}
	f.reported = r.state
	return f, keys, nil
}

// Follow watches the file until the context ends. It calls onKeys with the keys of each new content. It calls onError once for
// each new error; the previous keys then stay valid. The calls never overlap. Follow must be called only once.
func (f *File) Follow(ctx context.Context, onKeys func([]Key), onError func(error)) {
	dir := f.watchDirectory()
	defer dir.close()
	poll := time.NewTicker(f.intervals.poll)
	defer poll.Stop()
	wake := newDelay(f.intervals.quiet) // the file may have changed since OpenFile
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

// check reads the file. It returns a reading to report, or the time after which to check again, or neither.
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

// settleTime returns how long a new state must stay unchanged before it is reported. A file that is missing, invalid, or ends
// inside a line is usually being written, and half a secret may be long enough to pass for a whole one.
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
	keys, err := ParseFile(r.data, f.names...)
	if err != nil {
		return nil, f.wrapError(err)
	}
	return keys, nil
}

func (f *File) wrapError(err error) error { return fmt.Errorf("keys_file %s: %w", f.path, err) }

// endsWithNewline reports whether the last line is complete.
func endsWithNewline(data []byte) bool { return len(data) > 0 && data[len(data)-1] == '\n' }

func (f *File) read() *reading {
	data, modified, err := readRegular(f.path)
	if err != nil {
		var pathError *fs.PathError
		if errors.As(err, &pathError) {
			err = pathError.Err // wrapError adds the path
		}
		return &reading{err: err, state: state("error " + err.Error())}
	}
	digest := sha256.Sum256(data)
	return &reading{data: data, state: state("content " + string(digest[:])), modified: modified}
}

// readRegular rejects pipes and devices, since opening one may block forever.
func readRegular(path string) ([]byte, time.Time, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	if !info.Mode().IsRegular() {
		return nil, time.Time{}, errors.New("not a regular file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, MaxFileSize+1))
	return data, info.ModTime(), err
}
