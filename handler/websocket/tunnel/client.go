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

// takeOver hijacks the client's connection (HTTP/1.1). It hijacks through the innermost writer, so that the wrappers of access
// logs end with the handshake. They would otherwise hold the request, its header and both buffers of net/http for hours. The
// socket's wrapper is put around the connection again.
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

// connClient is the connection of a client.
type connClient struct {
	sockets.Conn
	base  net.Conn // without the socket's wrapper
	early []byte   // bytes that came before the hijack
}

// CloseWrite sends the close_notify of TLS, then FIN. Browsers report a closed socket only after FIN.
func (c *connClient) CloseWrite() error { return closeWrite(c.base) }

// streamClient is the stream of a client on HTTP/2 or 3.
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

// Close interrupts reads and writes. The stream itself ends when the handler returns.
func (c *streamClient) Close() error {
	c.once.Do(func() {
		// While a Close frame is being sent, the socket ends the stream itself.
		if _, closing := c.socket.Closed(); !closing {
			// Wrappers need not expect a deadline from another goroutine, so this uses the innermost writer.
			_ = c.innermost.SetWriteDeadline(pastDeadline)
		}
		_ = c.body.Close()
	})
	return nil
}

var errNoHalfClose = errors.New("streams have no half-close")

// CloseWrite always fails: only the return of the handler ends the stream, and it ends both directions.
func (c *streamClient) CloseWrite() error { return errNoHalfClose }

// closeWrite closes the write side of a connection.
func closeWrite(conn net.Conn) error {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.New("connection has no half-close")
	}
	if err := half.CloseWrite(); err != nil {
		return err
	}
	if layered, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return closeWrite(layered.NetConn())
	}
	return nil
}
