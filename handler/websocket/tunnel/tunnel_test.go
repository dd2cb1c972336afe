package tunnel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

func TestHalfClose(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "unix"} {
		app := startApp(t, network, func(c *appConn) {
			c.accept()
			all, _ := io.ReadAll(c.Reader) // until the client has sent EOF
			_, _ = c.Conn.Write(fromApp("heard " + string(all[6:])))
		})
		site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}}, false)
		client := site.open(t)
		_, _ = client.Write(text("all"))
		_ = client.Conn.(*net.TCPConn).CloseWrite()
		if got := client.rest(t); !bytes.Equal(got, fromApp("heard all")) {
			t.Errorf("over %s read %q after the half-close, want the application's bytes", network, got)
		}
	}
}

// TestClosingHandshake is the usual end: the application's Close frame and its FIN reach the client.
func TestClosingHandshake(t *testing.T) {
	t.Parallel()
	for _, layers := range layerings {
		answered := make(chan []byte, 1)
		app := startApp(t, "tcp", func(c *appConn) {
			c.accept()
			_, _ = c.Conn.Write(frame(finClose, false, []byte{0x0f, 0xa1}))
			_ = c.Conn.(*net.TCPConn).CloseWrite()
			rest, _ := io.ReadAll(c.Reader)
			answered <- rest
		})
		site := layers.start(t, Config{Upstreams: []*Upstream{app.Upstream}})
		client := site.open(t)
		if got := client.rest(t); closeCode(got) != 4001 || len(got) != 4 {
			t.Errorf("read %x, want the application's close frame and nothing else", got)
		}
		reply := frame(finClose, true, []byte{0x0f, 0xa1})
		_, _ = client.Write(reply)
		client.Close()
		if got := <-answered; !bytes.Equal(got, reply) {
			t.Errorf("the application read %x, want the client's close frame", got)
		}
	}
}

func TestApplicationGone(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, why string
		end       func(*appConn)
		code      int
	}{
		{"quiet end", "a FIN without a close frame", func(c *appConn) {}, 1012},
		{"reset", "the process was killed", func(c *appConn) { c.reset() }, 1012},
		{"between frames", "whole frames before it arrive", func(c *appConn) { _, _ = c.Conn.Write(fromApp("last")) }, 1012},
		{"between fragments", "a close frame may stand there", func(c *appConn) {
			_, _ = c.Conn.Write(frame(0x01, false, []byte("half a ")))
		}, 1012},
		{"inside a frame", "there no frame can be put", func(c *appConn) {
			_, _ = c.Conn.Write(frame(0x82, false, make([]byte, 1000))[:500])
		}, 0},
		{"inside a header", "nor there", func(c *appConn) { _, _ = c.Conn.Write([]byte{0x82}) }, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := startApp(t, "tcp", func(conn *appConn) {
				conn.accept()
				_, _ = conn.Reader.ReadByte()
				c.end(conn)
			})
			site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}}, false)
			client := site.open(t)
			_, _ = client.Write(text("die"))
			got, err := io.ReadAll(client)
			if closeCode(got) != c.code {
				t.Errorf("read %q, %v, want close code %d (%s)", clip(got), err, c.code, c.why)
			}
			waitFor(t, "the tunnel to end", func() bool { return site.tunnels.Len() == 0 })
		})
	}
}

// TestApplicationDropsAfterClientsClose has the application disconnect after the client's Close frame without one of its own,
// as Daphne does. The client must see EOF and no code for a restart.
func TestApplicationDropsAfterClientsClose(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*appConn){
		"FIN": func(*appConn) {}, "reset": (*appConn).reset,
	} {
		app := startApp(t, "tcp", func(c *appConn) {
			c.accept()
			_, _ = io.ReadFull(c.Reader, make([]byte, len(frame(finClose, true, []byte{0x0f, 0xa1}))))
			end(c)
		})
		site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}}, false)
		client := site.open(t)
		_, _ = client.Write(frame(finClose, true, []byte{0x0f, 0xa1}))
		if got, err := io.ReadAll(client); len(got) > 0 || err != nil {
			t.Errorf("%s: read %x, %v, want EOF alone", name, got, err)
		}
		waitFor(t, "the socket to end", func() bool { return site.owner.ended.Load() == 1 })
		if e := site.owner.last.Load(); e.By != "client" || e.Code != 4001 {
			t.Errorf("%s: ended by %s with %d, want client, 4001", name, e.By, e.Code)
		}
	}
}

// TestApplicationRestarts connects again after the application was killed. No state may prevent that.
func TestApplicationRestarts(t *testing.T) {
	t.Parallel()
	app := startApp(t, "tcp", func(c *appConn) { c.accept(); _, _ = c.Reader.ReadByte(); c.reset() })
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}}, false)
	for range 20 {
		client := site.open(t)
		_, _ = client.Write(text("x"))
		_, _ = client.Write(text("and more")) // the reset may meet a write or a read
		if got, err := io.ReadAll(client); closeCode(got) != 1012 {
			t.Fatalf("read %q, %v, want close code 1012", got, err)
		}
		client.Close()
	}
}

func TestClientGone(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		end  func(*wsClient)
	}{
		{"end", func(c *wsClient) { c.Close() }},
		{"reset", func(c *wsClient) { _ = c.Conn.(*net.TCPConn).SetLinger(0); c.Close() }},
		{"inside a frame", func(c *wsClient) { _, _ = c.Write(text("hello")[:4]); c.Close() }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ended := make(chan struct{})
			app := startApp(t, "tcp", func(c *appConn) {
				c.accept()
				_, _ = io.Copy(io.Discard, c.Reader)
				close(ended)
			})
			site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}}, false)
			c.end(site.open(t))
			<-ended
		})
	}
}

// TestLastBytesOfAnApplicationThatDoesNotRead has an application that has closed while the client still sends. The client must
// be able to read the last bytes, although its own bytes cannot be delivered.
func TestLastBytesOfAnApplicationThatDoesNotRead(t *testing.T) {
	t.Parallel()
	app := startApp(t, "tcp", func(c *appConn) {
		c.accept()
		_, _ = c.Reader.ReadByte()
		_, _ = c.Conn.Write(append(fromApp("last words"), frame(finClose, false, []byte{0x03, 0xe8})...))
	})
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}}, false)
	client := site.open(t)
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := client.Write(text("more and more")); err != nil {
					return
				}
			}
		}
	}()
	want := append(fromApp("last words"), frame(finClose, false, []byte{0x03, 0xe8})...)
	client.expect(t, want)
}

// TestResetInEveryState resets an exchange after each of its bytes, from either side.
func TestResetInEveryState(t *testing.T) {
	t.Parallel()
	app := startApp(t, "tcp", echo)
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}}, false)
	stream := plainHandshake + string(text("hello"))
	for cut := 0; cut <= len(stream); cut += 3 {
		conn := site.connect(t)
		_, _ = io.WriteString(conn, stream[:cut])
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
	whole := "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " +
		sockets.AcceptValue(testKey) + "\r\n\r\n" + string(fromApp("hello"))
	cuts := make(chan int, 1)
	cutter := startApp(t, "tcp", func(c *appConn) {
		c.answer(whole[:<-cuts])
		c.reset()
	})
	site = startSite(t, Config{Upstreams: []*Upstream{cutter.Upstream}}, false)
	for cut := 0; cut <= len(whole); cut += 3 {
		cuts <- cut
		status := site.ask(t, plainHandshake).response.StatusCode
		if status != 502 && status != 101 {
			t.Errorf("the application reset after %d bytes: status %d", cut, status)
		}
	}
}

// TestClosedByTheGate has the registry close a socket between two messages. Both sides get a code.
func TestClosedByTheGate(t *testing.T) {
	t.Parallel()
	for _, layers := range layerings {
		heard := make(chan []byte, 2)
		app := startApp(t, "tcp", func(c *appConn) {
			c.accept()
			message := make([]byte, len(text("hello")))
			_, _ = io.ReadFull(c.Reader, message)
			heard <- message
			rest, _ := io.ReadAll(c.Reader)
			heard <- rest
		})
		site := layers.start(t, Config{Upstreams: []*Upstream{app.Upstream}})
		client := site.open(t)
		_, _ = client.Write(text("hello"))
		if got := <-heard; !bytes.Equal(got, text("hello")) {
			t.Errorf("the application read %x, want the message", got)
		}
		closeAll(site)
		if got, err := io.ReadAll(client); closeCode(got) != 4401 || err != nil {
			t.Errorf("the client read %q, %v, want close code 4401", got, err)
		}
		expectGoingAway(t, <-heard, nil)
	}
}

func TestMaxFrame(t *testing.T) {
	t.Parallel()
	app := startApp(t, "tcp", echo)
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}, MaxFrame: 1000}, false)
	client := site.open(t)
	fits := frame(0x82, true, make([]byte, 1000))
	_, _ = client.Write(fits)
	client.expect(t, fits)
	_, _ = client.Write(frame(0x82, true, make([]byte, 1001)))
	if got, _ := io.ReadAll(client); closeCode(got) != 1009 {
		t.Errorf("read %q, want close code 1009", clip(got))
	}

	big := startApp(t, "tcp", func(c *appConn) {
		c.accept(frame(0x82, false, make([]byte, 1001))...)
		_, _ = io.Copy(io.Discard, c.Reader)
	})
	site = startSite(t, Config{Upstreams: []*Upstream{big.Upstream}, MaxFrame: 1000}, false)
	if got, _ := io.ReadAll(site.open(t)); closeCode(got) != 1011 {
		t.Errorf("read %q, want close code 1011", clip(got))
	}
}

func TestDrain(t *testing.T) {
	t.Parallel()
	app := startApp(t, "tcp", echo)
	other := startApp(t, "tcp", echo)
	pool := NewSet(testTick)
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}, Tunnels: pool}, false)
	stays := startSite(t, Config{Upstreams: []*Upstream{other.Upstream}, Tunnels: pool}, false).open(t)
	var clients []*wsClient
	for range 20 {
		clients = append(clients, site.openRegistered(t))
	}
	// A clock that only sleep advances, and how many tunnels were closed at each of its times.
	const over = 10 * time.Second
	now := time.Unix(0, 0)
	pool.now = func() time.Time { return now }
	var closedAtHalf int
	pool.sleep = func(_ context.Context, d time.Duration) bool {
		now = now.Add(d)
		if now.Sub(time.Unix(0, 0)) == over/2 {
			closedAtHalf = countClosing(pool, app.Host)
		}
		return true
	}
	pool.Drain(app.Host, over, "the application is gone")
	for _, client := range clients {
		if got, _ := io.ReadAll(client); closeCode(got) != 1001 || !bytes.HasSuffix(got, []byte("the application is gone")) {
			t.Errorf("read %q, want close code 1001 and the reason", got)
		}
	}
	if closedAtHalf != len(clients)/2 {
		t.Errorf("%d of %d clients were closed in the first half of the time", closedAtHalf, len(clients))
	}
	if took := now.Sub(time.Unix(0, 0)); took != over*19/20 {
		t.Errorf("the last of 20 clients was closed after %s of %s", took, over)
	}
	_, _ = stays.Write(text("still here"))
	stays.expect(t, text("still here"))
}

// countClosing returns how many tunnels to the host are being closed or have ended.
func countClosing(pool *Set, host *Host) int {
	n := 20
	for _, t := range pool.all() {
		if t.host == host && !t.closing.Load() {
			n--
		}
	}
	return n
}

// TestEndedTunnelsLeaveNothing opens and closes many tunnels, and counts goroutines and descriptors.
func TestEndedTunnelsLeaveNothing(t *testing.T) {
	app := startApp(t, "tcp", echo)
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}, Ping: time.Second}, false)
	site.open(t).Close()
	waitFor(t, "the first tunnel to end", func() bool { return site.tunnels.Len() == 0 })
	before := runtime.NumGoroutine()
	for range 5 {
		var clients []*wsClient
		for range 50 {
			client := site.open(t)
			_, _ = client.Write(text("x"))
			clients = append(clients, client)
		}
		for i, client := range clients {
			if i%2 == 0 {
				_ = client.Conn.(*net.TCPConn).SetLinger(0)
			}
			client.Close()
		}
	}
	waitFor(t, "every tunnel to end", func() bool { return site.tunnels.Len() == 0 })
	waitFor(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= before+5 })
	if open := app.Host.Open(); open != 0 {
		t.Errorf("%d tunnels are still counted", open)
	}
}

func TestReadinessSeesTheEnd(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ours, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	theirs, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := rawConn(ours)
	ready := newReadiness(raw)
	for range 100 {
		_, _ = theirs.Write([]byte("x"))
		if err := ready.wait(); err != nil {
			t.Fatal(err)
		}
		if n, err := ours.Read(make([]byte, 10)); n != 1 || err != nil {
			t.Fatalf("Read = %d, %v", n, err)
		}
	}
	theirs.Close()
	if err := ready.wait(); err != nil {
		t.Errorf("wait = %v at the end, want nil: the read says it", err)
	}
	ours.Close()
	if err := ready.wait(); !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.EBADF) {
		t.Errorf("wait = %v on a closed connection", err)
	}
}
