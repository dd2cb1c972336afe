package tunnel

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/scan2food/usher/internal/testwait"
)

func TestStrip(t *testing.T) {
	t.Parallel()
	p := newPinger(false)
	answer := frame(finPong, true, p.payload[:])
	masked := append([]byte{finPong, 0x88, 1, 2, 3, 4}, p.payload[:]...)
	for i := range p.payload {
		masked[6+i] ^= byte(1 + i%4)
	}
	other := frame(finPong, true, []byte("8 bytes!"))
	data := text("hello")
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	cases := []struct {
		name, why string
		in, out   []byte
	}{
		{"ours", "the pong of the tunnel's own ping", answer, nil},
		{"ours, masked", "", masked, nil},
		{"somebody else's", "the pong of the application's ping", other, other},
		{"unsolicited", "allowed, and none of our business", frame(finPong, true, nil), frame(finPong, true, nil)},
		{"between frames", "", join(data, answer, data), join(data, data)},
		{"many", "", join(answer, data, answer, answer, other, masked, data), join(data, other, data)},
		{"inside a payload", "a payload is not looked at", frame(0x82, true, answer), frame(0x82, true, answer)},
		{"between fragments", "", join(frame(1, true, []byte("a")), answer, frame(0x80, true, []byte("b"))),
			join(frame(1, true, []byte("a")), frame(0x80, true, []byte("b")))},
		{"a ping with our payload", "", frame(finPing, true, p.payload[:]), frame(finPing, true, p.payload[:])},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for step := 1; step <= len(c.in); step++ {
				if got := removePongsBy(t, p.payload, c.in, step); !bytes.Equal(got, c.out) {
					t.Fatalf("in pieces of %d: %x, want %x (%s)", step, got, c.out, c.why)
				}
			}
		})
	}
}

// removePongsBy removes the pongs of a stream that comes in pieces.
func removePongsBy(t *testing.T, token [pingPayloadLength]byte, in []byte, step int) []byte {
	t.Helper()
	p := newPinger(false)
	p.payload = token
	var out []byte
	for rest := bytes.Clone(in); len(rest) > 0; {
		n := min(step, len(rest))
		before, on, err := p.removePongs(rest[:n])
		if err != nil {
			t.Fatalf("strip: %v", err)
		}
		out = append(append(out, before...), on...)
		rest = rest[n:]
	}
	return append(out, p.partial[:p.partialLength]...)
}

// FuzzRemovePongs inserts matching pongs into any stream of frames, in any pieces. The result must be the stream without them.
func FuzzRemovePongs(f *testing.F) {
	f.Add([]byte("hello"), uint8(1), uint8(3))
	f.Add([]byte{}, uint8(200), uint8(1))
	f.Fuzz(func(t *testing.T, payload []byte, where, step uint8) {
		var token [pingPayloadLength]byte
		copy(token[:], "usher!!!")
		first, second := frame(0x82, where%2 == 0, payload), frame(finPong, true, payload[:min(len(payload), 125)])
		answer := frame(finPong, where%3 == 0, token[:])
		if bytes.Equal(payload, token[:]) {
			return // the frame would be a matching pong
		}
		var in []byte
		for i, part := range [][]byte{first, second, first} {
			if where>>i&1 == 1 {
				in = append(in, answer...)
			}
			in = append(in, part...)
		}
		want := bytes.Join([][]byte{first, second, first}, nil)
		if got := removePongsBy(t, token, in, int(step)+1); !bytes.Equal(got, want) {
			t.Fatalf("strip(%x) by %d = %x, want %x", in, int(step)+1, got, want)
		}
	})
}

// longPing gives a live side enough time to send a pong on a busy machine.
const longPing = 50 * testTick

// TestPing has both sides silent. Both get pings, and the tunnel stays open while they send pongs.
func TestPing(t *testing.T) {
	t.Parallel()
	pings := make(chan []byte, 100)
	app := startApp(t, "tcp", func(c *appConn) {
		c.accept()
		for {
			got := make([]byte, 6+pingPayloadLength)
			if _, err := io.ReadFull(c.Reader, got); err != nil {
				return
			}
			pings <- got
			for i := range pingPayloadLength {
				got[6+i] ^= got[2+i%4]
			}
			_, _ = c.Conn.Write(frame(finPong, false, got[6:]))
		}
	})
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}, Ping: longPing}, false)
	client := site.open(t)
	for range 3 {
		got := make([]byte, 2+pingPayloadLength)
		if _, err := io.ReadFull(client, got); err != nil || got[0] != finPing || got[1] != pingPayloadLength {
			t.Fatalf("the client read %x, %v, want a ping", got, err)
		}
		_, _ = client.Write(frame(finPong, true, got[2:]))
		if got := <-pings; got[0] != finPing || got[1] != 0x80|pingPayloadLength {
			t.Fatalf("the application read %x, want a masked ping and nothing else", got)
		}
	}
}

func TestHalfOpen(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	defer close(hold)
	ended := make(chan struct{}, 1)
	app := startApp(t, "tcp", func(c *appConn) { // sends pongs, unlike TestHalfOpen's client
		c.accept()
		for {
			got := make([]byte, 6+pingPayloadLength)
			if _, err := io.ReadFull(c.Reader, got); err != nil {
				ended <- struct{}{}
				return
			}
			for i := range pingPayloadLength {
				got[6+i] ^= got[2+i%4]
			}
			_, _ = c.Conn.Write(frame(finPong, false, got[6:]))
		}
	})
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}, Ping: longPing}, false)
	site.open(t)
	select {
	case <-ended:
	case <-time.After(testwait.Limit):
		t.Error("a client that answers nothing keeps its socket")
	}
	waitFor(t, "the end of the socket", func() bool { return site.owner.last.Load() != nil })
	if e := site.owner.last.Load(); e.By != "transport" || e.Reason != "the client did not answer a ping" {
		t.Errorf("ended %+v", e)
	}

	mute := startApp(t, "tcp", func(c *appConn) { c.accept(); <-hold })
	site = startSite(t, Config{Upstreams: []*Upstream{mute.Upstream}, Ping: longPing}, false)
	client := site.open(t)
	go func() { // a live client
		for {
			select {
			case <-hold:
				return
			case <-time.After(testTick):
				if _, err := client.Write(text("x")); err != nil {
					return
				}
			}
		}
	}()
	if got, _ := io.ReadAll(client); closeCode(got) != 1013 {
		t.Errorf("read %q, want close code 1013", clip(got))
	}
}

// TestPingAtBoundary has the application stop inside a frame. The client's ping waits for the end of the frame.
func TestPingAtBoundary(t *testing.T) {
	t.Parallel()
	proceed := make(chan struct{})
	message := frame(0x82, false, bytes.Repeat([]byte("z"), 5000))
	app := startApp(t, "tcp", func(c *appConn) {
		c.accept(message[:100]...)
		<-proceed
		_, _ = c.Conn.Write(append(message[100:], fromApp("next")...))
		_, _ = io.Copy(io.Discard, c.Reader)
	})
	pool := NewSet(testTick)
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}, Tunnels: pool, Ping: longPing}, false)
	client := site.open(t)
	client.expect(t, message[:100])
	waitFor(t, "a ping to be due", func() bool {
		pool.mutex.Lock()
		defer pool.mutex.Unlock()
		return len(pool.tunnels) == 1 && pool.tunnels[0].down.sinkPinger.pending.Load()
	})
	close(proceed)
	client.expect(t, message[100:])
	ping := make([]byte, 2+pingPayloadLength)
	if _, err := io.ReadFull(client, ping); err != nil || ping[0] != finPing {
		t.Fatalf("read %x, %v behind the frame, want the ping", ping, err)
	}
	client.expect(t, fromApp("next"))
}
