package tree

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
)

// opened is the bytes of a file, for as long as they are sent or copied.
type OpenFile struct {
	ReaderAt
	Closer io.Closer // nil: they are not ours to close
	OnDisk *os.File  // nil: in memory or in the archive, where nobody writes to them
	of     *File
}

type ReaderAt interface {
	io.ReadSeeker
	io.ReaderAt
}

// Close closes what was opened.
func (o *OpenFile) Close() {
	if o.Closer != nil {
		_ = o.Closer.Close()
	}
}

// errNotRegular is for a FIFO or a device in the place of a file.
var ErrNotRegular = errors.New("not a regular file")

var ErrOtherContent = errors.New("the file on disk is not the one that was catalogued")

// check tells whether the bytes that were read are still those that were catalogued: others may have been written in their place.
// Where size and date say that they are the same, the time of change may tell of a rename or of a link less, as when a deployment
// puts another file in this one's place, or of other bytes with the same size and date.
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

// abortIfChanged ends an answer so that nobody takes it for whole: the bytes may be of two versions.
func (o *OpenFile) AbortIfChanged() {
	if o.check() != nil {
		panic(http.ErrAbortHandler)
	}
}

func InMemory(content []byte) *OpenFile { return &OpenFile{ReaderAt: bytes.NewReader(content)} }

// open gives the bytes that were catalogued, or an error where the disk holds others by now. Close them.
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

// wholeReader comes to its end only if all that was read is of one version.
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
