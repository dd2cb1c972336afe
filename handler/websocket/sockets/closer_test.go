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

	"github.com/scan2food/usher/internal/patience"
)

const closerHandshake = "GET /ws/ HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// refusing is a server that refuses by closing, and by 403 where the Closer does not.
func refusing(t *testing.T, closer *Closer) (dial func() (net.Conn, *http.Response, *bufio.Reader)) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !closer.Close(w, r, "chat.v2", 4401, "key_missing: no key") {
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
		_ = conn.SetDeadline(time.Now().Add(patience.Most))
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

// What a refused client gets, and how long it may take over its answer.
func TestCloser(t *testing.T) {
	t.Parallel()
	want := closeFrame(4401, "key_missing: no key")
	for _, c := range []struct {
		name   string
		answer []byte // what the client says to the Close frame
		leaves bool
		silent bool // has all the time there is
		why    string
	}{
		{"answers", maskedClose(4401, ""), false, false, "the closing handshake is done (RFC 6455, 7.1.1)"},
		{"talks first", append(masked(1, []byte("hello")), maskedClose(1000, "")...), false, false, "what it says is dropped"},
		{"leaves", nil, true, false, "there is nothing to wait for"},
		{"says nothing", nil, false, true, "it may not keep a place"},
		{"talks on", bytes.Repeat(masked(1, []byte("hello")), 1000), false, true, "nor by talking"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			closer := NewCloser(1)
			asked, stopwatch := time.Now(), patience.Stopwatch(t)
			conn, response, reader := refusing(t, closer)()
			if response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get("Sec-WebSocket-Protocol") != "chat.v2" ||
				response.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
				t.Fatalf("the handshake is answered %d %v", response.StatusCode, response.Header)
			}
			got, err := io.ReadAll(reader) // the end of what comes is told with the frame, or browsers wait for it
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("read %x, %v, want a Close frame and the end", got, err)
			}
			if c.leaves {
				conn.Close()
			} else {
				_, _ = conn.Write(c.answer)
			}
			closer.places <- struct{}{} // free when the closing is over
			most := closerTimeout / 2
			if c.silent {
				most = 2 * closerTimeout
			}
			if took := time.Since(asked); c.silent && took < closerTimeout || stopwatch() > most {
				t.Errorf("it took %v, %v of them here, want %v at most (%s)", took, stopwatch(), most, c.why)
			}
		})
	}
}

// One closing too many is refused by status, and a place is free again after the others.
func TestCloserBounded(t *testing.T) {
	t.Parallel()
	closer := NewCloser(2)
	dial := refusing(t, closer)
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
	for deadline := time.Now().Add(patience.Most); len(closer.places) == 2 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if _, response, _ = dial(); response.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("after one has left: %d, want 101", response.StatusCode)
	}
}

// Without a connection to take over, or a key to answer, it says so and writes nothing.
func TestCloserCannot(t *testing.T) {
	t.Parallel()
	closer := NewCloser(0)
	r := httptest.NewRequest(http.MethodGet, "/ws/", nil)
	r.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	w := httptest.NewRecorder() // no Hijacker
	if closer.Close(w, r, "", 4401, "") || w.Result().StatusCode != http.StatusOK || len(w.Header()) > 0 {
		t.Errorf("without a Hijacker it wrote %v", w.Header())
	}
	if len(closer.places) != 0 {
		t.Error("a place is lost")
	}
}
