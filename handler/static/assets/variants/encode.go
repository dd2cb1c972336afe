package variants

import (
	"bytes"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Encoder compresses contents. One goroutine at a time may use it.
type Encoder interface {
	Encode(coding Coding, content []byte) []byte
	Close()
}

// encoder compresses at levels that are worth their time once. It makes its buffers, tens of megabytes, when they are needed
// first, and uses them for each content.
type encoder struct {
	gzip   *gzip.Writer
	zstd   *zstd.Encoder
	brotli map[brotli.WriterOptions]*brotli.Writer

	out     bytes.Buffer
	scratch []byte // what zstd writes to
}

// NewEncoder returns an encoder.
func NewEncoder() Encoder { return &encoder{brotli: make(map[brotli.WriterOptions]*brotli.Writer)} }

func (e *encoder) Close() {
	if e.zstd != nil {
		_ = e.zstd.Close()
	}
}

// Encode returns a content in a coding. The writers have no errors of their own, and the buffer has none.
func (e *encoder) Encode(coding Coding, content []byte) []byte {
	e.out.Reset()
	switch coding {
	case Zstd:
		e.scratch = e.zstdEncoder().EncodeAll(content, e.scratch[:0])
		return bytes.Clone(e.scratch) // EncodeAll reserves room for all of the content
	case Brotli:
		e.write(e.brotliWriter(brotliOptions(int64(len(content)))), content)
	default:
		e.write(e.gzipWriter(), content)
	}
	return bytes.Clone(e.out.Bytes()) // without the room that the buffer grew to
}

func (e *encoder) write(w interface {
	io.WriteCloser
	Reset(io.Writer)
}, content []byte) {
	w.Reset(&e.out)
	_, _ = w.Write(content)
	_ = w.Close()
}

func (e *encoder) zstdEncoder() *zstd.Encoder {
	if e.zstd == nil { // these options are valid
		e.zstd, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	}
	return e.zstd
}

func (e *encoder) gzipWriter() *gzip.Writer {
	if e.gzip == nil { // this level is valid
		e.gzip, _ = gzip.NewWriterLevel(nil, gzip.BestCompression)
	}
	return e.gzip
}

func (e *encoder) brotliWriter(options brotli.WriterOptions) *brotli.Writer {
	if e.brotli[options] == nil {
		e.brotli[options] = brotli.NewWriterOptions(nil, options)
	}
	return e.brotli[options]
}

// brotliLarge is the size above which brotli's best level takes too long: a second for a megabyte.
const brotliLarge = 1 << 20

// brotliOptions are the best level for small contents, and for large ones a level that compresses as well as zstd's best.
func brotliOptions(size int64) brotli.WriterOptions {
	if size > brotliLarge {
		return brotli.WriterOptions{Quality: 6}
	}
	return brotli.WriterOptions{Quality: brotli.BestCompression, LGWin: 20} // the memory of the encoder is 8 times that
}

// encoderSettings name how a content of some size is encoded. Other settings may give other bytes.
func encoderSettings(coding Coding, size int64) string {
	switch coding {
	case Brotli:
		options := brotliOptions(size)
		return fmt.Sprintf("br %d %d %s", options.Quality, options.LGWin, libraryVersion("github.com/andybalholm/brotli"))
	case Zstd:
		return "zstd best " + libraryVersion("github.com/klauspost/compress")
	default:
		return "gzip best " + libraryVersion("github.com/klauspost/compress")
	}
}

// libraryVersion is the version of a module in this build, or "" if the build does not record it.
func libraryVersion(path string) string { return libraryVersions()[path] }

var libraryVersions = sync.OnceValue(func() map[string]string {
	versions := make(map[string]string)
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return versions
	}
	for _, module := range info.Deps {
		versions[module.Path] = module.Version
		if module.Replace != nil {
			versions[module.Path] = strings.TrimSpace(module.Replace.Path + " " + module.Replace.Version)
		}
	}
	return versions
})

// Fast compresses while sending, at a level that keeps up with the network.
func Fast(coding Coding, w io.Writer) (io.WriteCloser, error) {
	switch coding {
	case Zstd:
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	case Brotli:
		return brotli.NewWriterLevel(w, brotli.BestSpeed), nil
	default:
		return gzip.NewWriterLevel(w, gzip.BestSpeed)
	}
}
