package usher

import (
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// withoutNestedLimits lets the kernel copy a file into the connection, until restore is called. Caddy bounds each write of
// a response by its idle timeout, and to do so wraps what is copied in a limit, which is one already, since the length of
// an answer is fixed: package net looks through a single one. The timeout stays: slow readers are bounded as ever.
func withoutNestedLimits(r *http.Request) (restore func()) {
	_, idle := caddyhttp.IdleTimeoutsFromContext(r.Context())
	if idle == nil {
		return func() {}
	}
	below := idle.ResponseWriterWrapper
	idle.ResponseWriterWrapper = &caddyhttp.ResponseWriterWrapper{ResponseWriter: singleLimit{below}}
	return func() { idle.ResponseWriterWrapper = below }
}

// singleLimit makes one limit of two.
type singleLimit struct {
	*caddyhttp.ResponseWriterWrapper
}

func (w singleLimit) ReadFrom(r io.Reader) (int64, error) {
	outer, limited := r.(*io.LimitedReader)
	if !limited {
		return w.ResponseWriterWrapper.ReadFrom(r)
	}
	inner, limited := outer.R.(*io.LimitedReader)
	if !limited {
		return w.ResponseWriterWrapper.ReadFrom(r)
	}
	n, err := w.ResponseWriterWrapper.ReadFrom(io.LimitReader(inner.R, min(outer.N, inner.N)))
	outer.N -= n
	inner.N -= n
	return n, err
}

var _ io.ReaderFrom = singleLimit{}
