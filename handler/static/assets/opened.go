package assets

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
)

// opened is the bytes of a file, for as long as they are sent or copied.
type opened struct {
	readerAt
	closer io.Closer // nil: they are not ours to close
	onDisk *os.File  // nil: in memory or in the archive, where nobody writes to them
	of     *File
}

type readerAt interface {
	io.ReadSeeker
	io.ReaderAt
}

// Close closes what was opened.
func (o *opened) Close() {
	if o.closer != nil {
		_ = o.closer.Close()
	}
}

// errNotRegular is for a FIFO or a device in the place of a file.
var errNotRegular = errors.New("not a regular file")

var errOtherContent = errors.New("the file on disk is not the one that was catalogued")

// check tells whether the bytes that were read are still those that were catalogued: others may have been written in their place.
// Where size and date say that they are the same, the time of change may tell of a rename or of a link less, as when a deployment
// puts another file in this one's place, or of other bytes with the same size and date.
func (o *opened) check() error {
	if o.onDisk == nil {
		return nil
	}
	info, err := o.onDisk.Stat()
	if err != nil {
		return err
	}
	now := identify(info)
	switch {
	case now == o.of.identity:
		return nil
	case now.size != o.of.Size || now.modTime != o.of.identity.modTime:
		return errOtherContent
	}
	digest, _, err := sumReader(io.NewSectionReader(o.onDisk, 0, now.size))
	if err == nil && digest != o.of.digest {
		err = errOtherContent
	}
	return err
}

// abortIfChanged ends an answer so that nobody takes it for whole: the bytes may be of two versions.
func (o *opened) abortIfChanged() {
	if o.check() != nil {
		panic(http.ErrAbortHandler)
	}
}

func inMemory(content []byte) *opened { return &opened{readerAt: bytes.NewReader(content)} }

// open gives the bytes that were catalogued, or an error where the disk holds others by now. Close them.
func (f *File) open(catalog *Catalog) (*opened, error) {
	if f.Content != nil {
		return inMemory(f.Content), nil
	}
	if f.earlier != nil {
		return &opened{readerAt: f.earlier}, nil
	}
	file, err := f.openOnDisk(catalog)
	if err == nil {
		return file, nil
	}
	if kept, found := catalog.kept(f); found {
		return &opened{readerAt: kept, closer: kept}, nil
	}
	return nil, err
}

func (f *File) openOnDisk(catalog *Catalog) (*opened, error) {
	file, err := catalog.dir.open(f.disk)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = errNotRegular
	case identify(info) != f.identity:
		err = errOtherContent
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &opened{readerAt: file, closer: file, onDisk: file, of: f}, nil
}

// wholeReader comes to its end only if all that was read is of one version.
type wholeReader struct {
	io.ReadSeeker
	content *opened
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

// send sends length bytes of content. The last one follows when it is known that all are of one version: before it the answer
// is not whole.
func (h *Handler) send(w http.ResponseWriter, r *http.Request, content *opened, length int64) {
	if content.onDisk == nil || length == 0 {
		_ = h.copy(w, r, content.readerAt, length)
		return
	}
	var err error
	if isForever(w.Header()) {
		// What the kernel copies it only refers to: what is written in its place later is sent too, until the client has it. Where a
		// client asks again, that mends itself.
		err = copyThrough(w, content.readerAt, length-1)
	} else {
		err = h.copy(w, r, content.readerAt, length-1)
	}
	var last [1]byte
	if err == nil {
		_, err = io.ReadFull(content, last[:])
	}
	content.abortIfChanged()
	if err == nil {
		_, _ = w.Write(last[:])
	}
}

// copy sends length bytes of content. Over HTTP/1.1 without TLS the kernel copies them from a file into the connection,
// if every writer on the way lets it; elsewhere they pass through a buffer that is used again.
func (h *Handler) copy(w http.ResponseWriter, r *http.Request, content io.Reader, length int64) error {
	if r.ProtoMajor == 1 && r.TLS == nil {
		if h.KernelCopies != nil {
			defer h.KernelCopies(r, length)()
		}
		for {
			n, err := io.CopyN(w, content, length)
			if length -= n; err != io.EOF || n == 0 { // at its end it may only have been interrupted
				return err
			}
		}
	}
	return copyThrough(w, content, length)
}

// copyThrough sends length bytes of content through a buffer.
func copyThrough(w io.Writer, content io.Reader, length int64) error {
	buffer := copyBuffers.Get().(*[copyBufferSize]byte)
	defer copyBuffers.Put(buffer)
	_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{io.LimitReader(content, length)}, buffer[:])
	return err
}

// copyBufferSize is two frames of HTTP/2, in bytes. A reader that stalls holds one.
const copyBufferSize = 32 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copyBufferSize]byte) }}
