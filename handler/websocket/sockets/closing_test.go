package sockets

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scan2food/usher/internal/testwait"
)

// follow reads what a client receives, up to EOF.
func follow(client net.Conn) <-chan []byte {
	got := make(chan []byte, 1)
	go func() {
		all, _ := io.ReadAll(client)
		client.Close()
		got <- all
	}()
	return got
}

// followToClose is follow for a connection without half-close: the client disconnects after the Close frame.
func followToClose(client net.Conn, buffer []byte) <-chan []byte {
	got := make(chan []byte, 1)
	go func() {
		var f frames
		for !f.closed && len(buffer) < cap(buffer) {
			n, err := client.Read(buffer[len(buffer):cap(buffer)])
			f.advance(buffer[len(buffer) : len(buffer)+n])
			buffer = buffer[:len(buffer)+n]
			if err != nil {
				break
			}
		}
		client.Close()
		got <- buffer
	}()
	return got
}

// A Close at any point of a large message leaves the message complete and sends the Close frame after it. The application has
// 700 ms for the rest of the message. Only in a synctest bubble can a busy machine not exceed them.
func TestCloseAtAFrameBoundary(t *testing.T) {
	t.Parallel()
	synctest.Test(t, closeAtFrameBoundaries)
}

func closeAtFrameBoundaries(t *testing.T) {
	const points, chunk = 1000, 4096
	message := frame(2, bytes.Repeat([]byte("0123456789abcdef"), 1<<16)) // 1 MiB
	later := frame(1, []byte("never to be seen"))
	last := closeFrame(4401, "revoked")
	r := NewRegistry(time.Now)
	ended := make(endings, 10)
	buffer := make([]byte, 0, len(message)+1024)
	for point := range points {
		client, server := net.Pipe()
		s := open(t, r, Info{Route: "chat", Owner: ended})
		conn := upgraded(t, s, server)
		got := followToClose(client, buffer)
		closeAt := rand.IntN(len(message)) / chunk * chunk
		for at := 0; at < len(message); at += chunk {
			if at == closeAt {
				s.Close(4401, "revoked")
			}
			if n, err := conn.Write(message[at:min(at+chunk, len(message))]); err != nil {
				// Only the end of the connection may cause an error, and it comes after a complete frame.
				if at > 0 && n > 0 {
					t.Errorf("point %d: write at %d = %d, %v", point, at, n, err)
				}
				break
			}
		}
		_, _ = conn.Write(later)
		stream := soon(t, "the end of the connection", got)
		conn.Close()
		s.End()
		switch e := soon(t, "the end of the socket", ended); {
		case e.By != "gate" || e.Code != 4401 || e.Out != int64(len(stream)):
			t.Fatalf("point %d: ended %s with %d after %d bytes, want gate, 4401, %d", point, e.By, e.Code, e.Out, len(stream))
		case closeAt == 0 && bytes.Equal(stream, last): // before the first byte of the message
		case !bytes.Equal(stream, append(bytes.Clone(message), last...)):
			t.Fatalf("point %d: closed at %d, the client got %d bytes that are not the message and the Close frame",
				point, closeAt, len(stream))
		}
	}
}

// TestCloseAmongConcurrentWrites closes a socket while its application writes many small frames, cut at random.
func TestCloseAmongConcurrentWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, closeAmongConcurrentWrites)
}

func closeAmongConcurrentWrites(t *testing.T) {
	const longestWrite = 300
	r := NewRegistry(time.Now)
	var stream []byte
	for i := range 2000 {
		stream = append(stream, frame(1, make([]byte, i%200))...)
	}
	last := closeFrame(CodeGoingAway, "")
	for range 50 {
		client, server := net.Pipe()
		s := open(t, r, Info{})
		conn := upgraded(t, s, server)
		got := followToClose(client, make([]byte, 0, 2*len(stream)))
		closeAt := rand.IntN(len(stream) - longestWrite) // so that no last write skips it
		for rest, closing := stream, false; ; {
			if !closing && len(stream)-len(rest) >= closeAt {
				closing = true
				go s.Close(CodeGoingAway, "")
				// Both ends of a pipe can keep the processor to themselves, so that Close never runs.
				for s.closing.Load() == nil {
					runtime.Gosched()
				}
			}
			n := min(len(rest), 1+rand.IntN(longestWrite))
			if _, err := conn.Write(rest[:n]); err != nil {
				break
			}
			if rest = rest[n:]; len(rest) == 0 {
				rest = stream
			}
		}
		all := soon(t, "the end of the connection", got)
		before, ok := bytes.CutSuffix(all, last)
		var f frames
		f.advance(before)
		if !ok || !f.atBoundary() || f.closed {
			t.Fatalf("the client got %d bytes: Close frame at the end %v, at a boundary %v", len(all), ok, f.atBoundary())
		}
		conn.Close()
		s.End()
	}
}

// TestCloseEndsUncooperativeSockets closes sockets whose sides do not end them, over every kind of connection.
func TestCloseEndsUncooperativeSockets(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	defer all.Wait()
	for _, c := range uncooperative {
		for name, wrap := range map[string]func(testing.TB, *net.TCPConn, *net.TCPConn) (net.Conn, net.Conn){
			"TCP": func(_ testing.TB, a, b *net.TCPConn) (net.Conn, net.Conn) { return a, b },
			"TLS": tlsPair,
			// As Caddy's access log wraps a connection: only the interface remains.
			"wrapped TLS": func(t testing.TB, a, b *net.TCPConn) (net.Conn, net.Conn) {
				client, server := tlsPair(t, a, b)
				return client, struct{ net.Conn }{server}
			},
		} {
			tcpClient, tcpServer := tcpPair(t)
			client, server := wrap(t, tcpClient, tcpServer)
			if client == net.Conn(tcpClient) {
				go c.client(tcpClient)
			}
			all.Go(func() {
				closeUncooperative(t, fmt.Sprintf("%s over %s (%s)", c.name, name, c.why), client, server, c.app, c.ready, c.wantFrame)
			})
		}
	}
}

// TestCloseTakesAtMostASecond is the same with the clock of a synctest bubble.
func TestCloseTakesAtMostASecond(t *testing.T) {
	t.Parallel()
	for _, c := range uncooperative {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, server := net.Pipe()
				s := open(t, NewRegistry(time.Now), Info{})
				conn := upgraded(t, s, server)
				var sides sync.WaitGroup
				defer sides.Wait()
				defer client.Close()
				sides.Go(func() { c.client(client) })
				sides.Go(func() { _, _ = io.Copy(io.Discard, conn) })
				sides.Go(func() { c.app(conn) })
				time.Sleep(time.Second) // until the application is blocked
				started := time.Now()
				closeAndWait(s, 4401, "revoked")
				if took := time.Since(started); took > time.Second {
					t.Errorf("took %v, want a second (%s)", took, c.why)
				}
				conn.Close()
				s.End()
			})
		})
	}
}

// uncooperative are sockets whose sides run until the connection ends and do not end it.
var uncooperative = []struct {
	name, why string
	client    func(net.Conn)
	app       func(net.Conn)     // before the Close
	ready     func(*Socket) bool // for the Close
	wantFrame bool
}{
	{"silent client", "half-open: it takes the frame and never answers", holdOpen, nothing, always, true},
	{"client that keeps sending", "its data is dropped", keepSending, nothing, always, true},
	{"stalled application", "in the middle of a frame", holdOpen, func(c net.Conn) { _, _ = c.Write([]byte{0x82, 10, 1}) },
		func(s *Socket) bool { return s.Snapshot().Out == 3 }, false},
	{"client that does not read", "the application hangs in a write", holdOpen, writeOn, writes, false},
}

func closeUncooperative(
	t *testing.T, what string, client, server net.Conn, app func(net.Conn), ready func(*Socket) bool, wantFrame bool,
) {
	r := NewRegistry(time.Now)
	ended := make(endings, 10)
	s := open(t, r, Info{Owner: ended})
	conn := upgraded(t, s, server)
	released := make(chan struct{})
	s.OnClose(func() { close(released) })
	var handler sync.WaitGroup
	handler.Go(func() { _, _ = io.Copy(io.Discard, conn) })
	handler.Go(func() { app(conn) })
	for deadline := time.Now().Add(testwait.Limit); !ready(s); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("%s: the application did not get so far", what)
			break
		}
	}

	s.Close(4401, "revoked")
	select {
	case <-released:
	case <-time.After(testwait.Limit):
		t.Errorf("%s: OnClose was not called", what)
	}
	handler.Wait()
	conn.Close()
	s.End()
	if e := <-ended; e.By != "gate" || e.Code != 4401 {
		t.Errorf("%s: ended by %s with %d", what, e.By, e.Code)
	}
	if wantFrame {
		got, _ := io.ReadAll(client)
		if !bytes.Equal(got, closeFrame(4401, "revoked")) {
			t.Errorf("%s: the client got %x, want a Close frame", what, got)
		}
	}
}

// closeAndWait closes an open socket and returns when its connection is over.
func closeAndWait(s *Socket, code Code, reason string) {
	s.Close(code, reason)
	<-s.closing.Load().done
}

func nothing(net.Conn)    {}
func holdOpen(net.Conn)   {}
func always(*Socket) bool { return true }

func keepSending(c net.Conn) {
	for {
		if _, err := c.Write(masked(1, make([]byte, 100))); err != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// writeOn writes a frame that no connection can hold, so the write ends only with the connection.
func writeOn(c net.Conn) {
	const length = 64 << 20
	head := frameHead(2, 0, length)
	all := make([]byte, len(head)+length) // the kernel gives memory only to the part that is written
	copy(all, head)
	_, _ = c.Write(all)
}

// writes reports whether a write to the client is in progress.
func writes(s *Socket) bool {
	if s.writing.TryLock() {
		s.writing.Unlock()
		return false
	}
	return true
}

// tlsPair adds TLS to a TCP connection.
func tlsPair(t testing.TB, client, server *net.TCPConn) (net.Conn, net.Conn) {
	t.Helper()
	site := httptest.NewUnstartedServer(nil)
	site.StartTLS()
	config := site.TLS.Clone()
	site.Close()
	config.NextProtos = nil
	secure := tls.Server(server, config)
	dialed := tls.Client(client, &tls.Config{InsecureSkipVerify: true})
	failed := make(chan error, 1)
	go func() { failed <- dialed.Handshake() }()
	if err := errors.Join(secure.Handshake(), <-failed); err != nil {
		t.Fatal(err)
	}
	return dialed, secure
}

// A client that is sending receives the Close frame: the connection is not reset.
func TestCloseFrameIsNotLostToAReset(t *testing.T) {
	t.Parallel()
	r := NewRegistry(time.Now)
	for range 20 {
		client, server := tcpPair(t)
		s := open(t, r, Info{})
		conn := upgraded(t, s, server)
		// The application does not read, and the client fills the connection.
		_ = client.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
		for {
			if _, err := client.Write(masked(2, make([]byte, 1<<16))); err != nil {
				break
			}
		}
		s.Close(4401, "revoked")
		got, err := io.ReadAll(client)
		if !bytes.Equal(got, closeFrame(4401, "revoked")) || err != nil {
			t.Fatalf("the client got %x, %v, want the Close frame and the end", got, err)
		}
		client.Close()
		conn.Close()
	}
}

func TestCloseBeforeTheHandshake(t *testing.T) {
	t.Parallel()
	r := NewRegistry(time.Now)
	ended := make(endings, 10)
	s := open(t, r, Info{Owner: ended})
	released := 0
	s.OnClose(func() { released++ })
	s.Close(4401, "revoked")
	s.Close(4403, "again")
	if code, closed := s.Closed(); !closed || code != 4401 || released != 1 {
		t.Errorf("Closed() = %d, %v and OnClose called %d times, want 4401, once", code, closed, released)
	}
	s.OnClose(func() { released++ })
	if released != 2 {
		t.Error("OnClose after the Close was not called")
	}
	s.End()
	select {
	case e := <-ended:
		t.Errorf("Ended was called for an aborted handshake: %+v", e)
	default:
	}
}

// If the application responds after the Close, the client still gets the code.
func TestCloseBeforeTheApplicationResponds(t *testing.T) {
	t.Parallel()
	r := NewRegistry(time.Now)
	client, server := tcpPair(t)
	s := open(t, r, Info{})
	s.Close(4401, "revoked")
	conn := upgraded(t, s, server)
	_, _ = conn.Write([]byte{})
	if got := soon(t, "the end", follow(client)); !bytes.Equal(got, closeFrame(4401, "revoked")) {
		t.Errorf("the client got %x, want the Close frame", got)
	}
	conn.Close()
}
