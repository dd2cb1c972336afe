package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/scan2food/usher/handler/static/atomicfile"
)

// record is an entry on disk. Its file is named for its name and version.
type record struct {
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Digest  string    `json:"sha256"`
	Size    int64     `json:"size"`
	At      time.Time `json:"at"`
}

// maxRecord is larger than any record of a URL that is asked for.
const maxRecord = 64 << 10

func sumOf(content io.ReadSeeker) (sum digest, size int64, err error) {
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return digest{}, 0, err
	}
	hash := sha256.New()
	size, err = io.Copy(hash, content)
	return digest(hash.Sum(nil)), size, err
}

func (s *Store) blobPath(sum digest) string {
	return filepath.Join(s.blobs, hex.EncodeToString(sum[:]))
}

// entryPath is made of a digest of the key: no name that is put can lead out of the directory.
func (s *Store) entryPath(k key) string {
	sum := sha256.Sum256([]byte(k.name + "\x00" + k.version))
	return filepath.Join(s.entries, hex.EncodeToString(sum[:]))
}

// isOnDisk notices what somebody else removed.
func (s *Store) isOnDisk(sum digest, size int64) bool {
	info, err := os.Stat(s.blobPath(sum))
	return err == nil && info.Size() == size
}

// writeBlob writes the bytes under their digest, if they still have it.
func (s *Store) writeBlob(sum digest, content io.ReadSeeker) error {
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return atomicfile.Write(s.blobPath(sum), func(w io.Writer) error {
		hash := sha256.New()
		if _, err := io.Copy(io.MultiWriter(w, hash), content); err != nil {
			return err
		}
		if digest(hash.Sum(nil)) != sum {
			return errors.New("the content changed while it was read")
		}
		return nil
	})
}

func (s *Store) writeEntry(e *entry, size int64) error {
	content, err := json.Marshal(record{e.name, e.version, hex.EncodeToString(e.digest[:]), size, e.at})
	if err != nil {
		return err
	}
	if len(content) > maxRecord {
		return fmt.Errorf("want a name and a version of less than %d bytes together", maxRecord)
	}
	defer s.noteOwnChange(s.changedAt())
	return atomicfile.Write(s.entryPath(e.key), func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (s *Store) removeEntry(k key) {
	defer s.noteOwnChange(s.changedAt())
	s.remove(s.entryPath(k))
}

func (s *Store) removeBlobs(sums []digest) {
	for _, sum := range sums {
		s.remove(s.blobPath(sum))
	}
}

// remove reports what it cannot remove: it takes space, and is tried again at the next start.
func (s *Store) remove(path string) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.config.Report(fmt.Errorf("removing a file of the archive: %w", err))
	}
}

// load reads the index from the disk, and removes what belongs to nothing.
func (s *Store) load() error {
	s.looked = s.changedAt()
	files, err := os.ReadDir(s.entries)
	if err != nil {
		return err
	}
	var found []*entry
	sizes := make(map[digest]int64)
	for _, file := range files {
		path := filepath.Join(s.entries, file.Name())
		e, size, err := s.readEntry(path)
		if err != nil {
			s.dropUnreadable(file, path, err)
			continue
		}
		found = append(found, e)
		sizes[e.digest] = size
	}
	slices.SortFunc(found, func(a, b *entry) int { return a.at.Compare(b.at) })
	for _, e := range found {
		s.add(e, &blob{size: sizes[e.digest]})
	}
	return s.removeUnknownBlobs()
}

// dropUnreadable removes the file of an entry that is none, unless somebody is writing it.
func (s *Store) dropUnreadable(file os.DirEntry, path string, cause error) {
	if !strings.HasSuffix(path, atomicfile.Unfinished) {
		s.config.Report(fmt.Errorf("dropping an entry of the archive: %w", cause))
		s.remove(path)
	} else if s.isSettled(file) {
		s.remove(path)
	}
}

// readEntry reads an entry whose bytes are there, in their length at least.
func (s *Store) readEntry(path string) (*entry, int64, error) {
	content, err := readRecord(path)
	if err != nil {
		return nil, 0, err
	}
	var r record
	if err := json.Unmarshal(content, &r); err != nil {
		return nil, 0, err
	}
	sum, err := hex.DecodeString(r.Digest)
	if err != nil || len(sum) != sha256.Size {
		return nil, 0, fmt.Errorf("%s: want a SHA-256 in hex, got %q", r.Name, r.Digest)
	}
	e := newEntry(key{r.Name, r.Version}, digest(sum), r.At)
	if s.entryPath(e.key) != path {
		return nil, 0, fmt.Errorf("%s: the file has the name of another entry", r.Name)
	}
	info, err := os.Stat(s.blobPath(e.digest))
	if err != nil {
		return nil, 0, err
	}
	if info.Size() != r.Size {
		return nil, 0, fmt.Errorf("%s: want %d bytes, got %d", r.Name, r.Size, info.Size())
	}
	return e, r.Size, nil
}

func readRecord(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(io.LimitReader(file, maxRecord))
}

func (s *Store) removeUnknownBlobs() error {
	files, err := os.ReadDir(s.blobs)
	if err != nil {
		return err
	}
	for _, file := range files {
		sum, err := hex.DecodeString(file.Name())
		unknown := err != nil || len(sum) != sha256.Size || s.held[digest(sum)] == nil
		if unknown && s.isSettled(file) {
			s.remove(filepath.Join(s.blobs, file.Name()))
		}
	}
	return nil
}
