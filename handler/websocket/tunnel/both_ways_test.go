package tunnel

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
)

// TestBothWaysAtOnce sends in both directions at the same time, in pieces that ignore frame boundaries, and compares every
// byte.
func TestBothWaysAtOnce(t *testing.T) {
	t.Parallel()
	const length = 1 << 20
	for _, c := range []struct {
		network string
		layers  layering
	}{{"tcp", layerings[0]}, {"unix", layerings[0]}, {"unix", layerings[1]}, {"unix", layerings[2]}} {
		app := startApp(t, c.network, func(conn *appConn) {
			conn.accept()
			talk(t, conn.Conn, conn.Reader, false, length)
		})
		site := c.layers.start(t, Config{Upstreams: []*Upstream{app.Upstream}, MaxFrame: 1000})
		client := site.open(t)
		talk(t, client, client, true, length)
		client.Close()
	}
}

// talk sends frames of a total length, and reads what the other side sends in the same way.
func talk(t *testing.T, out io.Writer, in io.Reader, client bool, length int) {
	stream := func(masked bool) []byte {
		var all []byte
		for i := 0; len(all) < length; i++ {
			all = append(all, frame(0x82, masked, bytes.Repeat([]byte{byte(i)}, i%1000))...)
		}
		return all
	}
	sent := make(chan error, 1)
	go func() {
		var err error
		for rest := stream(client); len(rest) > 0 && err == nil; {
			var n int
			n, err = out.Write(rest[:min(len(rest), 1+rand.IntN(1500))])
			rest = rest[n:]
		}
		sent <- err
	}()
	want := stream(!client)
	got := make([]byte, len(want))
	if n, err := io.ReadFull(in, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("client: %v: read %d bytes, %v, want %d", client, n, err, len(want))
	}
	if err := <-sent; err != nil {
		t.Errorf("client: %v: write: %v", client, err)
	}
}
