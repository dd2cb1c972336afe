package tunnel

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
	"github.com/scan2food/usher/internal/testwait"
)

// TestEndsWhileBothWritesAreBlocked ends tunnels in which writes in both directions are blocked. Closing either connection then waits for the
// other one.
func TestEndsWhileBothWritesAreBlocked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		writeTimeout time.Duration
		end          func(s *testSite, client *wsClient, app *appConn)
	}{
		{"the time of a write is over", 20 * testTick, func(*testSite, *wsClient, *appConn) {}},
		{"the gate closes", time.Minute, func(s *testSite, _ *wsClient, _ *appConn) {
			s.registry.CloseWhere(func(sockets.Info) bool { return true }, 4401, "no more")
		}},
		{"the server stops", time.Minute, func(s *testSite, _ *wsClient, _ *appConn) {
			for _, t := range s.tunnels.all() {
				s.tunnels.Drain(t.host, 0, "")
			}
		}},
		{"the client resets", time.Minute, func(_ *testSite, client *wsClient, _ *appConn) {
			conn := client.Conn
			if layered, ok := conn.(interface{ NetConn() net.Conn }); ok {
				conn = layered.NetConn()
			}
			_ = conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}},
		{"the application resets", time.Minute, func(_ *testSite, _ *wsClient, app *appConn) { app.reset() }},
	} {
		for _, layers := range layerings {
			t.Run(c.name+" "+layers.name, func(t *testing.T) {
				t.Parallel()
				accepted := make(chan *appConn)
				var enough atomic.Bool
				begin := make(chan struct{})
				app := startApp(t, "tcp", func(c *appConn) {
					c.accept()
					go func() {
						<-begin
						keepWriting(c.Conn, frame(0x82, false, make([]byte, 60000)), &enough)
					}()
					accepted <- c
					<-accepted
				})
				defer close(accepted)
				site := layers.start(t, Config{Upstreams: []*Upstream{app.Upstream}, WriteTimeout: c.writeTimeout})
				client := site.open(t)
				conn := <-accepted
				waitFor(t, "the tunnel to stand", func() bool { return site.tunnels.Len() == 1 })
				close(begin)
				go keepWriting(client, frame(0x82, true, make([]byte, 60000)), &enough)
				waitFor(t, "both directions to be held up", func() bool { return writesBlocked(site) })
				enough.Store(true)
				c.end(site, client, conn)
				waitFor(t, "the tunnel to end", func() bool { return site.tunnels.Len() == 0 })
			})
		}
	}
}

// TestDrainWaitsForNoTunnel drains tunnels that cannot end. Each is closed without waiting for the one before.
func TestDrainWaitsForNoTunnel(t *testing.T) {
	t.Parallel()
	const tunnels = 8
	app := startApp(t, "tcp", echo)
	closed, proceed := make(chan struct{}), make(chan struct{})
	site := startSite(t, Config{
		Upstreams: []*Upstream{app.Upstream},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			return &blockingCloser{Conn: conn, closed: closed, proceed: proceed}, err
		},
	}, false)
	for range tunnels {
		site.open(t)
	}
	drained := make(chan struct{})
	go func() {
		site.tunnels.Drain(app.Host, 0, "")
		close(drained)
	}()
	timeout := time.After(testwait.Limit)
	for n := range tunnels {
		select {
		case <-closed:
		case <-timeout:
			t.Fatalf("%d of %d connections to the application were closed; the next waits for them", n, tunnels)
		}
	}
	close(proceed)
	<-drained
}

// blockingCloser is a connection whose Close blocks, as during a write to a client that does not read.
type blockingCloser struct {
	net.Conn
	once            sync.Once
	closed, proceed chan struct{}
}

func (c *blockingCloser) Close() error {
	c.once.Do(func() {
		c.closed <- struct{}{}
		<-c.proceed
	})
	return c.Conn.Close()
}

// keepWriting writes until the connection ends or the limit is reached.
func keepWriting(conn net.Conn, message []byte, enough *atomic.Bool) {
	for err := error(nil); err == nil && !enough.Load(); {
		_, err = conn.Write(message)
	}
}

// writesBlocked reports whether a write in each direction is blocked, or the only tunnel has ended.
func writesBlocked(site *testSite) bool {
	for _, t := range site.tunnels.all() {
		up, down := t.up.writeCount.Load(), t.down.writeCount.Load()
		time.Sleep(5 * testTick)
		if up%2 == 0 || down%2 == 0 || t.up.writeCount.Load() != up || t.down.writeCount.Load() != down {
			return false
		}
	}
	return true
}
