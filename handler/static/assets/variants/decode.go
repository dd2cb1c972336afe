package variants

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

// Extensions are what build tools append to the name of a file for its compressed form.
var Extensions = [codings]string{Brotli: ".br", Zstd: ".zst", Gzip: ".gz"}

var errOtherBytes = errors.New("decodes to other bytes than those of the file")

// contentAndSidecar are the digests of a file and of the compressed file beside it.
type contentAndSidecar struct{ content, sidecar [sha256.Size]byte }

// sidecar returns the compressed file beside a file. It returns nil if there is none, or if it does not decode to the very
// bytes of the file. It decodes and logs an unchanged pair once.
func (r *round) sidecar(c Content, coding Coding) []byte {
	encoded, path := r.source.Sidecar(c.Path, coding)
	if encoded == nil || int64(len(encoded)) >= c.Set.size || c.Encode && !c.Set.pays(int64(len(encoded))) {
		return nil
	}
	pair := contentAndSidecar{c.Set.digest, sha256.Sum256(encoded)}
	if r.Maker.rejected[pair] {
		r.rejected[pair] = true
		return nil
	}
	if err := c.Set.check(coding, encoded); err != nil {
		r.rejected[pair] = true
		r.config.Logger.Warn("compressed file does not match its original; ignored", zap.String("path", path), zap.Error(err))
		return nil
	}
	return encoded
}

// check decodes a variant and compares it with the content. It decodes at most one byte more than the content has.
func (s *Set) check(coding Coding, encoded []byte) error {
	decoder, closeDecoder, err := newDecoder(coding, encoded)
	if err != nil {
		return fmt.Errorf("decoding %s: %w", coding, err)
	}
	defer closeDecoder()
	sum := sha256.New()
	size, err := io.Copy(sum, io.LimitReader(decoder, s.size+1))
	switch {
	case err != nil:
		return fmt.Errorf("decoding %s: %w", coding, err)
	case size != s.size || [sha256.Size]byte(sum.Sum(nil)) != s.digest:
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
