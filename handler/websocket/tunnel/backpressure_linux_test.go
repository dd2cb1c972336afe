package tunnel

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// TestWriteTimeoutSparesSlowReaders has a client that reads all the time, but so slowly that the kernel does not continue the
// write within write_timeout.
func TestWriteTimeoutSparesSlowReaders(t *testing.T) {
	t.Parallel()
	message := frame(0x82, false, bytes.Repeat([]byte("0123456789"), 500_000))
	app := startApp(t, "tcp", func(c *appConn) {
		c.accept()
		_, _ = c.Conn.Write(message)
		_, _ = io.Copy(io.Discard, c.Reader)
	})
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}, WriteTimeout: 40 * testTick}, false)
	client := site.open(t)
	got := make([]byte, 0, len(message))
	piece := make([]byte, 8<<10)
	for slow := 300; len(got) < len(message); slow-- {
		n, err := client.Read(piece)
		if err != nil {
			t.Fatalf("after %d bytes: %v", len(got), err)
		}
		got = append(got, piece[:n]...)
		if slow > 0 {
			time.Sleep(testTick)
		}
	}
	if !bytes.Equal(got, message) {
		t.Error("the message arrived changed")
	}
}

// Ticks of the tests of pings that wait in the kernel.
const (
	kernelPing  = 2
	kernelWrite = 10
	patience    = kernelWrite - 2 // more than a ping and its timeout
)

// TestPingWaitsForBytesInTheKernel has a client that is slower than the application. The write has ended, but its bytes stand
// before the ping in the kernel.
func TestPingWaitsForBytesInTheKernel(t *testing.T) {
	t.Parallel()
	message := frame(0x82, false, make([]byte, 800_000))
	const part = 300_000
	for _, layers := range layerings {
		for _, c := range []struct {
			name, why string
			client    func(*testing.T, *tunnel, *wsClient)
			reason    string // of the end
		}{
			{"reads and answers", "the ping comes after the message", func(t *testing.T, tunnel *tunnel, client *wsClient) {
				client.expect(t, message[part:])
				answerClientPings(client)
				tunnel.inspectFor(t, patience, &tunnel.up, &tunnel.down)
			}, ""},
			{"reads and does not answer", "then the ping has its usual time", func(t *testing.T, tunnel *tunnel, client *wsClient) {
				client.expect(t, message[part:])
				waitFor(t, "the kernel to deliver the ping", func() bool { return sendQueue(tunnel.down.sink) == 0 })
				tunnel.inspectFor(t, 1+kernelPing, &tunnel.up)
			}, "the client did not answer a ping"},
			{"takes nothing more", "write_timeout counts while the ping waits", func(t *testing.T, tunnel *tunnel, _ *wsClient) {
				tunnel.inspectFor(t, kernelWrite, &tunnel.up)
			}, "the client did not read"},
		} {
			t.Run(layers.name+", "+c.name, func(t *testing.T) {
				t.Parallel()
				begin := make(chan struct{})
				app := startApp(t, "tcp", func(c *appConn) {
					c.accept()
					<-begin
					_, _ = c.Conn.Write(message)
					answerPings(c)
				})
				site := layers.start(t, inspectByHand(Config{Upstreams: []*Upstream{app.Upstream}}, kernelPing, kernelWrite))
				client := site.open(t)
				client.limitReadBuffer(t)
				close(begin)
				tunnel := site.onlyTunnel(t)
				waitFor(t, "the write to end", func() bool { return site.registry.List()[0].Out == int64(len(message)) })
				tunnel.inspectFor(t, kernelPing, &tunnel.up)
				waitFor(t, "the ping", tunnel.down.sinkPinger.awaitingPong.Load)
				tunnel.inspectFor(t, patience, &tunnel.up) // the client pauses
				expectOpen(t, tunnel)
				before := sendQueue(tunnel.down.sink)
				client.expect(t, message[:part])
				waitFor(t, "the kernel to take bytes", func() bool { return sendQueue(tunnel.down.sink) < before })
				tunnel.inspectFor(t, patience, &tunnel.up) // and pauses again
				expectOpen(t, tunnel)
				c.client(t, tunnel, client)
				if c.reason == "" {
					expectOpen(t, tunnel)
					return
				}
				waitFor(t, "the end", func() bool { return site.owner.last.Load() != nil })
				if e := site.owner.last.Load(); e.Reason != c.reason {
					t.Errorf("ended with %q, want %q (%s)", e.Reason, c.reason, c.why)
				}
			})
		}
	}
}

// limitReadBuffer has the client's kernel take few bytes that the client has not read.
func (c *wsClient) limitReadBuffer(t *testing.T) {
	t.Helper()
	conn := c.Conn
	if layered, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = layered.NetConn()
	}
	if err := conn.(*net.TCPConn).SetReadBuffer(128 << 10); err != nil {
		t.Fatal(err)
	}
}

// TestPingWaitsForBytesInTheKernelOfTheApplication is the same in the other direction.
func TestPingWaitsForBytesInTheKernelOfTheApplication(t *testing.T) {
	t.Parallel()
	message := frame(0x82, true, make([]byte, 120_000))
	for _, network := range []string{"tcp", "unix"} {
		for _, reads := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, reads %v", network, reads), func(t *testing.T) {
				t.Parallel()
				resume := make(chan struct{})
				app := startApp(t, network, func(c *appConn) {
					c.accept()
					<-resume
					_, _ = io.ReadFull(c.Reader, make([]byte, len(message)))
					answerPings(c)
				})
				site := startSite(t, inspectByHand(Config{Upstreams: []*Upstream{app.Upstream}}, kernelPing, kernelWrite), false)
				client := site.open(t)
				tunnel := site.onlyTunnel(t)
				_, _ = client.Write(message)
				waitFor(t, "the write to end", func() bool {
					return site.registry.List()[0].In == int64(len(message)) && tunnel.up.writeCount.Load()%2 == 0 &&
						sendQueue(tunnel.up.sink) > 0
				})
				answerClientPings(client)
				tunnel.inspectFor(t, kernelPing, &tunnel.down)
				waitFor(t, "the ping", tunnel.up.sinkPinger.awaitingPong.Load)
				tunnel.inspectFor(t, patience, &tunnel.down) // the application pauses
				expectOpen(t, tunnel)
				if reads {
					close(resume)
					tunnel.inspectFor(t, patience, &tunnel.up, &tunnel.down)
					expectOpen(t, tunnel)
					return
				}
				tunnel.inspectFor(t, kernelWrite, &tunnel.down)
				waitFor(t, "the end", func() bool { return site.owner.last.Load() != nil })
				if e := site.owner.last.Load(); e.Code != 1013 || e.Reason != "the application does not read: retry after 10 s" {
					t.Errorf("ended with %d %q, want 1013 since the application does not read", e.Code, e.Reason)
				}
				close(resume)
			})
		}
	}
}
