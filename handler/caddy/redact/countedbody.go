package redact

import (
	"io"
	"sync/atomic"
)

// countedBody counts what the handlers read of a request's body. A proxy's transport may still read when the handler has
// returned, so the counter is atomic. Caddy's own counter is not.
type countedBody struct {
	io.ReadCloser
	read atomic.Int64
}

// Read implements io.Reader.
func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read.Add(int64(n))
	return n, err
}

// bytesRead returns 0 for a nil body.
func (b *countedBody) bytesRead() int64 {
	if b == nil {
		return 0
	}
	return b.read.Load()
}
