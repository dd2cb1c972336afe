package usher

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What is copied from the disk leaves in full segments, header included: a client has all of a small file with the first
// thing that it reads. Otherwise the header comes alone, sooner or later.
func TestHeaderAndFileShareASegment(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "static")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	content := strings.Repeat("x", 20_000)
	writeFile(t, root, "photo.webp", content)
	p := assetProcess(t, root, t.TempDir())
	p.run(t, p.adapted(t, "memory 1B\nkeep off"))
	eventually(t, "an answer", func() bool {
		conn, err := net.Dial("tcp", p.addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	answer := make([]byte, 64<<10)
	for range 200 { // a cork that stays would hold each back for 200 ms
		if _, err := fmt.Fprint(conn, "GET /static/photo.webp HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(answer)
		if err != nil {
			t.Fatal(err)
		}
		if _, body, _ := bytes.Cut(answer[:n], []byte("\r\n\r\n")); string(body) != content {
			t.Fatalf("first %d of %d bytes came", len(body), len(content))
		}
	}
}
