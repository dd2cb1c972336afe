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

// withConnection remembers the connection of a request, for the options of its socket.
func withConnection(ctx context.Context, conn net.Conn) context.Context {
	if _, isSocket := conn.(syscall.Conn); !isSocket || ctx.Value(connectionKey{}) != nil {
		return ctx // it is TLS, or another handler of the same server was first
	}
	return context.WithValue(ctx, connectionKey{}, conn)
}

// kernelCopies lets the kernel copy a file into the connection, many bytes at a time, until restore is called. Of a large one
// it holds back what fills no segment: header and content then leave together, and more of the work is done while the client
// reads. A small one would have its last segment leave late.
func kernelCopies(r *http.Request, length int64) (restore func()) {
	restoreTimeout := copyManyAtOnce(r.Context())
	socket, _ := r.Context().Value(connectionKey{}).(syscall.Conn)
	if socket == nil || length < corkedLength {
		return restoreTimeout
	}
	uncork := cork(socket)
	return func() {
		uncork()
		restoreTimeout()
	}
}

// corkedLength is from how many bytes on segments are filled: at 13 KB it takes a third of the speed of segments of 1,500 bytes, at
// 100 KB it makes no difference.
const corkedLength = 1 << 20

// copyManyAtOnce is for Caddy's idle timeout, which is set for each 64 KiB of a response. To do so Caddy wraps what is copied
// in a limit, which is one already, since the length of an answer is fixed: package net looks through a single one.
func copyManyAtOnce(ctx context.Context) (restore func()) {
	_, idle := caddyhttp.IdleTimeoutsFromContext(ctx)
	if idle == nil {
		return func() {}
	}
	below, least := idle.ResponseWriterWrapper, idle.MaxChunk
	if least <= 0 {
		least = caddyhttp.DefaultMaxWriteChunk
	}
	idle.ResponseWriterWrapper = &caddyhttp.ResponseWriterWrapper{ResponseWriter: kernelCopier{below, int64(least)}}
	restoreChunk := idle.Override(idle.Deadline.Timeout, idle.Deadline.MinRate, max(least, kernelCopy))
	return func() {
		restoreChunk()
		idle.ResponseWriterWrapper = below
	}
}

// kernelCopy is how much the kernel is asked to copy at once, in bytes: as much as it holds for a connection (tcp_wmem).
const kernelCopy = 4 << 20

// kernelCopier stands below Caddy's idle timeout.
type kernelCopier struct {
	*caddyhttp.ResponseWriterWrapper
	least int64
}

// ReadFrom makes one limit of two. Where the timeout strikes a copy in which as many bytes were sent as Caddy itself would have
// set it for, it only ends the copy: the reader is slow, and no slower than it may be. The rest gets a timeout of its own.
func (w kernelCopier) ReadFrom(r io.Reader) (int64, error) {
	outer, inner := limits(r)
	if inner == nil {
		return w.ResponseWriterWrapper.ReadFrom(r)
	}
	n, err := w.ResponseWriterWrapper.ReadFrom(io.LimitReader(inner.R, min(outer.N, inner.N)))
	outer.N -= n
	inner.N -= n
	if n >= w.least && errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return n, err
}

// limits are the two that a reader is wrapped in; nil where they are not two.
func limits(r io.Reader) (outer, inner *io.LimitedReader) {
	if outer, _ = r.(*io.LimitedReader); outer != nil {
		inner, _ = outer.R.(*io.LimitedReader)
	}
	return outer, inner
}

var _ io.ReaderFrom = kernelCopier{}
