package tunnel

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// withRate gives every socket of a site a rate.
func withRate(limit sockets.Rate, config Config) Config {
	config.Describe = func(r *http.Request) sockets.Info {
		return sockets.Info{Protocol: r.Proto, Rate: &limit, IdleTimeout: longPing}
	}
	return config
}

// startReader starts an application that passes on each message of 11 bytes, and its end.
func startReader(t *testing.T) (app *testApp, messages chan []byte) {
	t.Helper()
	messages = make(chan []byte, 100)
	return startApp(t, "tcp", func(c *appConn) {
		c.accept()
		for {
			message := make([]byte, len(text("hello")))
			if _, err := io.ReadFull(c.Reader, message[:2]); err != nil {
				messages <- nil
				return
			}
			if message[0] == finPing { // of the tunnel
				_, _ = io.ReadFull(c.Reader, message[:4])
				payload := make([]byte, pingPayloadLength)
				_, _ = io.ReadFull(c.Reader, payload)
				for i := range payload {
					payload[i] ^= message[i%4]
				}
				_, _ = c.Conn.Write(frame(finPong, false, payload))
				continue
			}
			_, _ = io.ReadFull(c.Reader, message[2:2+4+int(message[1]&0x7f)])
			messages <- message
		}
	}), messages
}

// A client that sends too fast is slowed, and stays connected: it is neither idle nor does it miss a ping, though its pongs wait
// behind its messages. Messages keep their order.
func TestThrottleSlowsClient(t *testing.T) {
	t.Parallel()
	for _, l := range layerings {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			app, messages := startReader(t)
			var slowed atomic.Int64
			limit := sockets.Rate{Messages: 1, MessagePeriod: 3 * longPing, Exceeded: func() { slowed.Add(1) }}
			site := l.start(t, withRate(limit, Config{Upstreams: []*Upstream{app.Upstream}, Ping: longPing}))
			client := site.open(t)
			words := []string{"first", "other", "third"}
			var sent []byte
			for _, word := range words {
				sent = append(sent, text(word)...)
			}
			if _, err := client.Write(sent); err != nil {
				t.Fatal(err)
			}
			for i, word := range words {
				if got := <-messages; !bytes.Equal(got, text(word)) {
					t.Fatalf("message %d is %q, want %q", i, got, text(word))
				}
				if n := slowed.Load(); n < int64(i) {
					t.Errorf("message %d came, and the client was slowed %d times", i, n)
				}
			}
		})
	}
}

// Bytes that come with the handshake count too.
func TestThrottleCountsEarlyMessages(t *testing.T) {
	t.Parallel()
	app, messages := startReader(t)
	site := startSite(t, withRate(sockets.Rate{Messages: 2, MessagePeriod: time.Hour, Close: true},
		Config{Upstreams: []*Upstream{app.Upstream}}), false)
	client := site.ask(t, plainHandshake+strings.Repeat(string(text("hello")), 3))
	if got := client.rest(t); closeCode(got) != 1008 || !bytes.HasSuffix(got, []byte("too many messages")) {
		t.Errorf("the client read %q, want a Close frame with 1008", got)
	}
	for range 2 {
		if got := <-messages; !bytes.Equal(got, text("hello")) {
			t.Errorf("the application read %q", got)
		}
	}
	if got := <-messages; len(got) > 0 && got[0] != finClose {
		t.Errorf("the application read %q, want the end after two messages", got)
	}
	waitFor(t, "the end of the socket", func() bool { return site.owner.last.Load() != nil })
	if e := site.owner.last.Load(); e.Code != sockets.CodePolicy || e.By != "gate" || e.Reason != "too many messages" {
		t.Errorf("ended %+v", e)
	}
}

// A tunnel whose client is slowed, for an hour, ends at once when either side or the gate ends it.
func TestThrottledTunnelEnds(t *testing.T) {
	t.Parallel()
	for _, l := range layerings {
		for name, end := range map[string]func(*testing.T, *testSite, *testApp, *wsClient){
			"the gate closes": func(t *testing.T, site *testSite, _ *testApp, client *wsClient) {
				site.registry.CloseWhere(func(sockets.Info) bool { return true }, 4401, "")
				if got := client.rest(t); closeCode(got) != 4401 {
					t.Errorf("the client read %q, want 4401", got)
				}
			},
			"the application ends": func(t *testing.T, _ *testSite, app *testApp, client *wsClient) {
				app.closeConns()
				if got := client.rest(t); !bytes.Contains(got, []byte("\x03\xf4the application disconnected")) {
					t.Errorf("the client read %q, want 1012", got)
				}
			},
			"the client ends": func(_ *testing.T, _ *testSite, _ *testApp, client *wsClient) { client.Close() },
		} {
			t.Run(name+", "+l.name, func(t *testing.T) {
				t.Parallel()
				app, messages := startReader(t)
				site := l.start(t, withRate(sockets.Rate{Messages: 1, MessagePeriod: time.Hour},
					Config{Upstreams: []*Upstream{app.Upstream}, Ping: longPing}))
				client := site.open(t)
				if _, err := client.Write(bytes.Repeat(text("hello"), 100)); err != nil {
					t.Fatal(err)
				}
				<-messages
				waitFor(t, "the client to be slowed", func() bool {
					tunnels := site.tunnels.all()
					return len(tunnels) == 1 && tunnels[0].up.throttle.Slowing()
				})
				end(t, site, app, client)
				waitFor(t, "the end of the tunnel", func() bool { return site.tunnels.Len() == 0 })
				if got := <-messages; len(got) > 0 && got[0] != finClose {
					t.Errorf("the application read %q after the first message", got)
				}
			})
		}
	}
}
