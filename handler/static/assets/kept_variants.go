package assets

import (
	"bytes"
	"encoding/hex"
	"errors"
	"time"

	"github.com/scan2food/usher/handler/static/archive"
)

// keptVariant is where a variant is on the disk: under the digest of the content, and how that was put into the coding. It was
// decoded, and found to be the content, before it was put there. Since then its own digest tells that it is still the same:
// the archive compares it before the first use.
type keptVariant struct {
	archive       Archive
	content, made string
}

// keptAt is the place of a variant of the file.
func (f *File) keptAt(archive Archive, made string) *keptVariant {
	return &keptVariant{archive, hex.EncodeToString(f.digest[:]), made}
}

// keptPlaces are all places where a coding of the file can be.
func (f *File) keptPlaces(archive Archive, coding Coding) []*keptVariant {
	return []*keptVariant{f.keptAt(archive, encoderSettings(coding, f.Size)), f.keptAt(archive, fromSidecar(coding))}
}

// fromSidecar is how a compressed file beside a file was made.
func fromSidecar(coding Coding) string { return coding.String() + " sidecar" }

// open opens the bytes. Close them.
func (k *keptVariant) open() (*archive.Content, bool) { return k.archive.Get(k.content, k.made) }

// renew has the bytes stay for their full time, if they are there.
func (k *keptVariant) renew() bool { return k.archive.Renew(k.content, k.made) }

// put keeps bytes, or none where the coding does not pay, and drops for them only what was not needed since some time.
func (k *keptVariant) put(encoded []byte, since time.Time) error {
	return k.archive.PutSparing(k.content, k.made, bytes.NewReader(encoded), since)
}

// isFull reports an archive that has no room for more.
func isFull(err error) bool {
	return errors.Is(err, archive.ErrFull) || errors.Is(err, archive.ErrTooLarge)
}

// keptVariants are those of the bytes of an earlier version: what was made of them while they were current.
func (t *Tree) keptVariants(f *File) *coded {
	if t.config.Variants == nil || !isCompressed(f) {
		return nil
	}
	var found variants
	for _, coding := range t.config.Encode {
		for _, kept := range f.keptPlaces(t.config.Variants, coding) {
			if size, held := kept.archive.Find(kept.content, kept.made); held && size > 0 {
				found.made[coding] = f.variant(coding, size)
				found.made[coding].kept = kept
			}
		}
	}
	all := new(coded)
	all.Store(&found)
	return all
}

// renewVariants has what was made of a catalog stay on the disk for its full time; what another one has too is left to that.
func (c *Catalog) renewVariants(besides *Catalog) {
	if c == nil {
		return
	}
	for f := range c.All() {
		if other := besides.files[f.Path]; other != nil && other.digest == f.digest || !isCompressed(f) {
			continue
		}
		if made := f.variants(); made != nil {
			for _, v := range made.made {
				if v != nil && v.kept != nil {
					v.kept.renew()
				}
			}
		}
	}
}
