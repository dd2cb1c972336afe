package assets

import (
	"bytes"
	"crypto/sha256"
	"io"
	"slices"

	"github.com/scan2food/usher/handler/fingerprint"
)

// readContent reads the bytes, unless they are too many, and computes their digest. They are kept only if they are held;
// the others are in scratch. Those of the source, if there is one and they are the same, are not held again, nor is their
// digest computed: to compare them takes a tenth of the time.
func (f *File) readContent(r io.Reader, held bool, source *File, scratch *[]byte) ([]byte, error) {
	if f.Size > maxProved {
		digest, size, err := sumReader(r)
		f.digest = digest
		if err == nil && size != f.Size {
			err = errChanging
		}
		return nil, err
	}
	var content []byte
	if held && source == nil {
		content = make([]byte, f.Size)
	} else {
		*scratch = slices.Grow((*scratch)[:0], int(f.Size))
		content = (*scratch)[:f.Size]
	}
	if _, err := io.ReadFull(r, content); err != nil {
		return nil, errChanging
	}
	switch {
	case source != nil && bytes.Equal(content, source.Content):
		content, f.fingerprint = source.Content, source.fingerprint
	case source != nil && held:
		content = bytes.Clone(content)
	}
	if f.fingerprint == nil {
		f.fingerprint = fingerprint.Of(content)
	}
	if held {
		f.Content = content
	}
	f.digest = f.fingerprint.SHA256()
	return content, nil
}

// prove holds the name against the bytes, while they are here.
func (f *File) prove() {
	if f.fingerprint == nil {
		return
	}
	f.proof, _ = f.fingerprint.ProveName(f.Path)
}

// keepSame takes over the same bytes, so that they are not in memory twice while somebody is sent the others.
func (f *File) keepSame(old *File) {
	if old != nil && old.digest == f.digest && old.Content != nil {
		f.Content, f.fingerprint = old.Content, old.fingerprint
	}
}

// source is the file in memory that a Django's versioned one is probably a copy of, if it has been read; else nil.
func (s *scanner) source(e *entry) *File {
	path, isCopy := fingerprint.DjangoSource(e.path)
	if !isCopy {
		return nil
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	source := s.files[path]
	if source == nil || source.Content == nil || source.Size != e.identity.size {
		return nil
	}
	return source
}

func sumReader(r io.Reader) (digest [sha256.Size]byte, size int64, err error) {
	sum := sha256.New()
	size, err = io.Copy(sum, r)
	return [sha256.Size]byte(sum.Sum(nil)), size, err
}
