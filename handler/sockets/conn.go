package sockets

import (
	"bufio"
	"net"
	"net/http"
	"time"
)

// Conn wraps the client's connection of an HTTP/1.1 socket, after its 101. Half-close is offered only where the
// connection has it. It offers no ReadFrom or WriteTo: every frame must pass by.
func (s *Socket) Conn(c net.Conn) net.Conn {
	wrapped := &conn{Conn: c, socket: s}
	s.open(wrapped.transport())
	if half, ok := c.(closeWriter); ok {
		return &halfConn{conn: *wrapped, half: half}
	}
	return wrapped
}

type closeWriter interface{ CloseWrite() error }

type conn struct {
	net.Conn
	socket *Socket
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.socket.received(p[:n], err)
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	return c.socket.write(c.transport(), p)
}

func (c *conn) transport() transport { return connTransport{c.Conn} }

// NetConn is the connection itself, for whoever waits on it without reading.
func (c *conn) NetConn() net.Conn { return c.Conn }

type halfConn struct {
	conn
	half closeWriter
}

func (c *halfConn) CloseWrite() error { return c.half.CloseWrite() }

// connTransport ends a connection as RFC 6455, 7.1.1 asks: the write side first, so that the Close frame arrives.
type connTransport struct{ net.Conn }

func (t connTransport) flush() {}

func (t connTransport) setWriteDeadline(at time.Time) { _ = t.SetWriteDeadline(at) }

func (t connTransport) closeWrite() {
	if half, ok := t.Conn.(closeWriter); ok {
		_ = half.CloseWrite()
	}
}

func (t connTransport) close() { _ = t.Close() }

// hijack takes the connection from the server. What the client sent early is still in the reader, and is followed here.
func (s *Socket) hijack(w http.ResponseWriter) (net.Conn, *bufio.ReadWriter, error) {
	c, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	wrapped := s.Conn(c)
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	s.received(early, nil)
	buffered.Writer.Reset(wrapped)
	return wrapped, buffered, nil
}
