package gate

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
)

// plainWriter is the writer of a request that passed as plain HTTP. A proxy that adds Connection and Upgrade to such a request
// would open a socket that nobody admitted: no handler can switch protocols or hijack the connection.
type plainWriter struct {
	http.ResponseWriter
	switched bool // a handler tried to
}

var errSwitched = errors.New("a handler switched protocols for a plain request: want no Upgrade in header_up")

// Unwrap lets http.ResponseController reach the server's writer.
func (w *plainWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader withholds a 101. The caller of the handler answers with an error.
func (w *plainWriter) WriteHeader(status int) {
	if status != http.StatusSwitchingProtocols {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.switched = true
	for name := range w.Header() {
		if name == "Upgrade" || name == "Connection" || strings.HasPrefix(strings.ToLower(name), "sec-websocket-") {
			delete(w.Header(), name)
		}
	}
}

// Write discards what follows a 101.
func (w *plainWriter) Write(p []byte) (int, error) {
	if w.switched {
		return 0, errSwitched
	}
	return w.ResponseWriter.Write(p)
}

// ReadFrom lets the server send a file.
func (w *plainWriter) ReadFrom(source io.Reader) (int64, error) {
	if w.switched {
		return 0, errSwitched
	}
	if reader, ok := w.ResponseWriter.(io.ReaderFrom); ok {
		return reader.ReadFrom(source)
	}
	return io.Copy(struct{ io.Writer }{w.ResponseWriter}, source)
}

// Hijack always fails.
func (w *plainWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.switched = true
	return nil, nil, errSwitched
}

// pass calls next for a request that the gate has nothing to do with.
func pass(w http.ResponseWriter, r *http.Request, next Next) error {
	if r.ProtoMajor != 1 || ReadHandshake(r) != PlainHTTP {
		return next.ServeHTTP(w, r)
	}
	plain := &plainWriter{ResponseWriter: w}
	err := next.ServeHTTP(plain, r)
	if plain.switched && err == nil {
		return &StatusError{http.StatusBadGateway, errSwitched}
	}
	return err
}
