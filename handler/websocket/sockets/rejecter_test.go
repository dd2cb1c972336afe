package sockets

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/scan2food/usher/internal/testwait"
)

const closerHandshake = "GET /ws/ HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// startRejecting is a server that rejects with a Close frame, or with 403 if the Rejecter returns false.
func startRejecting(t *testing.T, closer *Rejecter) (dial func() (net.Conn, *http.Response, *bufio.Reader)) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !closer.Reject(w, r, "chat.v2", 4401, "key_missing: no key") {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(server.Close)
	return func() (net.Conn, *http.Response, *bufio.Reader) {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(testwait.Limit))
		if _, err := io.WriteString(conn, closerHandshake); err != nil {
			t.Fatal(err)
		}
		reader := bufio.NewReader(conn)
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		return conn, response, reader
	}
}

// TestRejecter checks what a rejected client receives, and what ends its connection.
func TestRejecter(t *testing.T) {
	t.Parallel()
	want := closeFrame(4401, "key_missing: no key")
	const never, soonOver = time.Hour, 500 * time.Millisecond
	for _, c := range []struct {
		name    string
		answer  []byte // what the client sends after the Close frame
		leaves  bool
		timeout time.Duration // of the rejection
		why     string
	}{
		{"answers", maskedClose(4401, ""), false, never, "the closing handshake is complete (RFC 6455, 7.1.1)"},
		{"sends data first", append(masked(1, []byte("hello")), maskedClose(1000, "")...), false, never, "the data is dropped"},
		{"leaves", nil, true, never, "there is nothing to wait for"},
		{"sends nothing", nil, false, soonOver, "the timeout frees its place"},
		{"never stops sending", bytes.Repeat(masked(1, []byte("hello")), 1000), false, soonOver, "sending does not extend the timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			closer := NewRejecter(1)
			closer.timeout = c.timeout
			conn, response, reader := startRejecting(t, closer)()
			if response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get("Sec-WebSocket-Protocol") != "chat.v2" ||
				response.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
				t.Fatalf("the handshake is answered %d %v", response.StatusCode, response.Header)
			}
			got, err := io.ReadAll(reader) // EOF must follow the frame, since browsers wait for it
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("read %x, %v, want a Close frame and EOF", got, err)
			}
			if c.leaves {
				conn.Close()
			} else {
				_, _ = conn.Write(c.answer)
			}
			free := make(chan struct{})
			go func() {
				closer.slots <- struct{}{} // succeeds when the rejection is over
				close(free)
			}()
			soon(t, "the end of the closing ("+c.why+")", free)
		})
	}
}

// If there are too many rejections at a time, the next is by status. When one has ended, there is room again.
func TestRejecterLimitsConnections(t *testing.T) {
	t.Parallel()
	closer := NewRejecter(2)
	dial := startRejecting(t, closer)
	first, response, _ := dial()
	if response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the first: %d", response.StatusCode)
	}
	if _, response, _ = dial(); response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the second: %d", response.StatusCode)
	}
	if _, response, _ = dial(); response.StatusCode != http.StatusForbidden {
		t.Errorf("the third: %d, want 403", response.StatusCode)
	}
	first.Close()
	for deadline := time.Now().Add(testwait.Limit); len(closer.slots) == 2 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if _, response, _ = dial(); response.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("after one has left: %d, want 101", response.StatusCode)
	}
}

// Without a hijackable connection, or a key, Reject returns false and writes nothing.
func TestRejecterWithoutHijacker(t *testing.T) {
	t.Parallel()
	closer := NewRejecter(0)
	r := httptest.NewRequest(http.MethodGet, "/ws/", nil)
	r.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	w := httptest.NewRecorder() // no Hijacker
	if closer.Reject(w, r, "", 4401, "") || w.Result().StatusCode != http.StatusOK || len(w.Header()) > 0 {
		t.Errorf("without a Hijacker it wrote %v", w.Header())
	}
	if len(closer.slots) != 0 {
		t.Error("a place is lost")
	}
}
