package assets

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

// encoder puts contents into codings. It is used by one goroutine at a time.
type encoder interface {
	encode(coding Coding, content []byte) []byte
	close()
}

// encoders compress at the level that is worth its time for what is done once. What they work with, tens of megabytes, is made
// when it is first needed, and used again for the next content.
type encoders struct {
	gzip   *gzip.Writer
	zstd   *zstd.Encoder
	brotli map[brotli.WriterOptions]*brotli.Writer

	out     bytes.Buffer
	scratch []byte // what zstd writes to
}

func newEncoders() encoder { return &encoders{brotli: make(map[brotli.WriterOptions]*brotli.Writer)} }

func (e *encoders) close() {
	if e.zstd != nil {
		_ = e.zstd.Close()
	}
}

// encode returns the content in a coding. The writers have no other errors than those of what they write to.
func (e *encoders) encode(coding Coding, content []byte) []byte {
	e.out.Reset()
	switch coding {
	case Zstd:
		e.scratch = e.zstdEncoder().EncodeAll(content, e.scratch[:0])
		return bytes.Clone(e.scratch) // it makes room for all of the content
	case Brotli:
		e.write(e.brotliWriter(brotliOptions(int64(len(content)))), content)
	default:
		e.write(e.gzipWriter(), content)
	}
	return bytes.Clone(e.out.Bytes()) // without the room that the buffer grew to
}

func (e *encoders) write(w interface {
	io.WriteCloser
	Reset(io.Writer)
}, content []byte) {
	w.Reset(&e.out)
	_, _ = w.Write(content)
	_ = w.Close()
}

func (e *encoders) zstdEncoder() *zstd.Encoder {
	if e.zstd == nil { // there is nothing wrong with these options
		e.zstd, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	}
	return e.zstd
}

func (e *encoders) gzipWriter() *gzip.Writer {
	if e.gzip == nil { // nor with this level
		e.gzip, _ = gzip.NewWriterLevel(nil, gzip.BestCompression)
	}
	return e.gzip
}

func (e *encoders) brotliWriter(options brotli.WriterOptions) *brotli.Writer {
	if e.brotli[options] == nil {
		e.brotli[options] = brotli.NewWriterOptions(nil, options)
	}
	return e.brotli[options]
}

// brotliOptions are the best level for a second of work, in a window of the content's size, and beyond it a level that is as
// small as zstd's best.
func brotliOptions(size int64) brotli.WriterOptions {
	if size > maxInMemory {
		return brotli.WriterOptions{Quality: 6}
	}
	return brotli.WriterOptions{Quality: brotli.BestCompression, LGWin: 20} // the memory of the encoder is 8 times that
}

// encoderSettings name how a content of some size is put into a coding: where they differ, the outcome may.
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

// libraryVersion is that of a module in this build; "" where the build does not tell.
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
