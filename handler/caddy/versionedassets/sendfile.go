package versionedassets

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

type connectionKey struct{}

// withConnection adds the connection to the context of its requests, for socket options.
func withConnection(ctx context.Context, conn net.Conn) context.Context {
	if _, isSocket := conn.(syscall.Conn); !isSocket || ctx.Value(connectionKey{}) != nil {
		return ctx // TLS, or set by another handler of the server
	}
	return context.WithValue(ctx, connectionKey{}, conn)
}

// enableKernelCopy makes large copies from a file to the connection in the kernel (sendfile), until restore is called. For a
// large file it also corks the socket, so that header and content share segments. Small files are not corked: their last
// segment would be late.
func enableKernelCopy(r *http.Request, length int64) (restore func()) {
	restoreTimeout := enlargeChunks(r.Context())
	socket, _ := r.Context().Value(connectionKey{}).(syscall.Conn)
	if socket == nil || length < minCorked {
		return restoreTimeout
	}
	uncork := cork(socket)
	return func() {
		uncork()
		restoreTimeout()
	}
}

// minCorked is the length of the smallest file that is corked. With segments of 1,500 bytes, corking costs a third of the
// throughput at 13 KB and makes no difference at 100 KB.
const minCorked = 1 << 20

// enlargeChunks makes Caddy's idle timeout apply to chunks of kernelCopy bytes. By default it applies to 64 KiB, and each
// chunk is a copy of its own. Caddy reads a chunk through an io.LimitedReader, and the content is in another already, for
// the length of the response. Package net uses sendfile for a file in one of them, but not in two. kernelCopier merges them.
func enlargeChunks(ctx context.Context) (restore func()) {
	_, idle := caddyhttp.IdleTimeoutsFromContext(ctx)
	if idle == nil {
		return func() {}
	}
	wrapped, chunk := idle.ResponseWriterWrapper, idle.MaxChunk
	if chunk <= 0 {
		chunk = caddyhttp.DefaultMaxWriteChunk
	}
	idle.ResponseWriterWrapper = &caddyhttp.ResponseWriterWrapper{ResponseWriter: kernelCopier{wrapped, int64(chunk)}}
	restoreChunk := idle.Override(idle.Deadline.Timeout, idle.Deadline.MinRate, max(chunk, kernelCopy))
	return func() {
		restoreChunk()
		idle.ResponseWriterWrapper = wrapped
	}
}

// kernelCopy is the size of one copy in the kernel, in bytes: the send buffer of a connection (tcp_wmem).
const kernelCopy = 4 << 20

// kernelCopier is the writer below Caddy's idle timeout.
type kernelCopier struct {
	*caddyhttp.ResponseWriterWrapper
	chunk int64 // Caddy's
}

// ReadFrom merges two limits into one. A timeout after at least one of Caddy's chunks is no error: the client is slow, but
// within Caddy's limit. The copy ends, and Caddy starts another with a new timeout.
func (w kernelCopier) ReadFrom(r io.Reader) (int64, error) {
	outer, inner := splitLimits(r)
	if inner == nil {
		return w.ResponseWriterWrapper.ReadFrom(r)
	}
	n, err := w.ResponseWriterWrapper.ReadFrom(io.LimitReader(inner.R, min(outer.N, inner.N)))
	outer.N -= n
	inner.N -= n
	if n >= w.chunk && errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return n, err
}

// splitLimits returns the two limits around a reader. inner is nil if there are not two.
func splitLimits(r io.Reader) (outer, inner *io.LimitedReader) {
	if outer, _ = r.(*io.LimitedReader); outer != nil {
		inner, _ = outer.R.(*io.LimitedReader)
	}
	return outer, inner
}

var _ io.ReaderFrom = kernelCopier{}
