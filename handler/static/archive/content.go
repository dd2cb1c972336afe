package archive

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// Content is the bytes of an earlier version. Close it.
type Content struct {
	*os.File
	// SHA256 is their digest, and Size their number.
	SHA256 [sha256.Size]byte
	Size   int64
	// At is when they were put, or known to be current.
	At time.Time
}

// Get opens what is held under a name and a version; the version is "" for a name that holds its own. What turns out to
// be damaged is dropped, and not found.
func (s *Store) Get(name, version string) (*Content, bool) {
	var tried digest
	for {
		found, size, ok := s.find(key{name, version}, s.config.Now())
		if !ok || found.digest == tried {
			return nil, false
		}
		file, err := s.openChecked(found.digest, size)
		if err == nil {
			return &Content{File: file, SHA256: found.digest, Size: size, At: found.at}, true
		}
		s.drop(found, size, err)
		tried = found.digest // another process may have given it other bytes
	}
}

var errDamaged = errors.New("the bytes are not those that were put there")

// openChecked opens bytes and compares them with their digest, once for as long as the file is not touched.
func (s *Store) openChecked(sum digest, size int64) (*os.File, error) {
	file, err := os.Open(s.blobPath(sum))
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case info.Size() != size:
		err = errDamaged
	case s.isChecked(sum, info.ModTime()):
		return file, nil
	default:
		if err = compare(file, sum); err == nil {
			s.noteChecked(sum, info.ModTime())
			return file, nil
		}
	}
	_ = file.Close()
	return nil, err
}

// compare leaves the file at its beginning.
func compare(file *os.File, sum digest) error {
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return err
	}
	if digest(hash.Sum(nil)) != sum {
		return errDamaged
	}
	_, err := file.Seek(0, io.SeekStart)
	return err
}

func (s *Store) isChecked(sum digest, changed time.Time) bool {
	s.index.RLock()
	defer s.index.RUnlock()
	b := s.held[sum]
	return b != nil && !b.checked.IsZero() && b.checked.Equal(changed)
}

func (s *Store) noteChecked(sum digest, changed time.Time) {
	s.index.Lock()
	defer s.index.Unlock()
	if b := s.held[sum]; b != nil {
		b.checked = changed
	}
}

// drop forgets all that has the bytes of an entry, if they are gone or damaged. They may have been removed and put again
// since they were opened: that is looked at again.
func (s *Store) drop(found entry, size int64, cause error) {
	if !errors.Is(cause, errDamaged) && !errors.Is(cause, fs.ErrNotExist) {
		s.config.Report(fmt.Errorf("opening %s in the archive: %w", found.name, cause))
		return
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if file, err := s.openChecked(found.digest, size); err == nil {
		_ = file.Close()
		return
	}
	dropped, unused := s.forgetDigest(found.digest)
	for _, k := range dropped {
		if s.isChangedElsewhere(k, found.digest) {
			continue
		}
		s.removeEntry(k)
		s.config.Dropped(k.name, k.version, found.digest)
		s.config.Report(fmt.Errorf("dropping %s from the archive: %w", k.name, cause))
	}
	s.removeBlobs(unused)
}

// forgetDigest takes all entries with these bytes out of the index.
func (s *Store) forgetDigest(sum digest) (dropped []key, unused []digest) {
	s.index.Lock()
	defer s.index.Unlock()
	for k, element := range s.known {
		if element.Value.(*entry).digest == sum {
			dropped = append(dropped, k)
			unused = append(unused, s.forget(element)...)
		}
	}
	return dropped, unused
}
