package sockets

import (
	"io"
	"net/http"
	"time"
)

// ResponseWriter wraps the writer of the handshake's response. On HTTP/1.1 the socket opens when the connection is hijacked
// through the wrapper. On HTTP/2 and 3 it opens when a 2xx is written, because the response is the stream to the client (RFC
// 8441, 5). Each socket needs its own ResponseWriter.
func (s *Socket) ResponseWriter(w http.ResponseWriter) http.ResponseWriter {
	if s.overHTTP1() {
		return &upgradeWriter{ResponseWriter: w, socket: s}
	}
	return &streamWriter{ResponseWriter: w, socket: s}
}

// Body wraps the stream from the client of an HTTP/2 or 3 socket. It returns EOF when the gate closes the socket.
func (s *Socket) Body(body io.ReadCloser) io.ReadCloser { return &streamBody{body, s} }

type streamBody struct {
	io.ReadCloser
	socket *Socket
}

func (b *streamBody) Read(p []byte) (int, error) { return b.socket.read(b.ReadCloser, p) }

func (b *streamBody) Close() error {
	b.socket.throttle.stop()
	return b.ReadCloser.Close()
}

// streamWriter writes the response to an extended CONNECT, and then the stream to the client. It is the socket's link.
type streamWriter struct {
	http.ResponseWriter
	socket *Socket
}

func (w *streamWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *streamWriter) WriteHeader(status int) {
	if w.socket.Status() != 0 {
		return // the status was sent, and the gate may be writing
	}
	w.ResponseWriter.WriteHeader(status)
	w.socket.recordStatus(status)
	if w.socket.isWebSocket() {
		w.socket.attach(w)
	}
}

func (w *streamWriter) Write(p []byte) (int, error) {
	if w.socket.Status() == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.socket.isWebSocket() {
		return w.ResponseWriter.Write(p)
	}
	return w.socket.write(w, p)
}

// FlushError flushes unless the gate's Close has ended the stream.
func (w *streamWriter) FlushError() error {
	if w.socket.Status() == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return w.socket.flush(w)
}

// Flush implements http.Flusher.
func (w *streamWriter) Flush() { _ = w.FlushError() }

// flush flushes, then sends a Close frame that could not be sent while writing was held.
func (s *Socket) flush(w *streamWriter) error {
	err := s.flushLocked(w)
	if c := s.closing.Load(); c != nil {
		s.trySendClose(c, w)
	}
	return err
}

func (s *Socket) flushLocked(w *streamWriter) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if c := s.closing.Load(); c != nil && c.hasResult() {
		return nil
	}
	return w.flushNow()
}

func (w *streamWriter) flushNow() error { return http.NewResponseController(w.ResponseWriter).Flush() }

func (w *streamWriter) writeRaw(p []byte) (int, error) { return w.ResponseWriter.Write(p) }

func (w *streamWriter) writeAndFlush(p []byte) error {
	if _, err := w.ResponseWriter.Write(p); err != nil {
		return err
	}
	return w.flushNow()
}

// replyTimeout is how long a stream waits for the client's Close frame.
const replyTimeout = 250 * time.Millisecond

// finishClose makes the handler return, which ends the stream. It waits briefly for the client's Close frame, because browsers
// report an unclean close if the stream ends before they respond.
func (w *streamWriter) finishClose(c *closing) {
	if c.frameWasSent() {
		waitUntil(c.clientDone, earliest(time.Now().Add(replyTimeout), c.deadline()))
	}
	w.socket.callOnClose()
	w.interrupt((*http.ResponseController).SetReadDeadline)
	if !waitUntil(c.done, c.deadline()) {
		w.abort()
	}
}

// abort resets the stream. Blocked reads and writes fail.
func (w *streamWriter) abort() {
	w.interrupt((*http.ResponseController).SetReadDeadline)
	w.interrupt((*http.ResponseController).SetWriteDeadline)
}

// interrupt sets a deadline in the past, unless the handler has returned. It uses the server's own writer, since wrappers need
// not expect calls from other goroutines.
func (w *streamWriter) interrupt(setDeadline func(*http.ResponseController, time.Time) error) {
	w.socket.state.Lock()
	defer w.socket.state.Unlock()
	if !w.socket.ended {
		_ = setDeadline(http.NewResponseController(InnermostWriter(w.ResponseWriter)), time.Unix(1, 0))
	}
}

// InnermostWriter returns the server's own writer, without wrappers.
func InnermostWriter(w http.ResponseWriter) http.ResponseWriter {
	for {
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = outer.Unwrap()
	}
}

// CheckSwitch returns why no handler may open a socket for the request of w, or nil. A writer that wraps w forbids sockets with a
// method of this name: the gate's writer does so for requests that the gate passed as plain HTTP. Handlers that hijack
// [InnermostWriter] must call CheckSwitch first.
func CheckSwitch(w http.ResponseWriter) error {
	for {
		if checker, ok := w.(interface{ CheckSwitch() error }); ok {
			if err := checker.CheckSwitch(); err != nil {
				return err
			}
		}
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return nil
		}
		w = outer.Unwrap()
	}
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
