package versionedassets_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/internal/testsite"
	"github.com/scan2food/usher/internal/testwait"
)

// A large file is sent in full segments, and the first one includes the header.
func TestHeaderAndFileShareASegment(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "static")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	content := strings.Repeat("x", versionedassets.CorkedLength+17)
	testsite.WriteFile(t, root, "photo.webp", content)
	p := assetProcess(t, root)
	p.Run(t, p.Adapted(t, "keep off"))
	testsite.Eventually(t, "an answer", func() bool {
		conn, err := net.Dial("tcp", p.Addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	conn, err := net.Dial("tcp", p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(testwait.Limit))
	reader := bufio.NewReaderSize(conn, 64<<10)
	for range 200 { // a cork left in place delays the end of each response by 200 ms
		if _, err := fmt.Fprint(conn, "GET /static/photo.webp HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := reader.Peek(1); err != nil {
			t.Fatal(err)
		}
		if n := reader.Buffered(); n < 2000 {
			t.Fatalf("first came %d bytes", n)
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(response.Body); err != nil || string(body) != content {
			t.Fatalf("%d bytes, %v", len(body), err)
		}
	}
}
