package tunnel

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"sync"
	"time"
)

// maxResponseHeader is the maximum size of the application's response header in bytes.
const maxResponseHeader = 1 << 20

// maxInterim is the maximum number of interim responses such as 103.
const maxInterim = 8

// response is the application's response to a handshake, with its connection.
type response struct {
	*http.Response
	conn   net.Conn
	reader *bufio.Reader
	head   *io.LimitedReader
}

// noResponseError is returned if the connection ended before the first byte of a response. Another upstream may be tried.
type noResponseError struct {
	upstream *Upstream
	err      error
}

func (e *noResponseError) Error() string {
	return fmt.Sprintf("no response from %s: %v", e.upstream, e.err)
}
func (e *noResponseError) Unwrap() error { return e.err }

// isRetriable reports whether another upstream may be tried after err.
func isRetriable(err error) bool {
	var dial *dialError
	var none *noResponseError
	return errors.As(err, &dial) || errors.As(err, &none)
}

// Buffers of handshakes. Open tunnels hold none of them.
var (
	readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4096) }}
	writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 4096) }}
)

// exchange sends the handshake on a new connection and reads the response. It stops when ctx ends.
func (h *Handler) exchange(ctx context.Context, upstream *Upstream, request *http.Request) (*response, error) {
	conn, err := upstream.dial(ctx, h.config.Dial, h.config.DialTimeout)
	if err != nil {
		return nil, err
	}
	interrupt := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	response, err := sendHandshake(conn, upstream, request)
	if !interrupt() && err == nil {
		response.releaseReader()
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return response, nil
}

func sendHandshake(conn net.Conn, upstream *Upstream, request *http.Request) (*response, error) {
	if err := sendRequest(conn, request); err != nil {
		return nil, &noResponseError{upstream, err}
	}
	r := &response{conn: conn, head: &io.LimitedReader{R: conn, N: maxResponseHeader}}
	r.reader = readers.Get().(*bufio.Reader)
	r.reader.Reset(r.head)
	if _, err := r.reader.Peek(1); err != nil {
		r.releaseReader()
		return nil, &noResponseError{upstream, err}
	}
	if err := r.readHead(request); err != nil {
		r.releaseReader()
		return nil, fmt.Errorf("reading the response of %s: %w", upstream, err)
	}
	r.head.N = math.MaxInt64
	return r, nil
}

func sendRequest(conn net.Conn, request *http.Request) error {
	w := writers.Get().(*bufio.Writer)
	w.Reset(conn)
	defer func() {
		w.Reset(nil)
		writers.Put(w)
	}()
	if err := request.Write(w); err != nil {
		return err
	}
	return w.Flush()
}

func (r *response) readHead(request *http.Request) error {
	for range maxInterim {
		response, err := http.ReadResponse(r.reader, request)
		if err != nil {
			return err
		}
		if response.StatusCode >= 200 || response.StatusCode == http.StatusSwitchingProtocols {
			r.Response = response
			return nil
		}
	}
	return fmt.Errorf("more than %d interim responses", maxInterim)
}

// bufferedBytes returns the bytes that the application sent after its response.
func (r *response) bufferedBytes() []byte {
	buffered, _ := r.reader.Peek(r.reader.Buffered())
	if len(buffered) == 0 {
		return nil
	}
	return append([]byte(nil), buffered...)
}

// releaseReader puts the reader back into its pool. The connection stays open.
func (r *response) releaseReader() {
	r.reader.Reset(nil)
	readers.Put(r.reader)
	r.reader = nil
}
