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

// TestPingSparesPausedClients has a client that does not read while the application sends more than the connections hold. The
// application is then not read either, and the client sends no pong. The tunnel must stay open.
func TestPingSparesPausedClients(t *testing.T) {
	t.Parallel()
	message := frame(0x82, false, bytes.Repeat([]byte("0123456789"), 6000))
	const messages = 300 // 18 MB
	app := startApp(t, "tcp", func(c *appConn) {
		c.accept()
		for range messages {
			if _, err := c.Conn.Write(message); err != nil {
				return
			}
		}
		_, _ = io.Copy(io.Discard, c.Reader)
	})
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}, Ping: 60 * testTick, WriteTimeout: time.Minute}, false)
	client := site.open(t)
	time.Sleep(150 * testTick)
	pings := 0
	for range messages {
		got := make([]byte, 2)
		for {
			if _, err := io.ReadFull(client, got); err != nil {
				t.Fatalf("the socket ended: %v", err)
			}
			if got[0] != finPing {
				break
			}
			pings++
			token := make([]byte, pingPayloadLength)
			if _, err := io.ReadFull(client, token); err != nil {
				t.Fatalf("the ping did not come: %v", err)
			}
			if _, err := client.Write(frame(finPong, true, token)); err != nil {
				t.Fatalf("the socket ended: %v", err)
			}
		}
		rest := make([]byte, len(message)-2)
		if _, err := io.ReadFull(client, rest); err != nil || !bytes.Equal(rest, message[2:]) {
			t.Fatalf("the message did not come: %v", err)
		}
	}
	t.Logf("%d pings came among the messages", pings)
}

// TestPingSparesPausedApplications is the same in the other direction.
func TestPingSparesPausedApplications(t *testing.T) {
	t.Parallel()
	message := frame(0x82, true, bytes.Repeat([]byte("0123456789"), 6000))
	const messages = 300
	came := make(chan error, 1)
	app := startApp(t, "tcp", func(c *appConn) {
		c.accept()
		time.Sleep(150 * testTick)
		for range messages {
			head := make([]byte, 2)
			for {
				if _, err := io.ReadFull(c.Reader, head); err != nil {
					came <- err
					return
				}
				if head[0] != finPing {
					break
				}
				if err := answerPing(c); err != nil {
					came <- err
					return
				}
			}
			if _, err := io.ReadFull(c.Reader, make([]byte, len(message)-2)); err != nil {
				came <- err
				return
			}
		}
		came <- nil
	})
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}, Ping: 60 * testTick, WriteTimeout: time.Minute}, false)
	client := site.open(t)
	for range messages {
		if _, err := client.Write(message); err != nil {
			t.Fatalf("the socket ended: %v", err)
		}
	}
	if err := <-came; err != nil {
		t.Errorf("the application could not read all: %v", err)
	}
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
