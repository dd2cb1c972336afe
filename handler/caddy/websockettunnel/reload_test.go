//go:build unix

package websockettunnel_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scan2food/usher/internal/testsite"
	"github.com/scan2food/usher/internal/testwait"
)

// A hundred reloads with 500 busy sockets and concurrent handshakes lose no byte, and leak no goroutine, descriptor or memory.
func TestReloadsLoseNoByte(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	process := testsite.StartTunnelProcess(t, app.Addr, "")
	site := &testsite.Site{Addr: process.Addr}
	const open, reloads = 500, 100
	openAll := func() []net.Conn {
		conns := make([]net.Conn, open)
		for i := range conns {
			conns[i], _ = openTunnel(t, site)
			_ = conns[i].SetDeadline(time.Now().Add(2 * time.Minute))
		}
		return conns
	}
	// The runtime keeps the descriptor of each goroutine. Create all descriptors before the first measurement.
	warm := process.Usage(t)
	for _, conn := range openAll() {
		conn.Close()
	}
	testsite.Eventually(t, "the first sockets have ended", func() bool { return process.Usage(t).Goroutines <= warm.Goroutines+5 })
	for i := range 5 {
		process.Reload(t, fmt.Sprintf("header_up X-Before %d", i))
	}
	before := process.Usage(t)

	conns, stop, talked := openAll(), make(chan struct{}), make(chan error, open)
	for i, conn := range conns {
		go func() { talked <- talk(conn, i, 100*time.Millisecond, stop) }()
	}
	shaking := shakeHands(t, process.Addr, app, stop)
	halt := sync.OnceFunc(func() {
		close(stop)
		shaking.Wait()
	})
	t.Cleanup(halt) // also after a failed reload
	for i := range reloads {
		process.Reload(t, fmt.Sprintf("header_up X-Reload %d", i))
		time.Sleep(10 * time.Millisecond) // a configuration also serves
	}
	halt()
	for range conns {
		if err := <-talked; err != nil {
			t.Error(err)
		}
	}
	for i, conn := range conns {
		if i%2 == 0 {
			_ = conn.(*net.TCPConn).SetLinger(0) // a reset
		}
		conn.Close()
	}
	var after testsite.Usage
	testsite.Eventually(t, "goroutines, descriptors and heap as before", func() bool {
		after = process.Usage(t)
		return after.Goroutines <= before.Goroutines+10 && after.Descriptors <= before.Descriptors+5 &&
			after.Heap <= before.Heap+2*open<<10
	})
	t.Logf("before %+v, after %+v", before, after)
	process.Stop(t)
}

// shakeHands opens, uses and closes sockets until stop, four at a time. A handshake that the application has seen must succeed.
// A few others may end without a response: net/http closes a connection whose request it has just read when its server shuts
// down (conn.serve), and the kernel resets connections in the queue of a closing listener. No handler runs in these cases.
func shakeHands(t *testing.T, addr string, app *testsite.Application, stop chan struct{}) *sync.WaitGroup {
	t.Helper()
	var requested sync.Map
	app.Answer(func(_ http.ResponseWriter, r *http.Request) bool {
		requested.Store(r.URL.RawQuery, true)
		return false
	})
	var clients sync.WaitGroup
	var count, failed atomic.Int64
	for client := range 4 {
		clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				query := fmt.Sprintf("client=%d-%d", client, n)
				err := shakeHand(addr, query)
				if _, seen := requested.Load(query); err != nil && seen {
					t.Errorf("a handshake that the application has seen failed: %v", err)
				}
				count.Add(1)
				if err != nil {
					failed.Add(1)
				}
			}
		})
	}
	t.Cleanup(func() {
		t.Logf("%d handshakes during reloads, %d ended without a response", count.Load(), failed.Load())
		if count.Load() < 100 || failed.Load() > count.Load()/2 {
			t.Error("want at least 100 handshakes, most of them successful")
		}
	})
	return &clients
}

func shakeHand(addr, query string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(testwait.Limit))
	if _, err := io.WriteString(conn, strings.Replace(tunnelHandshake, "a=1", query, 1)+testsite.Masked("hello")); err != nil {
		return err
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return err
	}
	got := make([]byte, len(testsite.Masked("hello")))
	if _, err := io.ReadFull(reader, got); err != nil || string(got) != testsite.Masked("hello") {
		return fmt.Errorf("%s, read %q, %w", response.Status, got, err)
	}
	return nil
}

// TestStreamsOutliveReloads: sockets over HTTP/2 and 3, with and without a gate, stay open through reloads and do not delay the
// stop of the process. To Caddy such a socket is a request in progress.
func TestStreamsOutliveReloads(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	process := testsite.StartSecureProcess(t, testsite.SecureGlobal+`
		https://localhost:PORT {
			bind 127.0.0.1
			tls internal
			websocket_gate {
				route gated /ws/gated/ {
					key the-good-key-of-the-streams
				}
				unlisted pass
			}
			websocket_tunnel /ws/* `+app.Addr+` {
				drain 500ms
				header_up X-Reload WORDS
			}
		}`)
	over2 := process.OverHTTP2(t)
	over3, leave3 := testsite.DialHTTP3(t, process.Addr)
	streams := map[string]*testsite.Stream{}
	for name, open := range map[string]testsite.Opener{"HTTP/2": over2, "HTTP/3": over3} {
		for _, target := range []string{"/ws/gated/?key=the-good-key-of-the-streams", "/ws/free/"} {
			s := open(t, target, "websocket", nil)
			if s.Status != http.StatusOK {
				t.Fatalf("%s %s: %d, want 200\n%s", name, target, s.Status, process.Stderr.String())
			}
			streams[name+" "+target[:8]] = s
		}
	}
	for i := range 5 {
		process.Reload(t, fmt.Sprint(i))
		for _, s := range streams {
			echoesStream(t, s, 1000+i)
		}
	}
	process.Terminate(t)
	for name, s := range streams {
		if got := streamRest(s); closeCodeOf(got) != 1001 {
			t.Errorf("%s: read %q when the process stopped, want a Close frame with 1001", name, got)
		}
		s.Close()
	}
	leave3() // as clients do after GOAWAY
	process.ExpectStopped(t)
}

// A reload closes the sockets that the new configuration does not admit, with their close code. This includes the sockets of
// handshakes in progress. Other sockets stay open.
func TestReloadClosesSocketsNoLongerAdmitted(t *testing.T) {
	t.Parallel()
	const first, second, third = "the-first-key-of-reloads", "the-second-key-of-reloads", "the-third-key-of-reloads"
	app := testsite.StartApplication(t)
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	app.Answer(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.RawQuery, "slow") {
			arrived <- struct{}{}
			<-release
		}
		return false
	})
	config := func(routes string) string {
		return fmt.Sprintf("http://example.com\nwebsocket_gate {\n%s\n}\nwebsocket_tunnel %s", routes, app.Addr)
	}
	// Routes have names of their own: a socket is checked by every gate that has its route.
	site := testsite.Start(t, config("route reloads_kept /ws/a/ {\nkey "+first+"\nkey "+second+"\n}\nroute reloads_dropped /ws/b/ {\nkey "+third+"\n}"))
	request := func(target string) string { return strings.Replace(tunnelHandshake, "/ws/?a=1", target, 1) }
	sockets := map[string]net.Conn{}
	for name, target := range map[string]string{
		"key gone": "/ws/a/?key=" + first, "stays": "/ws/a/?key=" + second, "route gone": "/ws/b/?key=" + third,
	} {
		conn, response := testsite.ExchangeOpen(t, site.Addr, request(target))
		defer conn.Close()
		if response.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%s: %s", name, response.Status)
		}
		echoes(t, conn, "before")
		sockets[name] = conn
	}
	slow := make(chan []byte, 1)
	go func() { slow <- readAllOf(t, site.Addr, request("/ws/a/?slow=1&key="+first)) }()
	<-arrived
	testsite.Start(t, config("route reloads_kept /ws/a/ {\nkey "+second+"\n}"))
	site.Unload()
	close(release)
	if got := <-slow; !bytes.HasPrefix(got, []byte("HTTP/1.1 101")) || !bytes.Contains(got, []byte("\r\n\r\n\x88")) ||
		!bytes.Contains(got, []byte{0x11, 0x31}) {
		t.Errorf("a handshake in progress: read %q, want a Close frame with 4401", got)
	}
	for name, want := range map[string]int{"key gone": 4401, "route gone": 1001} {
		if got, err := io.ReadAll(sockets[name]); err != nil || closeCodeOf(got) != want {
			t.Errorf("%s: read %q, %v, want a Close frame with %d", name, got, err, want)
		}
	}
	echoes(t, sockets["stays"], "after")
}

// A reload that removes an upstream closes its sockets with 1001, including the socket of a handshake in progress.
func TestReloadClosesSocketsOfRemovedUpstream(t *testing.T) {
	t.Parallel()
	gone, stays := testsite.StartApplication(t), testsite.StartApplication(t)
	site := tunnelSite(t, gone.Addr+" "+stays.Addr, "lb_policy header X-To", "drain 100ms")
	conns, to := map[string]net.Conn{}, ""
	for i := 0; len(conns) < 2; i++ {
		header := fmt.Sprintf("X-To: %d", i)
		conn, _ := openTunnel(t, site, header)
		echoes(t, conn, "x")
		if len(gone.Seen()) > 0 {
			conns["gone"], to = conn, header
		}
		if len(stays.Seen()) > 0 {
			conns["stays"] = conn
		}
	}
	arrived, release := make(chan struct{}), make(chan struct{})
	gone.Answer(func(http.ResponseWriter, *http.Request) bool {
		close(arrived)
		<-release
		return false
	})
	late := make(chan []byte, 1)
	go func() {
		late <- readAllOf(t, site.Addr, strings.Replace(tunnelHandshake, "\r\n\r\n", "\r\n"+to+"\r\n\r\n", 1))
	}()
	<-arrived
	tunnelSite(t, stays.Addr)
	site.Unload()
	got, err := io.ReadAll(conns["gone"])
	reason := []byte("the upstream was removed") // the server stays
	if err != nil || closeCodeOf(got) != 1001 || !bytes.HasSuffix(got, reason) {
		t.Errorf("read %q, %v, want a Close frame with 1001 and %q", got, err, reason)
	}
	close(release)
	if got := <-late; !bytes.Contains(got, []byte("\r\n\r\n\x88")) || !bytes.HasSuffix(got, append([]byte{0x03, 0xe9}, reason...)) {
		t.Errorf("a handshake in progress: read %q, want a Close frame with 1001 and %q", got, reason)
	}
	echoes(t, conns["stays"], "still here")
}

// readAllOf returns everything that a server sends for a request until the connection ends.
func readAllOf(t *testing.T, addr, request string) []byte {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(testwait.Limit))
	_, _ = io.WriteString(conn, request)
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Errorf("read %q, %v, want an end", got, err)
	}
	return got
}

// talk sends numbered messages and compares the echoes, until stop.
func talk(conn net.Conn, id int, pause time.Duration, stop chan struct{}) error {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		message := fmt.Appendf([]byte{0x82, 0x80 | 20, 0, 0, 0, 0}, "%08d %011d", id, n)
		if _, err := conn.Write(message); err != nil {
			return fmt.Errorf("socket %d, message %d: %w", id, n, err)
		}
		got := make([]byte, len(message))
		if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, message) {
			return fmt.Errorf("socket %d, message %d: read %q, %v", id, n, got, err)
		}
		time.Sleep(pause)
	}
}
