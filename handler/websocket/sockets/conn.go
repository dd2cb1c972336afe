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

// Conn wraps the hijacked connection of an HTTP/1.1 socket. The frames begin with its first byte if 101 has been written
// through [Socket.ResponseWriter], else behind the head of the response that is written to it. Half-close is offered only
// where the connection has it. ReadFrom and WriteTo are not: every frame must pass by.
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
	// connection, and returns [os.ErrDeadlineExceeded] if from has nothing. It fails with [ErrClosing] while the gate closes
	// the socket: then only Read works.
	TryRead(from io.Reader, p []byte) (int, error)
}

// ErrClosing is returned while the gate closes the socket.
var ErrClosing = errors.New("socket is being closed")

type closeWriter interface{ CloseWrite() error }

// conn is a connection with its frames followed, and the socket's link.
type conn struct {
	net.Conn
	socket *Socket
}

func (c *conn) Read(p []byte) (int, error)  { return c.socket.read(c.Conn, p) }
func (c *conn) Write(p []byte) (int, error) { return c.socket.write(c, p) }

func (c *conn) TryRead(from io.Reader, p []byte) (int, error) { return c.socket.tryRead(from, p) }

// Close ends the connection. While the gate is closing it, that comes first, within a second.
func (c *conn) Close() error {
	if closing := c.socket.closing.Load(); closing != nil {
		waitUntil(closing.done, closing.deadline().Add(abortDelay))
	}
	return c.Conn.Close()
}

// NetConn is the connection itself, for whoever waits on it without reading.
func (c *conn) NetConn() net.Conn { return c.Conn }

type halfConn struct {
	conn
	half closeWriter
}

// CloseWrite ends what goes to the client, which a Close by the gate does itself.
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

// abortDelay is how long after its time a connection may take to end by itself.
const abortDelay = 50 * time.Millisecond

// finishClose closes the connection as RFC 6455, 7.1.1 asks: the write side first, so that the Close frame arrives. A browser
// tells of it when it sees that end, not when it sees the frame.
func (c *conn) finishClose(closing *closing) {
	s, deadline := c.socket, closing.deadline()
	abort := time.AfterFunc(time.Until(deadline)+abortDelay, c.abort) // TLS takes 5 s to tell a client that does not read
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

// closeWriteAll ends what goes to the client on every layer: below a TLS close_notify, the TCP connection's half.
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

// abort resets the connection, past any layer that would still want to say something.
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

// upgradeWriter answers an Upgrade.
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

// Hijack takes the connection over. What the client sent early stays in the reader, and is followed here.
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
		buffered.Reader.Reset(io.MultiReader(bytes.NewReader(bytes.Clone(early)), wrapped))
		_, _ = buffered.Reader.Peek(n)
	} else {
		buffered.Reader.Reset(wrapped) // what is read through it passes by here as well
	}
	return wrapped, buffered, nil
}

// Received counts and follows bytes of the client that were read before [Socket.Conn] wrapped its connection.
func (s *Socket) Received(p []byte) {
	s.reading.Lock()
	defer s.reading.Unlock()
	s.followReceived(p)
}
