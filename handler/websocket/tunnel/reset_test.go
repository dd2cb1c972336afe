package tunnel

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
	"github.com/scan2food/usher/internal/testwait"
)

// TestResetInEveryStateOfATunnel resets open tunnels from either side in each of their states. The other side must see the end,
// and nothing may remain (see startSite).
func TestResetInEveryStateOfATunnel(t *testing.T) {
	t.Parallel()
	long := frame(0x82, true, make([]byte, 60000))
	states := []struct {
		name string
		app  func(*appConn)                               // after its 101
		put  func(t *testing.T, c *wsClient, s *testSite) // brings the tunnel into the state
	}{
		{"idle", func(*appConn) {}, func(*testing.T, *wsClient, *testSite) {}},
		{"inside a frame of the client's", func(*appConn) {},
			func(_ *testing.T, c *wsClient, _ *testSite) { _, _ = c.Write(long[:1000]) }},
		{"inside a frame of the application's", func(c *appConn) { _, _ = c.Conn.Write(frame(0x82, false, make([]byte, 5000))[:100]) },
			func(t *testing.T, c *wsClient, _ *testSite) {
				c.expect(t, frame(0x82, false, make([]byte, 5000))[:100])
			}},
		{"half closed by the client", func(*appConn) {},
			func(_ *testing.T, c *wsClient, _ *testSite) { _ = c.Conn.(*net.TCPConn).CloseWrite() }},
		{"half closed by the application", func(c *appConn) {
			_, _ = c.Conn.Write(frame(finClose, false, []byte{0x03, 0xe8}))
			_ = c.Conn.(*net.TCPConn).CloseWrite()
		}, func(t *testing.T, c *wsClient, _ *testSite) { c.expect(t, frame(finClose, false, []byte{0x03, 0xe8})) }},
		{"the client does not read", func(c *appConn) {
			_ = c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
			for err := error(nil); err == nil; {
				_, err = c.Conn.Write(long)
			}
		}, func(*testing.T, *wsClient, *testSite) {}},
		{"the application does not read", func(*appConn) {}, func(_ *testing.T, c *wsClient, _ *testSite) {
			_ = c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
			for err := error(nil); err == nil; {
				_, err = c.Write(long)
			}
		}},
		{"pinged", func(*appConn) {}, func(t *testing.T, c *wsClient, _ *testSite) {
			if _, err := io.ReadFull(c, make([]byte, 2+pingPayloadLength)); err != nil {
				t.Error(err)
			}
		}},
		{"being closed here", func(*appConn) {}, func(_ *testing.T, _ *wsClient, s *testSite) {
			s.registry.CloseWhere(func(sockets.Info) bool { return true }, 4401, "no more")
		}},
	}
	for _, state := range states {
		for _, by := range []string{"client", "application"} {
			t.Run(state.name+", by the "+by, func(t *testing.T) {
				t.Parallel()
				ready, reset, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
				app := startApp(t, "tcp", func(c *appConn) {
					defer close(ended)
					c.accept()
					state.app(c)
					close(ready)
					if by == "application" {
						<-reset
						c.reset()
						return
					}
					<-reset
					_, _ = io.Copy(io.Discard, c.Reader) // until EOF: the application must see it
				})
				site := startSite(t, Config{
					Upstreams: []*Upstream{app.Upstream}, Ping: 20 * testTick, WriteTimeout: 100 * testTick,
				}, false)
				client := site.open(t)
				state.put(t, client, site)
				<-ready
				close(reset)
				if by == "client" {
					_ = client.Conn.(*net.TCPConn).SetLinger(0)
					client.Close()
				} else {
					_ = client.SetReadDeadline(time.Now().Add(testwait.Limit))
					got, err := io.ReadAll(client)
					if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
						t.Errorf("read %q, and the client learns of nothing", clip(got))
					}
					if bytes.Contains(got, []byte("HTTP/1.1")) {
						t.Errorf("an HTTP response inside a socket: %q", clip(got))
					}
				}
				<-ended
				waitFor(t, "the tunnel to end", func() bool { return site.tunnels.Len() == 0 })
			})
		}
	}
}
