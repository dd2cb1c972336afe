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

// encoders compress at the level that is worth its time for what is done once. What they work with is used again for the
// next content, for brotli alone it is 40 MB, and is made when it is first needed.
type encoders struct {
	gzip   *gzip.Writer
	zstd   *zstd.Encoder
	brotli map[int]*brotli.Writer // by level

	out     bytes.Buffer
	scratch []byte // what zstd writes to
}

func newEncoders() encoder { return &encoders{brotli: make(map[int]*brotli.Writer)} }

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
		e.write(e.brotliWriter(brotliLevel(int64(len(content)))), content)
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

func (e *encoders) brotliWriter(level int) *brotli.Writer {
	if e.brotli[level] == nil {
		e.brotli[level] = brotli.NewWriterLevel(nil, level)
	}
	return e.brotli[level]
}

// brotliLevel is the best one for a second of work, and one that is as small as zstd's best beyond it.
func brotliLevel(size int64) int {
	if size > maxInMemory {
		return 6
	}
	return brotli.BestCompression
}

// encoderSettings name how a content of some size is put into a coding: where they differ, the outcome may.
func encoderSettings(coding Coding, size int64) string {
	switch coding {
	case Brotli:
		return fmt.Sprintf("br %d %s", brotliLevel(size), libraryVersion("github.com/andybalholm/brotli"))
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
