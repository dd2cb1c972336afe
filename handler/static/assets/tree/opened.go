package tree

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
)

// OpenFile is an open file of a catalog.
type OpenFile struct {
	ReaderAt
	Closer io.Closer // nil: the bytes are in memory, or another closes them
	OnDisk *os.File  // nil: in memory or in the archive, where bytes do not change
	of     *File
}

// ReaderAt reads and seeks, at any offset too.
type ReaderAt interface {
	io.ReadSeeker
	io.ReaderAt
}

// Close closes the file.
func (o *OpenFile) Close() {
	if o.Closer != nil {
		_ = o.Closer.Close()
	}
}

// ErrNotRegular is returned for a FIFO or a device in the place of a file.
var ErrNotRegular = errors.New("not a regular file")

// ErrOtherContent is returned if the bytes on disk are not those of the catalog.
var ErrOtherContent = errors.New("the file on disk has changed")

// check returns an error if the file has changed since it was read into the catalog. If only the change time differs, the file
// may have been renamed, have lost a link, or have other bytes of the same size and date: then the digest decides.
func (o *OpenFile) check() error {
	if o.OnDisk == nil {
		return nil
	}
	info, err := o.OnDisk.Stat()
	if err != nil {
		return err
	}
	now := identify(info)
	switch {
	case now == o.of.identity:
		return nil
	case now.size != o.of.Size || now.modTime != o.of.identity.modTime:
		return ErrOtherContent
	}
	digest, _, err := sumReader(io.NewSectionReader(o.OnDisk, 0, now.size))
	if err == nil && digest != o.of.digest {
		err = ErrOtherContent
	}
	return err
}

// AbortIfChanged aborts a response whose bytes may be of two versions, so that the client does not take it for complete.
func (o *OpenFile) AbortIfChanged() {
	if o.check() != nil {
		panic(http.ErrAbortHandler)
	}
}

// InMemory returns an open file of bytes in memory.
func InMemory(content []byte) *OpenFile { return &OpenFile{ReaderAt: bytes.NewReader(content)} }

// Open opens the bytes of the catalog, or an error such as [ErrOtherContent] if the disk does not have them any more. The
// caller must close them.
func (f *File) Open(catalog *Catalog) (*OpenFile, error) {
	if f.Content != nil {
		return InMemory(f.Content), nil
	}
	if f.earlier != nil {
		return &OpenFile{ReaderAt: f.earlier}, nil
	}
	file, err := f.openOnDisk(catalog)
	if err == nil {
		return file, nil
	}
	if kept, found := catalog.kept(f); found {
		return &OpenFile{ReaderAt: kept, Closer: kept}, nil
	}
	return nil, err
}

func (f *File) openOnDisk(catalog *Catalog) (*OpenFile, error) {
	file, err := catalog.Dir.open(f.Disk)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = ErrNotRegular
	case identify(info) != f.identity:
		err = ErrOtherContent
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &OpenFile{ReaderAt: file, Closer: file, OnDisk: file, of: f}, nil
}

// wholeReader returns EOF only if all bytes are of one version.
type wholeReader struct {
	io.ReadSeeker
	content *OpenFile
}

func (r *wholeReader) Read(p []byte) (int, error) {
	n, err := r.ReadSeeker.Read(p)
	if err == io.EOF {
		if changed := r.content.check(); changed != nil {
			return n, changed
		}
	}
	return n, err
}
