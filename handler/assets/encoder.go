package assets

import (
	"bytes"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// encoders compress at the level that is worth its time for what is done once.
type encoders struct {
	gzip *gzip.Writer
	zstd *zstd.Encoder

	scratch []byte // what zstd writes to
}

func newEncoders() (*encoders, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	g, err := gzip.NewWriterLevel(nil, gzip.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	return &encoders{gzip: g, zstd: z}, nil
}

func (e *encoders) close() { _ = e.zstd.Close() }

// encode returns the content in a coding. The writers have no other errors than those of what they write to.
func (e *encoders) encode(coding Coding, content []byte) []byte {
	var out bytes.Buffer
	switch coding {
	case Zstd:
		e.scratch = e.zstd.EncodeAll(content, e.scratch[:0])
		return bytes.Clone(e.scratch) // it makes room for all of the content
	case Brotli:
		w := brotli.NewWriterLevel(&out, brotliLevel(len(content)))
		_, _ = w.Write(content)
		_ = w.Close()
	default:
		e.gzip.Reset(&out)
		_, _ = e.gzip.Write(content)
		_ = e.gzip.Close()
	}
	return bytes.Clone(out.Bytes()) // without the room that the buffer grew to
}

// brotliLevel is the best one for a second of work, and one that is as small as zstd's best beyond it.
func brotliLevel(size int) int {
	if size > maxInMemory {
		return 6
	}
	return brotli.BestCompression
}

// fastEncoder compresses while it is sent, at a level that keeps up with the network.
func fastEncoder(coding Coding, w io.Writer) (io.WriteCloser, error) {
	switch coding {
	case Zstd:
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	case Brotli:
		return brotli.NewWriterLevel(w, brotli.BestSpeed), nil
	default:
		return gzip.NewWriterLevel(w, gzip.BestSpeed)
	}
}
