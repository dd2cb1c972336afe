package pages

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

// maxZstdWindow bounds the memory of one page that comes as zstd (RFC 8878, 3.1.1.1.2 recommends 8 MB).
const maxZstdWindow = 8 << 20

// decodes reports a content coding that can be decoded. `encode` may compress the page again.
func decodes(coding string) bool {
	switch strings.ToLower(strings.TrimSpace(coding)) {
	case "", "identity", "gzip", "x-gzip", "br", "zstd":
		return true
	default:
		return false
	}
}

// decode writes what a compressed body holds.
func decode(coding string, in io.Reader, out io.Writer) error {
	switch coding {
	case "gzip", "x-gzip":
		return gunzip(in, out)
	case "br":
		_, err := io.Copy(out, brotli.NewReader(in))
		return err
	case "zstd":
		reader, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return err
		}
		defer reader.Close()
		_, err = io.Copy(out, reader)
		return err
	default:
		return fmt.Errorf("want gzip, br or zstd, got %q", coding)
	}
}

var errNotGzip = errors.New("not gzip")

// gunzip decodes the members of a gzip file (RFC 1952). Browsers show a page whose trailer is wrong or missing, and ignore what
// follows the last member. So does gunzip. A member that ends early is an error.
func gunzip(in io.Reader, out io.Writer) error {
	reader := bufio.NewReader(in)
	for member := 0; ; member++ {
		if err := skipGzipHeader(reader); err != nil {
			if member > 0 {
				return nil
			}
			return err
		}
		if _, err := io.Copy(out, flate.NewReader(reader)); err != nil {
			return err
		}
		const trailer = 8 // checksum and size
		if _, err := reader.Discard(trailer); err != nil {
			return nil
		}
	}
}

// skipGzipHeader reads the header of a member (RFC 1952, 2.3).
func skipGzipHeader(reader *bufio.Reader) error {
	const (
		hasHeaderChecksum = 1 << (iota + 1)
		hasExtra
		hasName
		hasComment
	)
	var fixed [10]byte
	if _, err := io.ReadFull(reader, fixed[:]); err != nil {
		return err
	}
	if fixed[0] != 0x1f || fixed[1] != 0x8b || fixed[2] != 8 {
		return errNotGzip
	}
	flags := fixed[3]
	if flags&hasExtra != 0 {
		var length [2]byte
		if _, err := io.ReadFull(reader, length[:]); err != nil {
			return err
		}
		if _, err := reader.Discard(int(length[0]) | int(length[1])<<8); err != nil {
			return err
		}
	}
	for _, flag := range []byte{hasName, hasComment} {
		if flags&flag == 0 {
			continue
		}
		for {
			switch c, err := reader.ReadByte(); {
			case err != nil:
				return err
			case c != 0:
				continue
			}
			break
		}
	}
	if flags&hasHeaderChecksum != 0 {
		if _, err := reader.Discard(2); err != nil {
			return err
		}
	}
	return nil
}

// decoder decodes a body while it is written. The goroutine that decodes runs only during a call of write or finish, so the two
// need no lock for what the decoded bytes are written to.
type decoder struct {
	data  chan []byte   // for the goroutine; closed at the end of the body
	idle  chan struct{} // the goroutine needs more data
	done  chan struct{} // closed when the goroutine has ended
	err   error         // of the decoding; valid after done
	close sync.Once

	left []byte // of the goroutine: not read yet
}

// startDecoder starts a decoder that writes to out.
func startDecoder(coding string, out io.Writer) *decoder {
	d := &decoder{data: make(chan []byte), idle: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(d.done)
		d.err = decode(coding, d, out)
	}()
	select {
	case <-d.idle:
	case <-d.done:
	}
	return d
}

// Read is for the goroutine. It waits for data.
func (d *decoder) Read(p []byte) (int, error) {
	if len(d.left) == 0 {
		d.idle <- struct{}{}
		data, more := <-d.data
		if !more {
			return 0, io.EOF
		}
		d.left = data
	}
	n := copy(p, d.left)
	d.left = d.left[n:]
	return n, nil
}

// write decodes data as far as it can be decoded. What follows the end of the compressed stream is dropped.
func (d *decoder) write(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	select {
	case <-d.done:
		return d.err
	case d.data <- data:
	}
	select {
	case <-d.done:
		return d.err
	case <-d.idle:
		return nil
	}
}

// finish ends the body and waits for the rest of what it holds.
func (d *decoder) finish() error {
	d.abandon()
	return d.err
}

// abandon ends the decoding.
func (d *decoder) abandon() {
	d.close.Do(func() { close(d.data) })
	for {
		select {
		case <-d.done:
			return
		case <-d.idle:
		}
	}
}
