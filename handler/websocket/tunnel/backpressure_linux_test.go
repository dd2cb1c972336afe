package tunnel

import (
	"bytes"
	"io"
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
