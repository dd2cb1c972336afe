//go:build unix

package websockettunnel_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/caddy/websockettunnel"
	"github.com/scan2food/usher/internal/testsite"
)

// TestTunnelListener has the listener wrapper in Caddy. Sockets over TLS work and survive reloads. Requests over HTTP/1.1 and 2 on
// the same server work as before.
func TestTunnelListener(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	wrapped := strings.Replace(testsite.SecureGlobal, "servers {", "servers {\n listener_wrappers {\n websocket_tunnel\n tls\n }", 1)
	process := testsite.StartSecureProcess(t, wrapped+`
		https://localhost:PORT {
			bind 127.0.0.1
			tls internal
			header X-Reload WORDS
			websocket_tunnel /ws/* `+app.Addr+` {
				drain 100ms
			}
			respond / "plain"
		}`)
	conn, response := process.Exchange(t, testsite.Get("/ws/", testsite.Upgrade))
	if response == nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the handshake: %v\n%s", response, process.Stderr.String())
	}
	defer conn.Close()
	for i := range 5 {
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		echoes(t, conn, "hello")
		long := tunnelMessage(300_000 + i)
		go func() { _, _ = conn.Write(long) }()
		got := make([]byte, len(long))
		if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, long) {
			t.Fatalf("a long message was not echoed: %v", err)
		}
		process.Reload(t, fmt.Sprint(i))
	}
	// The old server may still accept a connection that it then closes.
	testsite.Eventually(t, "a page over HTTP/1.1", func() bool {
		plain, response := process.Exchange(t, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if response == nil {
			return false
		}
		plain.Close()
		return response.StatusCode == http.StatusOK
	})
	if s := process.OverHTTP2(t)(t, "/ws/", "websocket", nil); s.Status != http.StatusOK {
		t.Errorf("over HTTP/2: %d", s.Status)
	} else {
		echoesStream(t, s, 1000)
		s.Close()
	}
	process.Terminate(t)
	if rest, _ := io.ReadAll(conn); closeCodeOf(rest) != 1001 {
		t.Errorf("read %q when the process stopped, want a Close frame with 1001", rest)
	}
	process.ExpectStopped(t)
}

// TestTunnelListenerWraps checks an accepted connection.
func TestTunnelListenerWraps(t *testing.T) {
	t.Parallel()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := new(websockettunnel.ListenerWrapper).WrapListener(plain)
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, untouched := conn.(*net.TCPConn); untouched {
		t.Error("the connection is not wrapped")
	}
	if _, ok := conn.(io.ReaderFrom); !ok {
		t.Error("the connection has no sendfile")
	}
}
