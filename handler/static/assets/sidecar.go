package assets

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/zap"
)

// sidecarExtensions are what build tools append to the name of a file for its compressed form.
var sidecarExtensions = [codings]string{Brotli: ".br", Zstd: ".zst", Gzip: ".gz"}

var errOtherBytes = errors.New("want the bytes of the file after decoding, got others")

// sidecar is the compressed form of a file that lies beside it: nil where there is none, and where it does not decode to
// the very bytes of the file. That is found out once.
func (w *compressor) sidecar(f *File, coding Coding) []byte {
	beside := w.catalog.files[f.Path+sidecarExtensions[coding]]
	if beside == nil || f.original != nil || beside.Size >= f.Size {
		return nil
	}
	encoded, err := beside.whole(w.catalog, new([]byte)) // it stays
	if err != nil {
		return nil // it was replaced meanwhile
	}
	if err := f.decodesTo(coding, encoded); err != nil {
		w.logger.Warn("a compressed file is not that of the file beside it, and is not used",
			zap.String("path", beside.Path), zap.Error(err))
		return nil
	}
	return encoded
}

// decodesTo reports what keeps encoded from being the file. It reads no further than one byte more than the file has: what
// expands without end is found out there.
func (f *File) decodesTo(coding Coding, encoded []byte) error {
	decoder, closeDecoder, err := newDecoder(coding, encoded)
	if err != nil {
		return fmt.Errorf("decoding %s: %w", coding, err)
	}
	defer closeDecoder()
	sum := sha256.New()
	size, err := io.Copy(sum, io.LimitReader(decoder, f.Size+1))
	switch {
	case err != nil:
		return fmt.Errorf("decoding %s: %w", coding, err)
	case size != f.Size || [sha256.Size]byte(sum.Sum(nil)) != f.digest:
		return errOtherBytes
	}
	return nil
}

func newDecoder(coding Coding, encoded []byte) (decoder io.Reader, closeDecoder func(), err error) {
	source := bytes.NewReader(encoded)
	switch coding {
	case Brotli:
		return brotli.NewReader(source), func() {}, nil
	case Zstd:
		// RFC 8878, 3.1.1.1.2, and RFC 9659 for its use in HTTP: no window above 8 MiB.
		z, err := zstd.NewReader(source, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	default:
		g, err := gzip.NewReader(source)
		return g, func() {}, err
	}
}
