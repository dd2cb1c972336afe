package archive

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/scan2food/usher/handler/static/atomicfile"
)

// During a rolling restart two processes use the directory. Each has an index of what it put itself. Before it removes an entry
// it reads what the other process has written.

// settled is how old a file must be before it is removed because it belongs to no entry. Another process may be about to write
// the entry.
const settled = time.Hour

// isSettled reports a file that no process is writing any more.
func (s *Store) isSettled(file os.DirEntry) bool {
	info, err := file.Info()
	return err == nil && s.config.Now().Sub(info.ModTime()) >= settled
}

// adopt adds the entries of other processes to the index. It reads the directory only if another process has changed it.
func (s *Store) adopt() {
	info, err := os.Stat(s.entries)
	if err != nil || info.ModTime().Equal(s.adopted) {
		return
	}
	s.adoptAll(info.ModTime())
}

// adoptAll reads the directory, which was last changed at a time. The time alone does not show every change: two changes may have the
// same time, and recordOwnChange takes a change of another process at the same moment for its own.
func (s *Store) adoptAll(changed time.Time) {
	s.adopted = changed
	files, err := os.ReadDir(s.entries)
	if err != nil {
		return
	}
	known := s.files()
	for _, file := range files {
		if path := filepath.Join(s.entries, file.Name()); !known[path] && !strings.HasSuffix(path, atomicfile.Unfinished) {
			if e, size, err := s.readEntry(path); err == nil {
				s.removeBlobs(s.add(e, &blob{size: size}))
			}
		}
	}
}

// adoptEntry adds the entry that another process has put under a key to the index, and returns it.
func (s *Store) adoptEntry(k key, now time.Time) (found entry, size int64, ok bool) {
	e, size, err := s.readEntry(s.entryPath(k))
	if err != nil || now.Sub(e.at) >= s.keep() {
		return entry{}, 0, false
	}
	s.removeBlobs(s.add(e, &blob{size: size}))
	return *e, size, true
}

// files returns the files of the entries in the index.
func (s *Store) files() map[string]bool {
	s.index.RLock()
	defer s.index.RUnlock()
	files := make(map[string]bool, len(s.known))
	for k := range s.known {
		files[s.entryPath(k)] = true
	}
	return files
}

// recordOwnChange keeps adopt from reading the directory because of a change that this store made.
func (s *Store) recordOwnChange(before time.Time) {
	if !before.Equal(s.adopted) {
		return // another process changed it too
	}
	if info, err := os.Stat(s.entries); err == nil {
		s.adopted = info.ModTime()
	}
}

// entriesChanged returns when the directory of entries last changed.
func (s *Store) entriesChanged() time.Time {
	info, err := os.Stat(s.entries)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// renewedElsewhere reports an entry that another process has put or renewed since this one read it, and adds it to the index.
func (s *Store) renewedElsewhere(known entry) bool {
	e, size, err := s.readEntry(s.entryPath(known.key))
	if err != nil || !e.at.After(known.written) {
		return false
	}
	if known.at.After(e.at) {
		e.at = known.at
	}
	s.removeBlobs(s.add(e, &blob{size: size}))
	return true
}

// isChangedElsewhere reports an entry that another process has removed, or has given other content. The latter is added to the index.
func (s *Store) isChangedElsewhere(k key, sum digest) bool {
	path := s.entryPath(k)
	if !exists(path) {
		return true
	}
	e, size, err := s.readEntry(path)
	if err != nil || e.digest == sum {
		return false
	}
	s.removeBlobs(s.add(e, &blob{size: size}))
	return true
}
