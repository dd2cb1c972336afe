package sockets

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// Bytes that a client sends together with its handshake are counted and followed, whichever way they are read.
func TestEarlyBytes(t *testing.T) {
	t.Parallel()
	r := NewRegistry(time.Now)
	read := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		s := open(t, r, Info{})
		defer s.End()
		w = s.ResponseWriter(w)
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		got := make([]byte, 11+9)
		_, _ = io.ReadFull(buffered, got)
		read <- string(got[6:11])
		if in := s.Snapshot().In; in != 20 || !s.fromClient.atBoundary() {
			t.Errorf("%d bytes came in, at a boundary %v, want 20, true", in, s.fromClient.atBoundary())
		}
	}))
	t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hello := masked(1, []byte("hello"))
	_, _ = conn.Write(append([]byte("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"), hello[:9]...))
	if response, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || response.StatusCode != 101 {
		t.Fatalf("the response is %v, %v", response, err)
	}
	_, _ = conn.Write(append(hello[9:], masked(1, []byte("abc"))...))
	soon(t, "the frames", read)
}

// CloseWrite exists if and only if the connection has it. ReadFrom and WriteTo never exist.
func TestConnOffersWhatItHas(t *testing.T) {
	t.Parallel()
	r := NewRegistry(time.Now)
	_, server := tcpPair(t)
	pipe, other := net.Pipe()
	defer pipe.Close()
	defer other.Close()
	for _, c := range []struct {
		conn net.Conn
		half bool
	}{{server, true}, {pipe, false}, {struct{ net.Conn }{server}, false}} {
		conn := open(t, r, Info{}).Conn(c.conn)
		if _, half := conn.(interface{ CloseWrite() error }); half != c.half {
			t.Errorf("%T offers half-close: %v, want %v", c.conn, half, c.half)
		}
		if _, ok := conn.(io.ReaderFrom); ok {
			t.Errorf("%T lets bytes pass unseen to the client", c.conn)
		}
		if _, ok := conn.(io.WriterTo); ok {
			t.Errorf("%T lets bytes pass unseen from the client", c.conn)
		}
	}
}
