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

// record is an entry on disk. The name of its file is a digest of its name and version.
type record struct {
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Digest  string    `json:"sha256"`
	Size    int64     `json:"size"`
	At      time.Time `json:"at"`
}

// maxRecord is the largest record, in bytes. Records of URLs are smaller.
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

// entryPath is made from a digest of the key, so that no name leads out of the directory.
func (s *Store) entryPath(k key) string {
	sum := sha256.Sum256([]byte(k.name + "\x00" + k.version))
	return filepath.Join(s.entries, hex.EncodeToString(sum[:]))
}

// isOnDisk reports content that no other process has removed.
func (s *Store) isOnDisk(sum digest, size int64) bool {
	info, err := os.Stat(s.blobPath(sum))
	return err == nil && info.Size() == size
}

// writeBlob writes content under its digest. It fails if the content no longer has the digest.
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
			return errors.New("content changed while it was read")
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
		return fmt.Errorf("name and version too long: use at most %d bytes", maxRecord)
	}
	defer s.recordOwnChange(s.entriesChanged())
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
	defer s.recordOwnChange(s.entriesChanged())
	s.remove(s.entryPath(k))
}

func (s *Store) removeBlobs(sums []digest) {
	for _, sum := range sums {
		s.remove(s.blobPath(sum))
	}
}

// remove reports a file that it cannot remove. The next start tries again.
func (s *Store) remove(path string) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.config.Report(fmt.Errorf("removing a file of the archive: %w", err))
	}
}

// load reads the index from disk, and removes files that belong to no entry.
func (s *Store) load() error {
	s.adopted = s.entriesChanged()
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

// dropUnreadable removes a file that is no valid entry, unless a process is still writing it.
func (s *Store) dropUnreadable(file os.DirEntry, path string, cause error) {
	if !strings.HasSuffix(path, atomicfile.Unfinished) {
		s.config.Report(fmt.Errorf("removing an invalid entry of the archive: %w", cause))
		s.remove(path)
	} else if s.isSettled(file) {
		s.remove(path)
	}
}

// readEntry reads an entry. It fails if the content is missing or has another length.
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
		return nil, 0, fmt.Errorf("%s: invalid SHA-256 %q: use 64 hex digits", r.Name, r.Digest)
	}
	e := newEntry(key{r.Name, r.Version}, digest(sum), r.At)
	if s.entryPath(e.key) != path {
		return nil, 0, fmt.Errorf("%s: entry is in the file of another entry", r.Name)
	}
	info, err := os.Stat(s.blobPath(e.digest))
	if err != nil {
		return nil, 0, err
	}
	if info.Size() != r.Size {
		return nil, 0, fmt.Errorf("%s: content has %d bytes, want %d", r.Name, info.Size(), r.Size)
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
