package tunnel

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// takeOver hijacks the client's connection (HTTP/1.1). It asks the innermost writer: wrappers such as an access log that counts
// bytes end with the handshake. Kept for hours, they would hold the request, its header and both of net/http's buffers. The
// socket's own wrapper is put around the connection again.
func takeOver(w http.ResponseWriter, socket *sockets.Socket) (*connClient, error) {
	conn, buffered, err := http.NewResponseController(sockets.InnermostWriter(w)).Hijack()
	if err != nil {
		return nil, err
	}
	client := &connClient{base: conn}
	if n := buffered.Reader.Buffered(); n > 0 {
		early, _ := buffered.Reader.Peek(n)
		client.early = bytes.Clone(early) // buffered belongs to net/http
		socket.Received(client.early)
	}
	client.Conn = socket.Conn(conn)
	return client, nil
}

// connClient is a client's connection.
type connClient struct {
	sockets.Conn
	base  net.Conn // without the socket's wrapper
	early []byte   // came before the connection was taken over
}

// CloseWrite ends what goes to the client. Behind a TLS close_notify comes the end of the TCP connection's half: a
// browser reports a closed socket no sooner.
func (c *connClient) CloseWrite() error { return closeWrite(c.base) }

// streamClient is a client's stream on HTTP/2 and 3.
type streamClient struct {
	body       io.ReadCloser
	writer     http.ResponseWriter
	controller *http.ResponseController
	innermost  *http.ResponseController
	socket     *sockets.Socket
	once       sync.Once
}

func newStreamClient(w http.ResponseWriter, body io.ReadCloser, socket *sockets.Socket) *streamClient {
	return &streamClient{
		body: body, writer: w, socket: socket, controller: http.NewResponseController(w),
		innermost: http.NewResponseController(sockets.InnermostWriter(w)),
	}
}

func (c *streamClient) Write(p []byte) (int, error) {
	n, err := c.writer.Write(p)
	if err != nil {
		return n, err
	}
	return n, c.controller.Flush()
}

// Close ends reads and writes that are under way. The stream itself ends when the handler returns.
func (c *streamClient) Close() error {
	c.once.Do(func() {
		// A Close frame that is on its way is left in peace: the socket sees to its end itself.
		if _, closing := c.socket.Closed(); !closing {
			// Not through wrappers: they need not expect a deadline from another goroutine than that which writes.
			_ = c.innermost.SetWriteDeadline(pastDeadline)
		}
		_ = c.body.Close()
	})
	return nil
}

var errNoHalfClose = errors.New("the end of a stream's output is the end of its handler")

// CloseWrite cannot be had: it would be the return of the handler, and so the end of the other direction as well.
func (c *streamClient) CloseWrite() error { return errNoHalfClose }

// closeWrite ends one direction of a connection and leaves the other open.
func closeWrite(conn net.Conn) error {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.New("the connection has no halves")
	}
	if err := half.CloseWrite(); err != nil {
		return err
	}
	if layered, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return closeWrite(layered.NetConn())
	}
	return nil
}
