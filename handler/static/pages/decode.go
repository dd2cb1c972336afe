package pages

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxZstdWindow bounds the memory of one page that comes as zstd (RFC 8878, 3.1.1.1.2 recommends 8 MB).
const maxZstdWindow = 8 << 20

// decodes reports a coding of a page that can be undone. `encode` may compress the page again.
func decodes(coding string) bool {
	switch strings.ToLower(strings.TrimSpace(coding)) {
	case "", "identity", "gzip", "x-gzip", "br", "zstd":
		return true
	default:
		return false
	}
}

func newDecoder(coding string, r io.Reader) (io.Reader, func(), error) {
	switch coding {
	case "gzip", "x-gzip":
		reader, err := gzip.NewReader(r)
		return reader, func() {}, err
	case "br":
		return brotli.NewReader(r), func() {}, nil
	case "zstd":
		reader, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, nil, err
		}
		return reader, reader.Close, nil
	default:
		return nil, nil, fmt.Errorf("want gzip, br or zstd, got %q", coding)
	}
}

// decoding writes what a compressed body holds. Until it is finished nobody else may write there.
type decoding struct {
	pipe *io.PipeWriter
	done chan struct{}
	err  error
	once sync.Once
}

func startDecoding(coding string, out io.Writer) *decoding {
	reader, writer := io.Pipe()
	d := &decoding{pipe: writer, done: make(chan struct{})}
	go func() {
		defer close(d.done)
		d.err = decode(coding, reader, out)
		if d.err == nil {
			_, d.err = io.Copy(io.Discard, reader) // what stands behind the end
		}
		_ = reader.CloseWithError(d.err)
	}()
	return d
}

func decode(coding string, in io.Reader, out io.Writer) error {
	decoder, release, err := newDecoder(coding, in)
	if err != nil {
		return err
	}
	defer release()
	_, err = io.Copy(out, decoder)
	return err
}

func (d *decoding) Write(data []byte) (int, error) { return d.pipe.Write(data) }

// finish waits for the last of it.
func (d *decoding) finish() error {
	d.once.Do(func() { _ = d.pipe.Close() })
	<-d.done
	return d.err
}

var errAbandoned = errors.New("the page did not come to its end")

func (d *decoding) abandon() {
	d.once.Do(func() { _ = d.pipe.CloseWithError(errAbandoned) })
	<-d.done
}
