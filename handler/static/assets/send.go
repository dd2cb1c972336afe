package assets

import (
	"io"
	"net/http"
	"sync"

	"github.com/scan2food/usher/handler/static/assets/tree"
)

// send sends length bytes of content. It sends the last byte when it knows that all bytes are of one version.
func (h *Handler) send(w http.ResponseWriter, r *http.Request, content *tree.OpenFile, length int64) {
	if content.OnDisk == nil || length == 0 {
		_ = h.copy(w, r, content.ReaderAt, length)
		return
	}
	var err error
	if isForever(w.Header()) {
		// The kernel sends the pages of the file itself. A write to the file would change bytes that wait for the client. Browsers
		// replace a wrong response when they revalidate it, but keep an immutable one.
		err = copyThrough(w, content.ReaderAt, length-1)
	} else {
		err = h.copy(w, r, content.ReaderAt, length-1)
	}
	var last [1]byte
	if err == nil {
		_, err = io.ReadFull(content, last[:])
	}
	content.AbortIfChanged()
	if err == nil {
		_, _ = w.Write(last[:])
	}
}

// copy sends length bytes of content. Over HTTP/1.1 without TLS the kernel copies from the file to the connection, if every writer
// in between allows it. Otherwise the bytes pass through a pooled buffer.
func (h *Handler) copy(w http.ResponseWriter, r *http.Request, content io.Reader, length int64) error {
	if r.ProtoMajor == 1 && r.TLS == nil {
		if h.KernelCopies != nil {
			defer h.KernelCopies(r, length)()
		}
		for {
			n, err := io.CopyN(w, content, length)
			if length -= n; err != io.EOF || n == 0 { // an early EOF is an interruption
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

// copyBufferSize is two frames of HTTP/2, in bytes. A client that stalls holds one buffer.
const copyBufferSize = 32 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copyBufferSize]byte) }}
