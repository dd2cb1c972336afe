package tunnel

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
	"github.com/scan2food/usher/internal/patience"
)

// TestNobodyReads ends tunnels in which both directions are held up in a write, and so both connections inside the wait for what
// comes next: to close either is to wait for the other.
func TestNobodyReads(t *testing.T) {
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
			s.pool.Drain(s.pool.all()[0].host, 0)
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
				app := startApp(t, "tcp", func(c *appConn) {
					c.accept()
					go keepWriting(c.Conn, frame(0x82, false, make([]byte, 60000)), &enough)
					accepted <- c
					<-accepted
				})
				defer close(accepted)
				site := layers.start(t, Config{Upstreams: []*Upstream{app.Upstream}, WriteTimeout: c.writeTimeout})
				client := site.open(t)
				go keepWriting(client, frame(0x82, true, make([]byte, 60000)), &enough)
				conn := <-accepted
				waitFor(t, "both directions to be held up", func() bool { return heldUp(site) })
				enough.Store(true)
				c.end(site, client, conn)
				waitFor(t, "the tunnel to end", func() bool { return site.pool.Len() == 0 })
			})
		}
	}
}

// TestDrainWhenNobodyReads has several such tunnels: each is told without waiting for the end of the one before.
func TestDrainWhenNobodyReads(t *testing.T) {
	t.Parallel()
	const tunnels = 8
	var full sync.WaitGroup
	full.Add(tunnels)
	app := startApp(t, "tcp", func(c *appConn) {
		c.accept()
		fill(c.Conn, frame(0x82, false, make([]byte, 60000)))
		full.Done()
		_, _ = io.Copy(io.Discard, c.Reader)
	})
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}, WriteTimeout: time.Minute}, true)
	for range tunnels {
		site.open(t)
	}
	full.Wait()
	stopwatch := patience.Stopwatch(t)
	site.pool.Drain(app.Host, 0)
	if took := stopwatch(); took > tunnels/2*time.Second {
		t.Errorf("draining %d tunnels at once took %s", tunnels, took)
	}
}

// keepWriting writes until the connection ends, or it is enough.
func keepWriting(conn net.Conn, message []byte, enough *atomic.Bool) {
	for err := error(nil); err == nil && !enough.Load(); {
		_, err = conn.Write(message)
	}
}

// heldUp reports whether a write each way does not go on, or the only tunnel has ended over that.
func heldUp(site *testSite) bool {
	for _, t := range site.pool.all() {
		up, down := t.up.went.Load(), t.down.went.Load()
		time.Sleep(5 * testTick)
		if up%2 == 0 || down%2 == 0 || t.up.went.Load() != up || t.down.went.Load() != down {
			return false
		}
	}
	return true
}

// fill writes until nothing more is taken.
func fill(conn net.Conn, message []byte) {
	for err := error(nil); err == nil; {
		_ = conn.SetWriteDeadline(time.Now().Add(20 * testTick))
		_, err = conn.Write(message)
	}
}
