package websockettunnel_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/caddy/socketlog"
	"github.com/scan2food/usher/handler/websocket/sockets"
	"github.com/scan2food/usher/internal/testsite"
	"github.com/scan2food/usher/internal/testwait"
)

func TestTunnelOverHTTP3(t *testing.T) {
	t.Parallel()
	tunnelStreams(t, testsite.OverHTTP3)
}

func TestTunnelOverHTTP2(t *testing.T) {
	testsite.WithExtendedConnect(t, func() { tunnelStreams(t, testsite.OverHTTP2) })
}

// tunnelStreams are the cases that HTTP/2 and HTTP/3 share. A socket is a stream.
func tunnelStreams(t *testing.T, over func(*testing.T, *testsite.Site) testsite.Opener) {
	t.Helper()
	app := testsite.StartApplication(t)
	site := testsite.Start(t, `http://localhost
		log
		websocket_tunnel /ws/* `+app.Addr+`
		reverse_proxy `+app.Addr)
	open := over(t, site)
	t.Run("echo", func(t *testing.T) {
		s := open(t, "/ws/?a=1", "websocket", http.Header{"Sec-Websocket-Protocol": {"v1, v2"}})
		if s.Status != http.StatusOK {
			t.Fatalf("status %d, want 200", s.Status)
		}
		for _, size := range []int{0, 1, 125, 70000} {
			echoesStream(t, s, size)
		}
		seen := app.Seen()
		if len(seen) != 1 || seen[0].Method != http.MethodGet || seen[0].Header.Get("Upgrade") != "websocket" ||
			seen[0].RequestURI != "/ws/?a=1" || seen[0].Header.Get("Sec-Websocket-Key") == "" {
			t.Errorf("the application saw %v", seen)
		}
		s.Close()
		testsite.Eventually(t, "the end logged, and the request", func() bool {
			return streamEnded(site, "client", "transport") && len(site.Logs.With("handled request")) == 1
		})
	})
	t.Run("refused", func(t *testing.T) {
		app.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "never: mind", http.StatusForbidden)
			return true
		})
		defer app.Answer(nil)
		s := open(t, "/ws/", "websocket", nil)
		if s.Status != http.StatusForbidden || s.Outcome != "never" {
			t.Errorf("%d %q, want the application's response", s.Status, s.Outcome)
		}
	})
	t.Run("a success that is no switch", func(t *testing.T) {
		app.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = io.WriteString(w, "hello")
			return true
		})
		defer app.Answer(nil)
		if s := open(t, "/ws/", "websocket", nil); s.Status != http.StatusBadGateway {
			t.Errorf("%d, want 502: any 2xx would open the stream", s.Status)
		}
	})
	t.Run("application gone", func(t *testing.T) {
		app.Answer(acceptAndLeave)
		defer app.Answer(nil)
		s := open(t, "/ws/", "websocket", nil)
		if got := streamRest(s); !bytes.HasPrefix(got, []byte{0x88}) || got[2] != 0x03 || got[3] != 0xf4 {
			t.Errorf("read %q, want a Close frame with 1012", got)
		}
		s.Close()
	})
	t.Run("closed here", func(t *testing.T) {
		origin := "http://" + t.Name()
		s := open(t, "/ws/", "websocket", http.Header{"Origin": {origin}})
		echoesStream(t, s, 5)
		closed := socketlog.Registry().CloseWhere(func(info sockets.Info) bool { return info.Origin == origin }, 4401, "no more")
		got := streamRest(s)
		if closed != 1 || !bytes.HasPrefix(got, []byte{0x88}) || got[2] != 0x11 || got[3] != 0x31 {
			t.Errorf("%d closed, read %q, want a Close frame with 4401", closed, got)
		}
		s.Close()
	})
}

// acceptAndLeave is an application that crashes right after the handshake.
func acceptAndLeave(w http.ResponseWriter, r *http.Request) bool {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return true
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: "+acceptOf(r)+"\r\n\r\n")
	conn.Close()
	return true
}

func acceptOf(r *http.Request) string {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// tunnelMessage returns a frame with a payload of this length, masked with zeros.
func tunnelMessage(size int) []byte {
	head := []byte{0x82, 0x80 | byte(min(size, 127))}
	switch {
	case size > 0xffff:
		head = binary.BigEndian.AppendUint64(head, uint64(size))
	case size > 125:
		head[1] = 0x80 | 126
		head = binary.BigEndian.AppendUint16(head, uint16(size))
	}
	return append(append(head, 0, 0, 0, 0), bytes.Repeat([]byte("usher"), size/5+1)[:size]...)
}

func echoesStream(t *testing.T, s *testsite.Stream, size int) {
	t.Helper()
	message := tunnelMessage(size)
	sent := make(chan error, 1)
	go func() {
		_, err := s.Write(message)
		sent <- err
	}()
	got := make([]byte, len(message))
	if _, err := io.ReadFull(s, got); err != nil || !bytes.Equal(got, message) {
		t.Fatalf("a message of %d bytes was not echoed: %v", size, err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

// streamRest reads to the end of a stream and ignores errors.
func streamRest(s *testsite.Stream) []byte {
	read := make(chan []byte, 1)
	go func() {
		got, _ := io.ReadAll(s)
		read <- got
	}()
	select {
	case got := <-read:
		return append(got, 0, 0, 0, 0)
	case <-time.After(testwait.Limit):
		s.Close()
		return []byte(strings.Repeat("no end ", 2))
	}
}

func streamEnded(site *testsite.Site, by ...string) bool {
	return slices.ContainsFunc(site.Logs.Ended(), func(line map[string]any) bool {
		who, _ := line["closed_by"].(string)
		return slices.Contains(by, who)
	})
}
