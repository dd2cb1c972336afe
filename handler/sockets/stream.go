package sockets

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

// ResponseWriter wraps the writer that a handshake is answered through. On HTTP/1.1 the socket opens when the
// connection is hijacked through it; on HTTP/2 and 3, where the response is the stream to the client (RFC 8441, 5), when
// a 2xx is written.
func (s *Socket) ResponseWriter(w http.ResponseWriter) http.ResponseWriter {
	if s.info.Protocol == "HTTP/1.1" {
		return &upgradeWriter{ResponseWriter: w, socket: s}
	}
	return &streamWriter{ResponseWriter: w, socket: s}
}

// upgradeWriter answers an Upgrade.
type upgradeWriter struct {
	http.ResponseWriter
	socket *Socket
}

func (w *upgradeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *upgradeWriter) WriteHeader(status int) {
	w.socket.answer(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *upgradeWriter) Write(p []byte) (int, error) {
	w.socket.answer(http.StatusOK)
	return w.ResponseWriter.Write(p)
}

func (w *upgradeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.socket.answer(http.StatusSwitchingProtocols)
	return w.socket.hijack(w.ResponseWriter)
}

// answer notes the first final status.
func (s *Socket) answer(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		s.status.CompareAndSwap(0, int32(status))
	}
}

// streamWriter answers an extended CONNECT, and is the stream to the client from then on.
type streamWriter struct {
	http.ResponseWriter
	socket *Socket
}

func (w *streamWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *streamWriter) WriteHeader(status int) {
	w.socket.answer(status)
	w.ResponseWriter.WriteHeader(status)
	if status >= 200 && status < 300 && !w.socket.Opened() {
		w.socket.open(&streamTransport{w.ResponseWriter})
	}
}

func (w *streamWriter) Write(p []byte) (int, error) {
	if w.socket.Status() == 0 {
		w.WriteHeader(http.StatusOK)
	}
	carrier := w.socket.carrier.Load()
	if carrier == nil {
		return w.ResponseWriter.Write(p)
	}
	return w.socket.write(*carrier, p)
}

// streamTransport writes to the stream and ends it.
type streamTransport struct {
	writer http.ResponseWriter
}

func (t *streamTransport) Write(p []byte) (int, error) { return t.writer.Write(p) }

func (t *streamTransport) setWriteDeadline(at time.Time) {
	_ = http.NewResponseController(t.writer).SetWriteDeadline(at)
}

func (t *streamTransport) flush() { _ = http.NewResponseController(t.writer).Flush() }

// closeWrite and close have nothing to do: the socket's OnClose ends the handler, and that ends the stream.
func (t *streamTransport) closeWrite() {}
func (t *streamTransport) close()      {}

// Body wraps the stream from the client of an HTTP/2 or 3 socket.
func (s *Socket) Body(body io.ReadCloser) io.ReadCloser {
	return &streamBody{ReadCloser: body, socket: s}
}

type streamBody struct {
	io.ReadCloser
	socket *Socket
}

func (b *streamBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.socket.received(p[:n], err)
	return n, err
}
