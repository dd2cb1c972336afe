package archive

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/scan2food/usher/handler/static/atomicfile"
)

// While one process follows another, both have the directory for a moment. Each knows what it put itself; what the other one
// did is looked up before anything is removed.

// settled is how old a file must be that belongs to nothing, until it is removed: another process may be about to say what it
// belongs to.
const settled = time.Hour

// isSettled reports a file that nobody is writing.
func (s *Store) isSettled(file os.DirEntry) bool {
	info, err := file.Info()
	return err == nil && s.config.Now().Sub(info.ModTime()) >= settled
}

// adopt takes in what others have put. It looks only if the directory has changed since it was looked, or written, last.
func (s *Store) adopt() {
	info, err := os.Stat(s.entries)
	if err != nil || info.ModTime().Equal(s.looked) {
		return
	}
	s.looked = info.ModTime()
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

// adoptEntry takes in what another process has put under a key, and finds it.
func (s *Store) adoptEntry(k key, now time.Time) (found entry, size int64, ok bool) {
	e, size, err := s.readEntry(s.entryPath(k))
	if err != nil || now.Sub(e.at) >= s.keep() {
		return entry{}, 0, false
	}
	s.removeBlobs(s.add(e, &blob{size: size}))
	return *e, size, true
}

// files are those of the entries that are known.
func (s *Store) files() map[string]bool {
	s.index.RLock()
	defer s.index.RUnlock()
	files := make(map[string]bool, len(s.known))
	for k := range s.known {
		files[s.entryPath(k)] = true
	}
	return files
}

// noteOwnChange keeps a change that this store made from being looked at.
func (s *Store) noteOwnChange(before time.Time) {
	if !before.Equal(s.looked) {
		return // somebody else was there too
	}
	if info, err := os.Stat(s.entries); err == nil {
		s.looked = info.ModTime()
	}
}

// changedAt is when the directory of entries was changed last.
func (s *Store) changedAt() time.Time {
	info, err := os.Stat(s.entries)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// renewedElsewhere reports an entry that another process put or renewed later than this one knew, and takes that in.
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

// isChangedElsewhere reports an entry that another process dropped, or gave other bytes, which are taken in.
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
