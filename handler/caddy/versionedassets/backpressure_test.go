//lint:file-ignore SA1019 Caddy serves HTTP/2 with x/net/http2, and its frames are what is written here

package versionedassets_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/scan2food/usher/internal/testsite"
	"github.com/scan2food/usher/internal/testwait"
)

// Clients that stall in a response of 64 MB hold no memory of the file. The test is not parallel, since memory belongs to the
// process.
func TestSlowReadersHoldNoMemory(t *testing.T) {
	const readers, most = 50, 128 << 10 // bytes of each; net/http itself takes 50 KB
	root := t.TempDir()
	writeLarge(t, root, "film.mp4", 64<<20)
	site := testsite.Start(t, fmt.Sprintf("http://127.0.0.1\nversioned_assets {\n\tserve /static/ %s\n\tkeep off\n}", root))
	secure := httptest.NewUnstartedServer(site.Server)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for _, c := range []struct {
		name  string
		stall func(t *testing.T, readers int) (end func())
	}{
		{"HTTP/1.1", func(t *testing.T, readers int) func() { return stallOverHTTP1(t, site.Addr, readers) }},
		{"HTTP/2", func(t *testing.T, readers int) func() {
			return stallOverHTTP2(t, secure.Listener.Addr().String(), readers)
		}},
	} {
		defer c.stall(t, 5)() // allocated once
		before := liveBytes()
		end := c.stall(t, readers)
		if each := (liveBytes() - before) / readers; each > most {
			t.Errorf("%s: a stalled client holds %d bytes", c.name, each)
		}
		end()
	}
}

func liveBytes() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc + stats.StackInuse)
}

// stallOverHTTP1 has each reader on a connection of its own read the beginning of its answer.
func stallOverHTTP1(t *testing.T, address string, readers int) (end func()) {
	t.Helper()
	conns := make([]net.Conn, readers)
	for i := range conns {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(testwait.Limit))
		if _, err := io.WriteString(conn, "GET /static/film.mp4 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		start := make([]byte, 4096)
		if _, err := io.ReadFull(conn, start); err != nil || !strings.HasPrefix(string(start), "HTTP/1.1 200 ") {
			t.Fatalf("%.20q, %v", start, err)
		}
		conns[i] = conn
	}
	return func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}
}

// stallOverHTTP2 has each reader on a stream of one connection get its header, and no window for more than they share.
func stallOverHTTP2(t *testing.T, address string, readers int) (end func()) {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(testwait.Limit))
	framer := http2.NewFramer(conn, conn)
	_, _ = io.WriteString(conn, http2.ClientPreface)
	_ = framer.WriteSettings()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i := range readers {
		block.Reset()
		for _, field := range []hpack.HeaderField{{Name: ":method", Value: http.MethodGet}, {Name: ":scheme", Value: "https"},
			{Name: ":path", Value: "/static/film.mp4"}, {Name: ":authority", Value: "127.0.0.1"}} {
			_ = encoder.WriteField(field)
		}
		if err := framer.WriteHeaders(http2.HeadersFrameParam{
			StreamID: uint32(2*i + 1), BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true,
		}); err != nil {
			t.Fatal(err)
		}
	}
	for answered := 0; answered < readers; {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatalf("after %d answers: %v", answered, err)
		}
		switch frame.(type) {
		case *http2.HeadersFrame:
			answered++
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			t.Fatalf("after %d answers: %v", answered, frame)
		}
	}
	return func() { _ = conn.Close() }
}
