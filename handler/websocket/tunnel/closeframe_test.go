package tunnel

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// startListener starts an application that passes on what it reads. It sends the bytes first.
func startListener(t *testing.T, first ...byte) (app *testApp, heard chan []byte) {
	t.Helper()
	heard = make(chan []byte, 1)
	return startApp(t, "tcp", func(c *appConn) {
		c.accept(first...)
		all, _ := io.ReadAll(c.Reader)
		heard <- all
	}), heard
}

// expectGoingAway checks that the application read these bytes and a masked Close frame with 1001.
func expectGoingAway(t *testing.T, got, before []byte) {
	t.Helper()
	if rest, ok := bytes.CutPrefix(got, before); !ok || len(rest) != 8 || rest[0] != finClose ||
		rest[6]^rest[2] != 0x03 || rest[7]^rest[3] != 0xe9 {
		t.Errorf("the application read %x, want %x and a masked Close frame with 1001", got, before)
	}
}

func closeAll(site *testSite) {
	site.registry.CloseWhere(func(sockets.Info) bool { return true }, 4401, "expired")
}

// TestCloseFrameFollowsTheWriteInProgress has the gate close a socket while a message goes to the application.
func TestCloseFrameFollowsTheWriteInProgress(t *testing.T) {
	t.Parallel()
	app, heard := startListener(t)
	held := newHeldConn()
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}, Dial: held.dial}, false)
	client := site.open(t)
	_, _ = client.Write(text("hello"))
	<-held.writing
	closeAll(site)
	<-held.deadline // the Close frame is next
	close(held.proceed)
	expectGoingAway(t, <-heard, text("hello"))
}

// TestCloseFrameComesBeforeTheEndOfTheClient has a client that answers the gate's Close frame before the gate notifies the tunnel.
func TestCloseFrameComesBeforeTheEndOfTheClient(t *testing.T) {
	t.Parallel()
	app, heard := startListener(t)
	sent, proceed := make(chan struct{}), make(chan struct{})
	site := startSiteBehind(t, Config{Upstreams: []*Upstream{app.Upstream}}, false, func(conn net.Conn) net.Conn {
		return &heldCloser{conn, sent, proceed}
	})
	client := site.open(t)
	closeAll(site)
	<-sent
	client.expect(t, frame(finClose, false, []byte("\x11\x31expired")))
	_, _ = client.Write(frame(finClose, true, []byte{0x11, 0x31}))
	expectGoingAway(t, <-heard, nil)
	close(proceed)
}

// heldCloser is the connection of a client. Its half-close, which follows the gate's Close frame, waits.
type heldCloser struct {
	net.Conn
	sent, proceed chan struct{}
}

func (c *heldCloser) CloseWrite() error {
	close(c.sent)
	<-c.proceed
	return c.Conn.(*net.TCPConn).CloseWrite()
}

// TestCloseFrameWithoutOneForTheClient has an application that stops inside a frame, so that the client gets no Close frame.
func TestCloseFrameWithoutOneForTheClient(t *testing.T) {
	t.Parallel()
	app, heard := startListener(t, 0x82, 10, 1)
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}}, false)
	client := site.open(t)
	client.expect(t, []byte{0x82, 10, 1})
	closeAll(site)
	expectGoingAway(t, <-heard, nil)
}
