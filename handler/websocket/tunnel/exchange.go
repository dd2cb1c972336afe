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

// maxResponseHeader bounds the header of the application's answer, in bytes.
const maxResponseHeader = 1 << 20

// maxInterim is how many interim answers (103 and the like) may come before the final one.
const maxInterim = 8

// response is what the application said to a handshake, with the connection on which it did.
type response struct {
	*http.Response
	conn   net.Conn
	reader *bufio.Reader
	head   *io.LimitedReader
}

// noResponseError is a connection that ended before the first byte of an answer: another upstream may be asked.
type noResponseError struct {
	upstream *Upstream
	err      error
}

func (e *noResponseError) Error() string { return fmt.Sprintf("asking %s: %v", e.upstream, e.err) }
func (e *noResponseError) Unwrap() error { return e.err }

// isRetriable reports whether another upstream may be asked after err.
func isRetriable(err error) bool {
	var dial *dialError
	var none *noResponseError
	return errors.As(err, &dial) || errors.As(err, &none)
}

// The buffers of one handshake. An open tunnel holds none of them.
var (
	readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4096) }}
	writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 4096) }}
)

// exchange makes the handshake on a new connection to the upstream. The end of ctx ends it in every state.
func (h *Handler) exchange(ctx context.Context, upstream *Upstream, request *http.Request) (*response, error) {
	conn, err := upstream.dial(ctx, h.config.Dial, h.config.DialTimeout)
	if err != nil {
		return nil, err
	}
	interrupt := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	a, err := sendHandshake(conn, upstream, request)
	if !interrupt() && err == nil {
		a.releaseReader()
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return a, nil
}

func sendHandshake(conn net.Conn, upstream *Upstream, request *http.Request) (*response, error) {
	if err := sendRequest(conn, request); err != nil {
		return nil, &noResponseError{upstream, err}
	}
	a := &response{conn: conn, head: &io.LimitedReader{R: conn, N: maxResponseHeader}}
	a.reader = readers.Get().(*bufio.Reader)
	a.reader.Reset(a.head)
	if _, err := a.reader.Peek(1); err != nil {
		a.releaseReader()
		return nil, &noResponseError{upstream, err}
	}
	if err := a.readHead(request); err != nil {
		a.releaseReader()
		return nil, fmt.Errorf("reading the answer of %s: %w", upstream, err)
	}
	a.head.N = math.MaxInt64
	return a, nil
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

func (a *response) readHead(request *http.Request) error {
	for range maxInterim {
		response, err := http.ReadResponse(a.reader, request)
		if err != nil {
			return err
		}
		if response.StatusCode >= 200 || response.StatusCode == http.StatusSwitchingProtocols {
			a.Response = response
			return nil
		}
	}
	return fmt.Errorf("more than %d interim answers", maxInterim)
}

// bufferedBytes takes the bytes that the application sent right behind its answer.
func (a *response) bufferedBytes() []byte {
	buffered, _ := a.reader.Peek(a.reader.Buffered())
	if len(buffered) == 0 {
		return nil
	}
	return append([]byte(nil), buffered...)
}

// releaseReader gives the reader back. The connection stays open.
func (a *response) releaseReader() {
	a.reader.Reset(nil)
	readers.Put(a.reader)
	a.reader = nil
}
