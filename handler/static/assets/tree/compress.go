package tree

import (
	"context"
	"crypto/sha256"
	"io"
	"slices"
	"strings"

	"github.com/scan2food/usher/handler/static/assets/variants"
)

// minCompressed is the smallest file that is worth compressing, in bytes. Below it the header weighs more.
const minCompressed = 512

// variantShare is the part of the memory for compressed forms: one in so many. The rest is for contents.
const variantShare = 4

// isCompressed reports a file that is worth compressing.
func isCompressed(f *File) bool {
	return f.Size >= minCompressed && f.Size <= maxProved && Compressible(f.ContentType[0])
}

// hasSidecar reports a file with a compressed form beside it.
func (c *Catalog) hasSidecar(f *File) bool {
	for _, extension := range variants.Extensions {
		if extension != "" && c.files[f.Path+extension] != nil {
			return c.files[f.Path] == f && f.Size <= maxProved
		}
	}
	return false
}

// shareVariants gives files with the same content the same set of variants: the set of the catalog before, if it has the
// content. It must be called before the catalog is published.
func (c *Catalog) shareVariants(previous *Catalog) {
	known := make(map[[sha256.Size]byte]*variants.Set)
	if previous != nil {
		for f := range previous.forms() {
			if f.Variants != nil {
				known[f.digest] = f.Variants
			}
		}
	}
	for f := range c.forms() {
		if f.Variants != nil || !isCompressed(f) && !c.hasSidecar(f) || c.hiding.hidesFile(f) {
			continue
		}
		if known[f.digest] == nil {
			known[f.digest] = variants.NewSet(f.digest, f.Size)
		}
		f.Variants = known[f.digest]
	}
}

// contents are the files that may have variants.
func (c *Catalog) contents() (contents []variants.Content) {
	if c == nil {
		return nil
	}
	for f := range c.forms() {
		if f.Variants != nil {
			contents = append(contents, variants.Content{Path: c.formPath(f), Set: f.Variants, Encode: isCompressed(f)})
		}
	}
	return contents
}

// stampedMark is the end of the path that names the stamped form of a file to the maker of variants. No path holds a NUL.
const stampedMark = "\x00stamped"

// formPath names a form of a file to the maker of variants.
func (c *Catalog) formPath(f *File) string {
	if c.files[f.Path] != f {
		return f.Path + stampedMark
	}
	return f.Path
}

// form is the opposite of formPath.
func (c *Catalog) form(path string) *File {
	if f := c.files[path]; f != nil {
		return f
	}
	return c.files[strings.TrimSuffix(path, stampedMark)].StampedForm
}

// compress makes the variants of a new catalog in the background. It stops the making of those of an older one.
func (t *Tree) compress(ctx context.Context, previous, catalog *Catalog) {
	if t.stopCompressing != nil {
		t.stopCompressing()
	}
	ctx, t.stopCompressing = context.WithCancel(ctx)
	t.background.Go(func() { t.maker.Make(ctx, catalog.contents(), previous.contents(), source{catalog}) })
}

// source reads the files of a catalog for the maker of variants.
type source struct{ catalog *Catalog }

func (s source) Read(path string, scratch *[]byte) ([]byte, error) {
	return s.catalog.form(path).whole(s.catalog, scratch)
}

func (s source) Sidecar(path string, coding variants.Coding) (encoded []byte, sidecar string) {
	beside := s.catalog.files[path+variants.Extensions[coding]]
	if beside == nil || beside.Size >= s.catalog.form(path).Size {
		return nil, ""
	}
	encoded, err := beside.whole(s.catalog, new([]byte))
	if err != nil {
		return nil, "" // replaced on disk meanwhile
	}
	return encoded, beside.Path
}

// whole returns the bytes of a file. Bytes from disk are in scratch.
func (f *File) whole(catalog *Catalog, scratch *[]byte) ([]byte, error) {
	if f.Content != nil {
		return f.Content, nil
	}
	file, err := f.Open(catalog)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	*scratch = slices.Grow((*scratch)[:0], int(f.Size))
	content := (*scratch)[:f.Size]
	if _, err := io.ReadFull(file, content); err != nil {
		return nil, err
	}
	if sha256.Sum256(content) != f.digest {
		return nil, ErrOtherContent
	}
	return content, nil
}
