package sockets

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// frame encodes an unmasked frame, as a server sends it.
func frame(opcode byte, payload []byte) []byte {
	head := []byte{0x80 | opcode}
	switch n := len(payload); {
	case n < 126:
		head = append(head, byte(n))
	case n < 1<<16:
		head = binary.BigEndian.AppendUint16(append(head, 126), uint16(n))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 127), uint64(n))
	}
	return append(head, payload...)
}

// However the bytes are cut, the boundaries between frames are found, and so is the code of a Close frame.
func FuzzFrames(f *testing.F) {
	stream := append(append(frame(1, []byte("hello")), frame(2, make([]byte, 300))...), closeFrame(4401, "gone")...)
	f.Add(stream, uint8(1))
	f.Add(frame(2, make([]byte, 70000)), uint8(7))
	f.Add([]byte{0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe8 ^ 2}, uint8(2))
	f.Fuzz(func(t *testing.T, stream []byte, cut uint8) {
		var whole, pieces frames
		whole.advance(stream)
		for rest := stream; len(rest) > 0; {
			n := min(len(rest), int(cut)+1)
			pieces.advance(rest[:n])
			rest = rest[n:]
		}
		if whole.boundary() != pieces.boundary() || whole.payload != pieces.payload || whole.closeCode() != pieces.closeCode() {
			t.Errorf("cut into %d bytes: %+v, whole: %+v", int(cut)+1, pieces, whole)
		}
	})
}

func TestCloseFrameFits(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"", "short", strings.Repeat("x", 200), strings.Repeat("ü", 100), strings.Repeat("€", 60)} {
		encoded := closeFrame(4403, reason)
		var f frames
		f.advance(encoded)
		if len(encoded) > 127 || !f.boundary() || f.closeCode() != 4403 || !strings.HasPrefix(reason, string(encoded[4:])) {
			t.Errorf("closeFrame(%q) = %q", reason, encoded)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	r := NewRegistry(time.Now)
	one := Info{Route: "chat", KeyID: [16]byte{1}, Client: netip.MustParseAddr("2001:db8::1")}
	neighbour := Info{Route: "chat", KeyID: [16]byte{2}, Client: netip.MustParseAddr("2001:db8::2")}
	stranger := Info{Route: "chat", KeyID: [16]byte{2}, Client: netip.MustParseAddr("2001:db8:1::1")}
	first, err := r.Open(one, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		info   Info
		limits Limits
		by     string
	}{
		{"route", stranger, Limits{Route: 1}, "route"},
		{"the same /64", neighbour, Limits{Client: 1}, "client"},
		{"another /64", stranger, Limits{Client: 1}, ""},
		{"the same key", one, Limits{Key: 1}, "key"},
		{"another key", stranger, Limits{Key: 1}, ""},
	} {
		s, err := r.Open(c.info, c.limits)
		var limit *LimitError
		if got := errors.As(err, &limit); got != (c.by != "") || got && limit.By != c.by {
			t.Errorf("%s: Open = %v, want a limit by %q", c.name, err, c.by)
		}
		if s != nil {
			s.End()
		}
	}
	first.End()
	first.End()
	second, err := r.Open(one, Limits{Route: 1, Client: 1, Key: 1})
	if err != nil {
		t.Fatalf("after the end of the first: %v", err)
	}
	second.End()
	waitUntilSwept(t, r)
}

// waitUntilSwept waits for the registry's goroutine to see that no socket is left.
func waitUntilSwept(t testing.TB, r *Registry) {
	t.Helper()
	for range 300 {
		r.mutex.Lock()
		sweeping := r.sweeping
		r.mutex.Unlock()
		if !sweeping {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the registry goes on sweeping without sockets")
}

// gated is a server that opens every socket through a registry and hands the connection to serve.
func gated(t *testing.T, r *Registry, info Info, serve func(net.Conn)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		info.Protocol = "HTTP/1.1"
		s, err := r.Open(info, Limits{})
		if err != nil {
			t.Error(err)
			return
		}
		defer s.End()
		w = s.ResponseWriter(w)
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Sec-WebSocket-Accept", acceptOf(request))
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		serve(conn)
	}))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

// A Close that comes while the application is in the middle of a large frame goes out behind that frame.
func TestCloseWaitsForTheFrame(t *testing.T) {
	t.Parallel()
	var running sync.WaitGroup
	defer running.Wait()
	for range 20 {
		running.Go(func() { closeInMidFrame(t) })
	}
}

func closeInMidFrame(t *testing.T) {
	t.Helper()
	r := NewRegistry(time.Now)
	ended := make(chan Ended, 1)
	r.SetHooks(func(*Socket) {}, func(e Ended) { ended <- e })
	message := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	url := gated(t, r, Info{Route: "chat"}, func(conn net.Conn) {
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		encoded := frame(2, message)
		closeAt := rand.IntN(len(encoded))
		for at := 0; at < len(encoded); at += 4096 {
			if at <= closeAt && closeAt < at+4096 {
				r.CloseWhere(func(Info) bool { return true }, 4401, "revoked")
			}
			if _, err := conn.Write(encoded[at:min(at+4096, len(encoded))]); err != nil {
				return
			}
		}
		_, _ = conn.Write(frame(1, []byte("never to be seen")))
		time.Sleep(300 * time.Millisecond)
	})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	conn, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		t.Error(err)
		cancel()
		return
	}
	conn.SetReadLimit(2 << 20)
	_, got, err := conn.Read(ctx)
	if err == nil {
		if !bytes.Equal(got, message) {
			t.Error("the message was damaged")
		}
		_, _, err = conn.Read(ctx)
	}
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != 4401 || closed.Reason != "revoked" {
		t.Errorf("the client got %v, want close 4401", err)
	}
	cancel()
	_ = conn.CloseNow()
	if e := <-ended; e.By != "gate" || e.Code != 4401 || e.Out < int64(len(message)) && err == nil {
		t.Errorf("ended %+v", e)
	}
	waitUntilSwept(t, r)
}

// A client that does not read does not hold up a Close.
func TestCloseOfAClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	r := NewRegistry(time.Now)
	blocked := make(chan struct{})
	over := make(chan struct{})
	url := gated(t, r, Info{Route: "chat"}, func(conn net.Conn) {
		defer close(over)
		var once sync.Once
		for range 4096 {
			time.AfterFunc(100*time.Millisecond, func() { once.Do(func() { close(blocked) }) })
			if _, err := conn.Write(frame(2, make([]byte, 1<<16))); err != nil {
				return
			}
		}
	})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "ws://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	<-blocked
	started := time.Now()
	r.CloseWhere(func(Info) bool { return true }, 4401, "revoked")
	select {
	case <-over:
	case <-time.After(3 * time.Second):
		t.Fatal("the socket is still open after three seconds")
	}
	if took := time.Since(started); took > 1500*time.Millisecond {
		t.Errorf("closing took %v, want about a second", took)
	}
	waitUntilSwept(t, r)
}

func TestUntilAndIdle(t *testing.T) {
	t.Parallel()
	for name, info := range map[string]Info{
		"until": {Route: "chat", Until: time.Now().Add(200 * time.Millisecond), UntilCode: 4401, UntilReason: "ended"},
		"idle":  {Route: "chat", Idle: 200 * time.Millisecond},
	} {
		r := NewRegistry(time.Now)
		url := gated(t, r, info, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		conn, _, err := websocket.Dial(ctx, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = conn.Read(ctx)
		want := websocket.StatusCode(4401)
		if name == "idle" {
			want = websocket.StatusGoingAway
		}
		if got := websocket.CloseStatus(err); got != want {
			t.Errorf("%s: closed with %v (%v), want %v", name, got, err, want)
		}
		cancel()
		_ = conn.CloseNow()
		waitUntilSwept(t, r)
	}
}

func TestWhoCloses(t *testing.T) {
	t.Parallel()
	r := NewRegistry(time.Now)
	ended := make(chan Ended, 1)
	r.SetHooks(func(*Socket) {}, func(e Ended) { ended <- e })
	url := gated(t, r, Info{Route: "chat"}, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	ctx := context.Background()
	conn, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Write(ctx, websocket.MessageText, []byte("12345"))
	go func() { _ = conn.Close(4000, "done") }()
	var e Ended
	select {
	case e = <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the socket did not end")
	}
	if e.By != "client" || e.Code != 4000 || e.In == 0 {
		t.Errorf("ended %+v, want by the client with 4000", e)
	}
	waitUntilSwept(t, r)
}

// Ten thousand places cost at most a kilobyte and no goroutine each.
func TestRegistryIsSmall(t *testing.T) {
	const places = 10000
	r := NewRegistry(time.Now)
	var before, after runtime.MemStats
	goroutines := runtime.NumGoroutine()
	runtime.GC()
	runtime.ReadMemStats(&before)
	sockets := make([]*Socket, 0, places)
	for i := range places {
		s, err := r.Open(Info{Route: "chat", Client: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})}, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		sockets = append(sockets, s)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / places; each > 1024 {
		t.Errorf("a place costs %d bytes, want at most 1024", each)
	}
	if more := runtime.NumGoroutine() - goroutines; more > 5 {
		t.Errorf("%d sockets cost %d goroutines", places, more)
	}
	for _, s := range sockets {
		s.End()
	}
	if len(r.counts) > 0 {
		t.Errorf("%d counts are left without sockets", len(r.counts))
	}
	waitUntilSwept(t, r)
}
