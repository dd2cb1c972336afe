package tree

import (
	"bytes"
	"crypto/sha256"
	"io"
	"slices"

	"github.com/scan2food/usher/handler/static/fingerprint"
)

// readContent reads the bytes and computes their digest. Bytes that are not held in memory are in scratch. If one of the files in
// alike has the same bytes, it shares bytes and digest: to compare takes a tenth of the time.
func (f *File) readContent(r ReaderAt, held bool, alike []*File, scratch *[]byte) error {
	if f.Size > maxProved {
		f.setCharsetOf(r)
		digest, size, err := sumReader(r)
		f.digest = digest
		if err == nil && size != f.Size {
			err = errChanging
		}
		return err
	}
	var content []byte
	if held && len(alike) == 0 {
		content = make([]byte, f.Size)
	} else {
		*scratch = slices.Grow((*scratch)[:0], int(f.Size))
		content = (*scratch)[:f.Size]
	}
	if _, err := io.ReadFull(r, content); err != nil {
		return errChanging
	}
	f.setCharset(content)
	f.precached = precachedURLs(f.Path, content)
	same := slices.IndexFunc(alike, func(other *File) bool { return bytes.Equal(content, other.Content) })
	switch {
	case same >= 0:
		content, f.fingerprint = alike[same].Content, alike[same].fingerprint
	case held && len(alike) > 0:
		content = bytes.Clone(content)
	}
	if f.fingerprint == nil {
		f.fingerprint = fingerprint.Of(content)
	}
	if held {
		f.Content = content
	}
	f.digest = f.fingerprint.SHA256()
	return nil
}

// prove compares the name with the bytes while they are in memory.
func (f *File) prove() {
	if f.fingerprint == nil {
		return
	}
	f.proof, _ = f.fingerprint.ProveName(f.Path)
}

// alike returns files in memory that probably have the same bytes: the file of the previous catalog, since most deployments write
// unchanged files again, and for Django's versioned files their originals.
func (s *scanner) alike(e *entry) (alike []*File) {
	if old := s.before(e.path); old.mayBe(e) {
		alike = append(alike, old)
	}
	if path, isCopy := fingerprint.DjangoSource(e.path); isCopy {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		if source := s.files[path]; source.mayBe(e) {
			alike = append(alike, source)
		}
	}
	return alike
}

func (f *File) mayBe(e *entry) bool { return f != nil && f.Content != nil && f.Size == e.identity.size }

func sumReader(r io.Reader) (digest [sha256.Size]byte, size int64, err error) {
	sum := sha256.New()
	size, err = io.Copy(sum, r)
	return [sha256.Size]byte(sum.Sum(nil)), size, err
}
