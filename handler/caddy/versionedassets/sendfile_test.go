package versionedassets_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/internal/testsite"
)

// watchedListener counts the writes and closes of its connections.
type watchedListener struct {
	net.Listener
	copying sync.WaitGroup
	mutex   sync.Mutex
	copied  int64 // bytes that the connection could send with sendfile
	nested  int   // copies for which package net cannot use sendfile
	closing int
}

func (l *watchedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &watchedConn{TCPConn: conn.(*net.TCPConn), listener: l}, nil
}

type watchedConn struct {
	*net.TCPConn
	listener *watchedListener
	closing  sync.Once
}

// ReadFrom is where package net uses sendfile, for a file below one io.LimitedReader.
func (c *watchedConn) ReadFrom(r io.Reader) (int64, error) {
	c.listener.copying.Add(1)
	defer c.listener.copying.Done()
	file := r
	if limited, ok := r.(*io.LimitedReader); ok {
		file = limited.R
	}
	_, isFile := file.(syscall.Conn)
	n, err := c.TCPConn.ReadFrom(r)
	c.listener.mutex.Lock()
	defer c.listener.mutex.Unlock()
	if isFile {
		c.listener.copied += n
	} else {
		c.listener.nested++
	}
	return n, err
}

func (c *watchedConn) Close() error {
	c.closing.Do(func() {
		c.listener.mutex.Lock()
		defer c.listener.mutex.Unlock()
		c.listener.closing++
	})
	return c.TCPConn.Close()
}

// take returns the counts since the last call. The client may have all bytes before the server has counted them.
func (l *watchedListener) take() (copied int64, nested int) {
	l.copying.Wait()
	l.mutex.Lock()
	defer l.mutex.Unlock()
	copied, nested = l.copied, l.nested
	l.copied, l.nested = 0, 0
	return copied, nested
}

func (l *watchedListener) closed() int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.closing
}

// serveWatched serves a site on a watchedListener.
func serveWatched(t *testing.T, caddyfile string) (*testsite.Site, *watchedListener) {
	t.Helper()
	site, err := testsite.Provision(t, caddyfile)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := &watchedListener{Listener: inner}
	server := &http.Server{Handler: site.Server}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	site.Addr = inner.Addr().String()
	site.URL = "http://" + site.Addr
	return site, listener
}

// writeLarge creates a sparse file of the size.
func writeLarge(t *testing.T, root, name string, size int64) string {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.WriteFile(path, []byte("begin"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	return path
}

// Files that are not in memory are sent with sendfile.
func TestAssetsFromDiskAreCopiedByTheKernel(t *testing.T) {
	t.Parallel()
	const size = 3<<20 + 17
	root := t.TempDir()
	writeLarge(t, root, "film.mp4", size)
	for _, c := range []struct{ name, words, before, options string }{
		{"plain", "", "", ""},
		{"with an access log", "", "log", ""},
		{"with pages stamped", "stamp html", "", ""},
		{"behind encode", "", "encode", ""},
		{"without a timeout", "", "", "{\n\tservers {\n\t\ttimeouts {\n\t\t\twrite_idle -1s\n\t\t}\n\t}\n}\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site, listener := serveWatched(t, fmt.Sprintf("%shttp://127.0.0.1\n%s\nversioned_assets {\n\tserve /static/ %s\n\t%s\n}", c.options, c.before, root, c.words))
			for _, part := range []struct {
				name, asked string
				first, want int64
			}{
				{"whole", "", 0, size},
				{"the middle", "bytes=1000-2000999", 1000, 2_000_000},
				{"the end", "bytes=-1000000", size - 1_000_000, 1_000_000},
			} {
				var headers []string
				if part.asked != "" {
					headers = []string{"Range", part.asked}
				}
				_, body := testsite.Fetch(t, site, "GET", "/static/film.mp4", headers...)
				copied, nested := listener.take()
				if int64(len(body)) != part.want || strings.HasPrefix(body, "begin") != (part.first == 0) {
					t.Errorf("%s: %d bytes, want %d", part.name, len(body), part.want)
				}
				if copied < part.want-1-1024 || nested > 0 { // the last byte is sent apart, and net/http may have sent the bytes that it sniffs
					t.Errorf("%s: the kernel copied %d of %d bytes, and %d copies went without it", part.name, copied, part.want, nested)
				}
			}
		})
	}
}

// After sendfile the kernel refers to the file's pages until the client has acknowledged them. A response that is immutable has
// the bytes of one version, also if the file is overwritten before the client has received it.
func TestImmutableFileOverwrittenWhileItIsSent(t *testing.T) {
	t.Parallel()
	const size = 100_000 // fits in the buffers of a connection:
	before, after := strings.Repeat("A", size), strings.Repeat("B", size)
	root := t.TempDir()
	testsite.WriteFile(t, root, "film.mp4", before)
	site, listener := serveWatched(t, fmt.Sprintf("http://127.0.0.1\nversioned_assets {\n\tserve /static/ %s\n\tmemory 1KiB\n\tkeep off\n\tsettle 10m\n}", root))
	conn, err := net.Dial("tcp", site.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET /static/film.mp4?v=%s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", testsite.Version(before)); err != nil {
		t.Fatal(err)
	}
	testsite.Eventually(t, "sent", func() bool { return listener.closed() > 0 })
	file, err := os.OpenFile(filepath.Join(root, "film.mp4"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(after); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(answer), "\r\n\r\n")
	if !strings.Contains(head, "immutable") || body != before {
		t.Errorf("%q, %d bytes, %d of them of the next version", head, len(body), strings.Count(body, "B"))
	}
}

// The connection of a client that requests a large file and does not read it is closed.
func TestSlowReadersAreBounded(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	writeLarge(t, root, "film.mp4", 64<<20)
	site, listener := serveWatched(t, fmt.Sprintf(`{
	servers {
		timeouts {
			write_idle 200ms
		}
	}
}
http://127.0.0.1
versioned_assets {
	serve /static/ %s
}`, root))
	conn, err := net.Dial("tcp", site.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET /static/film.mp4 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	testsite.Eventually(t, "the connection to be closed without a reader", func() bool { return listener.closed() > 0 })
	if copied, _ := listener.take(); copied == 0 || copied >= 64<<20 {
		t.Errorf("%d bytes were copied, want some and not all", copied)
	}
}

// slowConn accepts the bytes of the steps. Then its deadline passes.
type slowConn struct {
	http.ResponseWriter
	steps []int64
	taken int64
}

func (c *slowConn) SetWriteDeadline(time.Time) error { return nil }

func (c *slowConn) ReadFrom(r io.Reader) (int64, error) {
	if len(c.steps) == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	n, err := io.CopyN(io.Discard, r, c.steps[0])
	c.steps = c.steps[1:]
	c.taken += n
	if err == nil {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// The write timeout counts for 64 KiB, as in Caddy, although sendfile gets more at once.
func TestSlowReadersThatReadAreNotCut(t *testing.T) {
	t.Parallel()
	const length = 300_000
	for _, c := range []struct {
		name  string
		steps []int64
		want  int64
		why   string
	}{
		{"just fast enough", []int64{65536, 65536, 65536, 65536, 65536}, length, "64 KiB each time"},
		{"fast, then too slow", []int64{200_000, 65535, 65536}, 265_535, "a byte less than 64 KiB"},
		{"nothing", nil, 0, "it does not read at all"},
	} {
		conn := &slowConn{ResponseWriter: httptest.NewRecorder(), steps: c.steps}
		idle := &caddyhttp.IdleTimeoutWriter{
			ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: conn},
			Ctrl:                  http.NewResponseController(conn), Deadline: caddyhttp.IdleDeadline{Timeout: time.Minute}, Logger: zap.NewNop(),
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		restore := versionedassets.KernelCopies(r.WithContext(caddyhttp.ContextWithIdleTimeouts(r.Context(), nil, idle)), length)
		var sent int64
		for err := error(nil); sent < length && (err == nil || err == io.EOF); {
			var n int64
			n, err = io.CopyN(idle, strings.NewReader(strings.Repeat("x", length)), length-sent)
			sent += n
		}
		restore()
		if conn.taken != c.want || idle.MaxChunk != 0 || idle.ResponseWriterWrapper.ResponseWriter != conn {
			t.Errorf("%s: %d bytes, want %d (%s); afterwards %+v", c.name, conn.taken, c.want, c.why, idle)
		}
	}
}

// A response whose file grows while it is sent stays incomplete and within its Content-Length. The connection is closed, since a
// client would read later bytes as the next response.
func TestAFileThatGrowsIsCut(t *testing.T) {
	t.Parallel()
	const size = 32 << 20 // more than the buffers of a connection hold
	root := t.TempDir()
	path := writeLarge(t, root, "film.mp4", size)
	site, _ := serveWatched(t, fmt.Sprintf("http://127.0.0.1\nversioned_assets {\n\tserve /static/ %s\n\tsettle 10m\n\tkeep off\n}", root))
	conn, err := net.Dial("tcp", site.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET /static/film.mp4 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /static/gone HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 64)
	if _, err := io.ReadFull(conn, first); err != nil { // the file is being sent
		t.Fatal(err)
	}
	if err := os.Truncate(path, 2*size); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(conn)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(first)+string(all), "\r\n\r\n")
	if len(body) >= size {
		t.Errorf("%d bytes, want less than %d, and no answer to the next request", len(body), size)
	}
}

// Over HTTP/2, stalled responses block neither other responses on the connection nor the server's shutdown.
func TestStalledStreamsOfHTTP2(t *testing.T) {
	t.Parallel()
	const size = 8 << 20
	root := t.TempDir()
	writeLarge(t, root, "film.mp4", size)
	testsite.WriteFile(t, root, "main.js", strings.Repeat("x", 100<<10))
	site, err := testsite.Provision(t, fmt.Sprintf(`{
	servers {
		timeouts {
			write_idle 3s
		}
	}
}
http://127.0.0.1
versioned_assets {
	serve /static/ %s
}`, root))
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serving.Add(1)
		defer serving.Done()
		site.Server.ServeHTTP(w, r)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	client := server.Client()
	defer client.CloseIdleConnections()
	get := func(path string) *http.Response {
		response, err := client.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	for range 20 {
		stalled := get("/static/film.mp4")
		defer stalled.Body.Close()
		if stalled.ProtoMajor != 2 || stalled.StatusCode != 200 {
			t.Fatalf("%s %s", stalled.Proto, stalled.Status)
		}
	}
	read := get("/static/film.mp4")
	if n, err := io.Copy(io.Discard, read.Body); n != size || err != nil {
		t.Errorf("one that is read: %d bytes, %v", n, err)
	}
	read = get("/static/main.js")
	if body, err := io.ReadAll(read.Body); len(body) != 100<<10 || err != nil {
		t.Errorf("one from memory: %d bytes, %v", len(body), err)
	}
	serving.Wait() // the idle timeout ends the stalled responses
}
