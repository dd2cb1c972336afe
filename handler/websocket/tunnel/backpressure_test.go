package tunnel

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// answerPings is an application that responds to pings and passes all other frames to a channel.
func answerPings(c *appConn) {
	for {
		if _, err := io.ReadFull(c.Reader, make([]byte, 2)); err != nil {
			return
		}
		if err := answerPing(c); err != nil {
			return
		}
	}
}

// answerPing reads a ping after its first two bytes, and writes the pong.
func answerPing(c *appConn) error {
	var rest [4 + pingPayloadLength]byte
	if _, err := io.ReadFull(c.Reader, rest[:]); err != nil {
		return err
	}
	mask, token := rest[:4], rest[4:]
	for i := range token {
		token[i] ^= mask[i%4]
	}
	_, err := c.Conn.Write(frame(finPong, false, token))
	return err
}

// inspectByHand gives the site a set whose ticks do not come: the test inspects. pings and write are the timeouts in ticks.
func inspectByHand(config Config, pings, write int) Config {
	config.Tunnels = NewSet(time.Hour)
	config.Ping, config.WriteTimeout = time.Duration(pings)*time.Hour, time.Duration(write)*time.Hour
	return config
}

// inspectFor inspects the tunnel for some ticks. It waits for each pong to the pings that toAnswering carry.
func (t *tunnel) inspectFor(test *testing.T, ticks int, toAnswering ...*direction) {
	test.Helper()
	for range ticks {
		for _, d := range toAnswering {
			waitFor(test, "the pong", func() bool {
				return !d.sinkPinger.awaitingPong.Load() && d.writeCount.Load()%2 == 0 || t.closing.Load()
			})
		}
		t.inspect()
	}
}

// inspectUntil inspects a tunnel whose sides answer pings.
func (t *tunnel) inspectUntil(test *testing.T, what string, so func() bool) {
	test.Helper()
	waitFor(test, what, func() bool {
		t.inspectFor(test, 1, &t.up, &t.down)
		return so()
	})
}

// onlyTunnel waits for the tunnel of a site.
func (s *testSite) onlyTunnel(t *testing.T) *tunnel {
	t.Helper()
	waitFor(t, "the tunnel", func() bool { return s.tunnels.Len() == 1 })
	return s.tunnels.all()[0]
}

func expectOpen(test *testing.T, t *tunnel) {
	test.Helper()
	if t.closing.Load() {
		test.Error("the tunnel was closed")
	}
}

// answerClientPings reads pings and writes pongs for a client that gets nothing else. The channel counts the pings.
func answerClientPings(c *wsClient) <-chan struct{} {
	pings := make(chan struct{}, 1000)
	go func() {
		ping := make([]byte, 2+pingPayloadLength)
		for {
			if _, err := io.ReadFull(c, ping); err != nil || ping[0] != finPing {
				return
			}
			if _, err := c.Write(frame(finPong, true, ping[2:])); err != nil {
				return
			}
			pings <- struct{}{}
		}
	}()
	return pings
}

// TestPingSparesPausedClients has a write to the client blocked, so that the application is not read and the ping is not sent. The
// tunnel must stay open, and the client must get the ping after the message.
func TestPingSparesPausedClients(t *testing.T) {
	t.Parallel()
	app := startApp(t, "tcp", func(c *appConn) {
		c.accept(fromApp("hello")...)
		answerPings(c)
	})
	held := newHeldConn()
	site := startSiteBehind(t, inspectByHand(Config{Upstreams: []*Upstream{app.Upstream}}, 2, 1000), false, held.around)
	client := site.open(t)
	<-held.writing
	tunnel := site.onlyTunnel(t)
	tunnel.inspectFor(t, 20, &tunnel.up)
	waitFor(t, "the ping to be due", tunnel.down.sinkPinger.pending.Load)
	close(held.proceed)
	client.expect(t, fromApp("hello"))
	pings := answerClientPings(client)
	tunnel.inspectUntil(t, "the ping", func() bool { return len(pings) > 0 })
	expectOpen(t, tunnel)
}

// TestPingSparesPausedApplications is the same in the other direction.
func TestPingSparesPausedApplications(t *testing.T) {
	t.Parallel()
	heard, pinged := make(chan []byte, 1), make(chan error, 1)
	app := startApp(t, "tcp", func(c *appConn) {
		c.accept()
		message := make([]byte, len(text("hello")))
		_, _ = io.ReadFull(c.Reader, message)
		heard <- message
		_, err := io.ReadFull(c.Reader, make([]byte, 2))
		if err == nil {
			err = answerPing(c)
		}
		pinged <- err
		answerPings(c)
	})
	held := newHeldConn()
	site := startSite(t, inspectByHand(Config{Upstreams: []*Upstream{app.Upstream}, Dial: held.dial}, 2, 1000), false)
	client := site.open(t)
	_, _ = client.Write(text("hello"))
	<-held.writing
	tunnel := site.onlyTunnel(t)
	answerClientPings(client)
	tunnel.inspectFor(t, 20, &tunnel.down)
	waitFor(t, "the ping to be due", tunnel.up.sinkPinger.pending.Load)
	close(held.proceed)
	if got := <-heard; !bytes.Equal(got, text("hello")) {
		t.Fatalf("the application read %x, want the message", got)
	}
	tunnel.inspectUntil(t, "the ping", func() bool { return len(pinged) > 0 })
	if err := <-pinged; err != nil {
		t.Fatalf("the ping did not come: %v", err)
	}
	expectOpen(t, tunnel)
}

// TestIdleTimeoutWithPing has both sides respond to pings and send nothing else, which is no activity.
func TestIdleTimeoutWithPing(t *testing.T) {
	t.Parallel()
	app := startApp(t, "tcp", func(c *appConn) {
		c.accept()
		answerPings(c)
	})
	site := startSite(t, Config{
		Upstreams: []*Upstream{app.Upstream}, Ping: longPing,
		Describe: func(r *http.Request) sockets.Info { return sockets.Info{Protocol: r.Proto, IdleTimeout: time.Second} },
	}, false)
	client := site.open(t)
	for {
		got := make([]byte, 2+pingPayloadLength)
		n, err := io.ReadFull(client, got)
		if got[0] == finClose {
			rest, _ := io.ReadAll(client)
			if code := closeCode(append(got[:n], rest...)); code != 1001 {
				t.Errorf("close code %d, want 1001", code)
			}
			return
		}
		if err != nil || got[0] != finPing {
			t.Fatalf("read %x, %v, want a ping or a Close frame", got, err)
		}
		_, _ = client.Write(frame(finPong, true, got[2:]))
	}
}
