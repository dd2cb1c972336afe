package tunnel

import (
	"bytes"
	"io"
	"runtime"
	"testing"
	"time"
)

// TestSlowClient has a client that does not read. Memory must not grow, and the tunnel is closed after write_timeout. It is not
// parallel because it measures the memory of the process.
func TestSlowClient(t *testing.T) {
	ended := make(chan int, 1)
	app := startApp(t, "tcp", func(c *appConn) {
		c.accept()
		message := frame(0x82, false, make([]byte, 60000))
		for n := 0; ; n++ {
			if _, err := c.Conn.Write(message); err != nil {
				ended <- n
				return
			}
		}
	})
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}, WriteTimeout: 20 * testTick}, false)
	client := site.open(t)
	_ = client
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	before := stats.HeapInuse
	if n := <-ended; n > 1000 {
		t.Errorf("the application could send %d MB to a client that does not read", n*60000>>20)
	}
	runtime.ReadMemStats(&stats)
	if grown := int64(stats.HeapInuse) - int64(before); grown > 32<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	waitFor(t, "the end of the socket", func() bool { return site.owner.last.Load() != nil })
	if e := site.owner.last.Load(); e.By != "transport" || e.Reason != "the client did not read" {
		t.Errorf("ended %+v", e)
	}
	waitFor(t, "the tunnel to end", func() bool { return site.tunnels.Len() == 0 })
}

// TestSlowApplication is the same in the other direction. Here the client gets a close code.
func TestSlowApplication(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	app := startApp(t, "tcp", func(c *appConn) {
		c.accept()
		<-release
	})
	defer close(release)
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}, WriteTimeout: 20 * testTick}, false)
	client := site.open(t)
	go func() {
		message := frame(0x82, true, make([]byte, 60000))
		for {
			if _, err := client.Write(message); err != nil {
				return
			}
		}
	}()
	got, _ := io.ReadAll(client)
	if closeCode(got) != 1013 || !bytes.Contains(got, []byte("retry after 10 s")) {
		t.Errorf("read %q, want close code 1013 and when to retry", clip(got))
	}
}

// TestSlowButSteady has a client that reads slowly. Its tunnel must stay open.
func TestSlowButSteady(t *testing.T) {
	t.Parallel()
	message := frame(0x82, false, bytes.Repeat([]byte("steady"), 100000))
	app := startApp(t, "tcp", func(c *appConn) {
		c.accept()
		_, _ = c.Conn.Write(message)
		_, _ = io.Copy(io.Discard, c.Reader)
	})
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}, WriteTimeout: 100 * testTick}, false)
	client := site.open(t)
	got := make([]byte, 0, len(message))
	piece := make([]byte, 16<<10)
	for len(got) < len(message) {
		n, err := client.Read(piece)
		if err != nil {
			t.Fatalf("after %d bytes: %v", len(got), err)
		}
		got = append(got, piece[:n]...)
		time.Sleep(4 * testTick) // in total longer than write_timeout
	}
	if !bytes.Equal(got, message) {
		t.Error("the message arrived changed")
	}
}
