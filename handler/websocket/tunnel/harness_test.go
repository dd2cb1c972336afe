package tunnel

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/scan2food/usher/handler/websocket/sockets"
	"github.com/scan2food/usher/handler/websocket/tunnel/directread"
	"github.com/scan2food/usher/internal/testwait"
)

// TestMain runs all tests twice: with the portable sources, and with direct reads.
func TestMain(m *testing.M) { goleak.VerifyTestMain(twice{m}) }

type twice struct{ tests *testing.M }

func (t twice) Run() int {
	fmt.Println("# portable reads")
	if code := t.tests.Run(); code != 0 {
		return code
	}
	fmt.Println("# direct reads")
	reader := new(directread.Reader)
	newTestSource = func(conn, base net.Conn) Source {
		if source := reader.Source(conn, base); source != nil {
			return source
		}
		return nil
	}
	return t.tests.Run()
}

// newTestSource is the NewSource of every handler of startSite.
var newTestSource func(conn, base net.Conn) Source

// testTick is the tick of the tests' sets.
const testTick = 10 * time.Millisecond

const testKey = "dGhlIHNhbXBsZSBub25jZQ=="

// testApp is an application that speaks HTTP without net/http.
type testApp struct {
	*Upstream
	listener net.Listener
	accepted sync.WaitGroup
	mutex    sync.Mutex
	conns    []net.Conn
}

// closeConns closes the connections of the application.
func (a *testApp) closeConns() {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for _, conn := range a.conns {
		conn.Close()
	}
}

// startApp listens, and passes every connection to serve after reading its request. serve owns the connection.
func startApp(t testing.TB, network string, serve func(*appConn)) *testApp {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "app.sock")
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	upstream := &Upstream{Network: network, Address: listener.Addr().String(), Host: new(Host)}
	app := &testApp{Upstream: upstream, listener: listener}
	app.accepted.Go(func() { app.accept(t, serve) })
	t.Cleanup(func() {
		listener.Close()
		app.accepted.Wait()
	})
	return app
}

func (a *testApp) accept(t testing.TB, serve func(*appConn)) {
	for {
		conn, err := a.listener.Accept()
		if err != nil {
			return
		}
		a.accepted.Go(func() {
			defer conn.Close()
			reader := bufio.NewReader(conn)
			request, err := http.ReadRequest(reader)
			if err != nil {
				return
			}
			a.mutex.Lock()
			a.conns = append(a.conns, conn)
			a.mutex.Unlock()
			serve(&appConn{Conn: conn, Reader: reader, request: request, t: t})
		})
	}
}

// appConn is a connection of an application, with its handshake.
type appConn struct {
	net.Conn
	*bufio.Reader
	request *http.Request
	t       testing.TB
}

// accept sends a valid 101, and more bytes in the same write.
func (c *appConn) accept(more ...byte) {
	c.answer("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		sockets.AcceptValue(c.request.Header.Get("Sec-Websocket-Key")) + "\r\n\r\n" + string(more))
}

func (c *appConn) answer(text string) { _, _ = io.WriteString(c.Conn, text) }

// reset resets the TCP connection.
func (c *appConn) reset() {
	_ = c.Conn.(*net.TCPConn).SetLinger(0)
	c.Conn.Close()
}

// echo accepts, and echoes bytes until EOF.
func echo(c *appConn) {
	c.accept()
	_, _ = io.Copy(c.Conn, c.Reader)
}

// testSite is a server with one Handler.
type testSite struct {
	*httptest.Server
	tunnels  *Set
	registry *sockets.Registry
	owner    *countingOwner
	errs     chan error // errors of the handler
}

// startSite starts a server with the configuration. It creates the set and registry if they are missing.
func startSite(t testing.TB, config Config, secure bool) *testSite {
	t.Helper()
	return startSiteBehind(t, config, secure, asItCame)
}

func asItCame(conn net.Conn) net.Conn { return conn }

// layering selects the layers of a client's connection.
type layering struct {
	name   string
	secure bool
	wrap   func(net.Conn) net.Conn // wraps the accepted connection
}

var layerings = []layering{
	{"cleartext", false, asItCame},
	{"TLS", true, asItCame},
	{"TLS above a transport", true, directread.BelowTLS},
	{"cleartext in a transport", false, directread.BelowTLS},
}

// start starts a server for such clients.
func (l layering) start(t testing.TB, config Config) *testSite {
	t.Helper()
	return startSiteBehind(t, config, l.secure, l.wrap)
}

// startSiteBehind is startSite with a wrapper around every connection.
func startSiteBehind(t testing.TB, config Config, secure bool, wrap func(net.Conn) net.Conn) *testSite {
	t.Helper()
	if config.Tunnels == nil {
		config.Tunnels = NewSet(testTick)
	}
	if config.Registry == nil {
		config.Registry = sockets.NewRegistry(time.Now)
	}
	owner := new(countingOwner)
	describe := config.Describe
	config.Describe = func(r *http.Request) sockets.Info {
		info := sockets.Info{Protocol: r.Proto, Major: r.ProtoMajor}
		if describe != nil {
			info = describe(r)
		}
		info.Owner, info.Major = owner, r.ProtoMajor
		return info
	}
	config.NewSource = newTestSource
	handler, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	site := &testSite{tunnels: config.Tunnels, registry: config.Registry, owner: owner, errs: make(chan error, 100)}
	site.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := handler.ServeHTTP(w, r, nextHandler{}); err != nil {
			site.errs <- err
			var known *Error
			if errors.As(err, &known) {
				w.WriteHeader(known.Status)
			}
		}
	}))
	site.Listener = wrappingListener{site.Listener, wrap}
	if secure {
		site.StartTLS()
	} else {
		site.Start()
	}
	t.Cleanup(func() {
		site.CloseClientConnections()
		site.Close()
		waitFor(t, "every tunnel to end", func() bool { return config.Tunnels.Len() == 0 })
		waitFor(t, "every socket to be ended", func() bool { return owner.ended.Load() >= owner.opened.Load() })
		if opened, ended := owner.opened.Load(), owner.ended.Load(); opened != ended {
			t.Errorf("%d sockets were opened and %d ended", opened, ended)
		}
	})
	return site
}

type wrappingListener struct {
	net.Listener
	wrap func(net.Conn) net.Conn
}

func (l wrappingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.wrap(conn), nil
}

type nextHandler struct{}

func (nextHandler) ServeHTTP(w http.ResponseWriter, _ *http.Request) error {
	_, err := io.WriteString(w, "next")
	return err
}

// wsClient is a client that writes WebSocket frames itself.
type wsClient struct {
	net.Conn
	reader   *bufio.Reader
	response *http.Response
}

func (c *wsClient) Read(p []byte) (int, error) { return c.reader.Read(p) }

const plainHandshake = "GET /ws/ HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + testKey + "\r\n\r\n"

// open sends the plain handshake, and fails the test if it is rejected.
func (s *testSite) open(t testing.TB) *wsClient {
	t.Helper()
	c := s.ask(t, plainHandshake)
	if c.response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %s", c.response.Status)
	}
	return c
}

// openRegistered opens a tunnel to an application that echoes. An echo shows that the tunnel is registered. A drain finds such a tunnel, and
// spreads its end; a tunnel that finds the drain while it registers closes at once.
func (s *testSite) openRegistered(t testing.TB) *wsClient {
	t.Helper()
	client := s.open(t)
	_, _ = client.Write(text("registered"))
	client.expect(t, text("registered"))
	return client
}

// ask sends a request byte for byte, and reads the head of the response.
func (s *testSite) ask(t testing.TB, request string) *wsClient {
	t.Helper()
	conn := s.connect(t)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	c := &wsClient{Conn: conn, reader: bufio.NewReader(conn)}
	_ = conn.SetDeadline(time.Now().Add(testwait.Limit))
	response, err := http.ReadResponse(c.reader, &http.Request{Method: http.MethodGet})
	if err != nil {
		t.Fatalf("reading the response: %v", err)
	}
	c.response = response
	return c
}

func (s *testSite) connect(t testing.TB) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if s.TLS == nil {
		return conn
	}
	secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err := secure.HandshakeContext(context.Background()); err != nil {
		t.Fatal(err)
	}
	return secure
}

// expect reads exactly these bytes.
func (c *wsClient) expect(t testing.TB, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("read %q, %v, want %q", clip(got[:n]), err, clip(want))
	}
}

// expectEnd reads up to EOF and returns what it read. An error fails the test.
func (c *wsClient) rest(t testing.TB) []byte {
	t.Helper()
	rest, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("the connection did not end: read %q, %v", clip(rest), err)
	}
	return rest
}

func clip(b []byte) []byte { return b[:min(len(b), 80)] }

// closeCode returns the code of a Close frame at the end of b, 0 if there is none.
func closeCode(b []byte) int {
	i := bytes.LastIndexByte(b, finClose)
	if i < 0 || len(b) < i+4 || len(b) != i+2+int(b[i+1]) {
		return 0
	}
	return int(b[i+2])<<8 | int(b[i+3])
}

// waitFor polls a condition.
func waitFor(t testing.TB, what string, so func() bool) {
	t.Helper()
	deadline := time.Now().Add(testwait.Limit)
	for !so() {
		if time.Now().After(deadline) {
			t.Errorf("waited in vain for %s", what)
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// text returns a frame of a client.
func text(payload string) []byte { return frame(0x81, true, []byte(payload)) }

// fromApp returns a frame of an application.
func fromApp(payload string) []byte { return frame(0x81, false, []byte(payload)) }

func withHeader(lines ...string) string {
	return strings.Replace(plainHandshake, "\r\n\r\n", "\r\n"+strings.Join(lines, "\r\n")+"\r\n\r\n", 1)
}

// countingOwner counts opened and ended sockets, and keeps the last event.
type countingOwner struct {
	opened, ended atomic.Int64
	last          atomic.Pointer[sockets.EndedEvent]
}

func (o *countingOwner) Opened(*sockets.Socket) { o.opened.Add(1) }

func (o *countingOwner) Ended(ended sockets.EndedEvent) {
	o.last.Store(&ended)
	o.ended.Add(1)
}

// heldConn is a connection whose first write of "hello" waits. Its writes have no deadline.
type heldConn struct {
	net.Conn
	once                       sync.Once
	writing, deadline, proceed chan struct{}
}

func newHeldConn() *heldConn {
	return &heldConn{writing: make(chan struct{}), deadline: make(chan struct{}, 10), proceed: make(chan struct{})}
}

// around returns the connection of a client.
func (c *heldConn) around(conn net.Conn) net.Conn {
	c.Conn = conn
	return c
}

// dial connects to an application.
func (c *heldConn) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	return c.around(conn), err
}

func (c *heldConn) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("hello")) {
		c.once.Do(func() {
			close(c.writing)
			<-c.proceed
		})
	}
	return c.Conn.Write(p)
}

func (c *heldConn) SetWriteDeadline(time.Time) error {
	c.deadline <- struct{}{}
	return nil
}
