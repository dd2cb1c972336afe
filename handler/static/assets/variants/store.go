package variants

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"github.com/scan2food/usher/handler/static/archive"
)

// Archive keeps bytes on disk. [archive.Store] is one.
type Archive interface {
	Open() error
	PutSparing(name, version string, content io.ReadSeeker, since time.Time) error
	Renew(name, version string) bool
	Find(name, version string) (size int64, found bool)
	Get(name, version string) (*archive.Content, bool)
	Sweep()
	Purge(name string) (sums [][sha256.Size]byte, removed int)
}

// stored is the place of a variant in the archive: the digest of the content, and the settings of the encoder. The maker
// decodes a variant before it stores it. Later the archive compares the digest of the stored bytes before their first use.
type stored struct {
	archive           Archive
	content, settings string
}

func (s *Set) storedAs(archive Archive, settings string) *stored {
	return &stored{archive, hex.EncodeToString(s.digest[:]), settings}
}

// places are all places where a coding of the content can be.
func (s *Set) places(archive Archive, coding Coding) []*stored {
	return []*stored{s.storedAs(archive, encoderSettings(coding, s.size)), s.storedAs(archive, sidecarSettings(coding))}
}

// sidecarSettings stand for a compressed file that a build tool wrote.
func sidecarSettings(coding Coding) string { return coding.String() + " sidecar" }

// Open opens the bytes of a variant that is on disk. The caller must close them.
func (v *Variant) Open() (*archive.Content, bool) { return v.stored.open() }

func (p *stored) open() (*archive.Content, bool) { return p.archive.Get(p.content, p.settings) }

// renew makes the archive keep the bytes for their full time. It returns false if they are not there.
func (p *stored) renew() bool { return p.archive.Renew(p.content, p.settings) }

// put stores bytes, or none if the coding does not pay. It drops only what was not needed since some time.
func (p *stored) put(encoded []byte, since time.Time) error {
	return p.archive.PutSparing(p.content, p.settings, bytes.NewReader(encoded), since)
}

// isFull reports an archive that has no room for more.
func isFull(err error) bool {
	return errors.Is(err, archive.ErrFull) || errors.Is(err, archive.ErrTooLarge)
}

// Stored returns the variants that the archive has of a content: those that were made while it was current.
func (m *Maker) Stored(set *Set) *Set {
	if m.config.Archive == nil {
		return nil
	}
	for _, coding := range m.config.Codings {
		for _, place := range set.places(m.config.Archive, coding) {
			if size, found := m.config.Archive.Find(place.content, place.settings); found && size > 0 {
				v := set.variant(coding, size)
				v.settings, v.stored = place.settings, place
				set.put(coding, v)
			}
		}
	}
	return set
}
