package sockets

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// Conn wraps the hijacked connection of an HTTP/1.1 socket. Frames start with the first byte if 101 was written through
// [Socket.ResponseWriter], otherwise after the response head that is written to the connection. CloseWrite exists only if the
// connection has it. ReadFrom and WriteTo do not exist, because every frame must be followed.
func (s *Socket) Conn(c net.Conn) Conn {
	s.head.active = s.Status() == 0
	if half, ok := c.(closeWriter); ok {
		wrapped := &halfConn{conn{c, s}, half}
		s.attach(&wrapped.conn)
		return wrapped
	}
	wrapped := &conn{c, s}
	s.attach(wrapped)
	return wrapped
}

// Conn is the connection of a socket.
type Conn interface {
	net.Conn
	// TryRead is Read for callers that hold the connection's descriptor and must not block. It reads from instead of the
	// connection, and returns [os.ErrDeadlineExceeded] if from has no bytes. While the gate closes the socket, TryRead returns
	// [ErrClosing], and only Read works.
	TryRead(from io.Reader, p []byte) (int, error)
}

// ErrClosing is returned while the gate closes the socket.
var ErrClosing = errors.New("socket is being closed")

type closeWriter interface{ CloseWrite() error }

// conn follows the frames of a connection. It is the link of an HTTP/1.1 socket.
type conn struct {
	net.Conn
	socket *Socket
}

func (c *conn) Read(p []byte) (int, error)  { return c.socket.read(c.Conn, p) }
func (c *conn) Write(p []byte) (int, error) { return c.socket.write(c, p) }

func (c *conn) TryRead(from io.Reader, p []byte) (int, error) { return c.socket.tryRead(from, p) }

// Close closes the connection. If the gate is closing the socket, Close waits until that is done, at most a second.
func (c *conn) Close() error {
	c.socket.throttle.stop()
	if closing := c.socket.closing.Load(); closing != nil {
		waitUntil(closing.done, closing.deadline().Add(abortDelay))
	}
	return c.Conn.Close()
}

// NetConn returns the connection itself. Callers wait on it but must not read it.
func (c *conn) NetConn() net.Conn { return c.Conn }

type halfConn struct {
	conn
	half closeWriter
}

// CloseWrite closes the write side. It does nothing after the gate's Close, which closes the write side itself.
func (c *halfConn) CloseWrite() error {
	if closing := c.socket.closing.Load(); closing != nil && closing.hasResult() {
		return nil
	}
	return c.half.CloseWrite()
}

func (c *conn) writeRaw(p []byte) (int, error) { return c.Conn.Write(p) }

func (c *conn) writeAndFlush(p []byte) error {
	_, err := c.Conn.Write(p)
	return err
}

// abortDelay is how long after its deadline a connection is reset.
const abortDelay = 50 * time.Millisecond

// finishClose closes the connection as in RFC 6455, 7.1.1: it closes the write side first, so that the Close frame arrives.
// Browsers report the close when the TCP connection ends, not when they receive the Close frame.
func (c *conn) finishClose(closing *closing) {
	s, deadline := c.socket, closing.deadline()
	abort := time.AfterFunc(time.Until(deadline)+abortDelay, c.abort) // Close of TLS waits up to 5 s for a client that does not read
	defer abort.Stop()
	if closing.frameWasSent() {
		closeWriteAll(c.Conn)
		s.callOnClose()
		_ = c.SetReadDeadline(deadline)
		s.discardInput(closing, c.Conn, nil, nil)
		waitUntil(closing.clientDone, deadline)
	} else {
		s.callOnClose()
	}
	_ = c.Conn.Close()
}

// closeWriteAll closes the write side of every layer: TLS sends close_notify, then TCP sends FIN.
func closeWriteAll(c net.Conn) {
	for {
		half, ok := c.(closeWriter)
		if !ok || half.CloseWrite() != nil {
			return
		}
		layered, ok := c.(netConnGetter)
		if !ok {
			return
		}
		c = layered.NetConn()
	}
}

type netConnGetter interface{ NetConn() net.Conn }

// abort resets the connection without a close_notify of TLS.
func (c *conn) abort() {
	inner := c.Conn
	for {
		layered, ok := inner.(netConnGetter)
		if !ok {
			break
		}
		inner = layered.NetConn()
	}
	if lingerer, ok := inner.(interface{ SetLinger(int) error }); ok {
		_ = lingerer.SetLinger(0)
	}
	_ = inner.Close()
}

// upgradeWriter writes the response to an Upgrade.
type upgradeWriter struct {
	http.ResponseWriter
	socket *Socket
}

func (w *upgradeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *upgradeWriter) WriteHeader(status int) {
	w.socket.recordStatus(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *upgradeWriter) Write(p []byte) (int, error) {
	w.socket.recordStatus(http.StatusOK)
	return w.ResponseWriter.Write(p)
}

// Hijack takes over the connection. Bytes that the client sent before stay in the reader, and their frames are followed here.
func (w *upgradeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	wrapped := w.socket.Conn(c)
	buffered.Writer.Reset(wrapped)
	if n := buffered.Reader.Buffered(); n > 0 {
		early, _ := buffered.Reader.Peek(n)
		w.socket.Received(early)
		early = bytes.Clone(early)
		if t := w.socket.throttle; t != nil {
			t.reads.waiting = early
			buffered.Reader.Reset(wrapped)
			return wrapped, buffered, nil
		}
		buffered.Reader.Reset(io.MultiReader(bytes.NewReader(early), wrapped))
		_, _ = buffered.Reader.Peek(n)
	} else {
		buffered.Reader.Reset(wrapped) // reads through the reader are followed too
	}
	return wrapped, buffered, nil
}

// Received counts and follows bytes of the client that were read before [Socket.Conn] wrapped its connection.
func (s *Socket) Received(p []byte) {
	s.reading.Lock()
	defer s.reading.Unlock()
	s.followReceived(p)
}
