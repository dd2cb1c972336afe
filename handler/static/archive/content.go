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

// Content is the content of an earlier version. The caller must close it.
type Content struct {
	*os.File
	// SHA256 is its digest, and Size its length in bytes.
	SHA256 [sha256.Size]byte
	Size   int64
	// At is when the entry was put or renewed.
	At time.Time
}

// Get opens the content of a name and a version. The version is "" if the name contains it. Damaged content is removed, and
// not found.
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
		tried = found.digest // another process may have put other content
	}
}

var errDamaged = errors.New("content does not have its digest")

// openChecked opens content and compares it with its digest, once for each change of the file.
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
			s.markChecked(sum, info.ModTime())
			return file, nil
		}
	}
	_ = file.Close()
	return nil, err
}

// compare reads the file, and leaves its offset at 0.
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

func (s *Store) markChecked(sum digest, changed time.Time) {
	s.index.Lock()
	defer s.index.Unlock()
	if b := s.held[sum]; b != nil {
		b.checked = changed
	}
}

// drop removes all entries with the content of an entry, if that is missing or damaged. It checks again first: the content may
// have been removed and put again since it was opened.
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
		s.config.Report(fmt.Errorf("removing %s from the archive: %w", k.name, cause))
	}
	s.removeBlobs(unused)
}

// forgetDigest removes all entries with this content from the index.
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
