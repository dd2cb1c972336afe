package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/scan2food/usher/internal/testsite"
	"github.com/scan2food/usher/internal/testwait"
)

// echoApplication runs in Daphne. It echoes messages. On request it starts a message that is too long to be sent at once. At
// one path it never accepts the handshake.
const echoApplication = `import asyncio

async def application(scope, receive, send):
    if scope["type"] != "websocket":
        return
    await receive()
    if scope["path"] == "/ws/hangs/":
        await asyncio.sleep(3600)
    await send({"type": "websocket.accept", "subprotocol": (scope["subprotocols"] or [None])[0]})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        if message.get("text") == "endless":
            await send({"type": "websocket.send", "bytes": b"x" * (64 << 20)})
        elif message.get("text") == "leave":
            await send({"type": "websocket.close", "code": 4000})
        else:
            await send({"type": "websocket.send", "text": message.get("text"), "bytes": message.get("bytes")})
`

// tunnelled is a site with only a tunnel to Daphne.
type tunnelled struct {
	*usher
	dir, socket, config string
	daphne              *process
}

func startTunnelled(t *testing.T, words string) *tunnelled {
	t.Helper()
	dir, err := os.MkdirTemp("", "usher") // short: socket paths have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &tunnelled{dir: dir, socket: filepath.Join(dir, "daphne.sock"), config: filepath.Join(dir, "Caddyfile")}
	if err := os.WriteFile(filepath.Join(dir, "echo.py"), []byte(echoApplication), 0o600); err != nil {
		t.Fatal(err)
	}
	s.startDaphne(t)
	port, admin := testsite.FreePort(t), testsite.FreePort(t)
	config := fmt.Sprintf("{\nadmin 127.0.0.1:%d\n}\nhttp://localhost:%d {\nwebsocket_tunnel /ws/* unix/%s {\n%s\n}\nrespond / up\n}\n",
		admin, port, s.socket, words)
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.usher = &usher{url: fmt.Sprintf("http://localhost:%d", port), env: []string{"XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir}}
	s.process = startProcess(t, dir, s.env, usherBinary(t), "run", "--config", s.config)
	waitForStatus(t, s.url, http.StatusOK)
	return s
}

func (s *tunnelled) startDaphne(t *testing.T) {
	t.Helper()
	_ = os.Remove(s.socket)
	s.daphne = startProcess(t, s.dir, nil, python, "-m", "daphne", "--application-close-timeout", "1", "-u", s.socket, "echo:application")
	waitFor(t, "Daphne up", func() bool { _, err := os.Stat(s.socket); return err == nil })
}

func (s *tunnelled) dial(t *testing.T, path string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testwait.Limit)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, strings.Replace(s.url, "http", "ws", 1)+path,
		&websocket.DialOptions{Subprotocols: []string{"v1"}})
	if conn != nil {
		conn.SetReadLimit(-1)
		t.Cleanup(func() { _ = conn.CloseNow() })
	}
	return conn, response, err
}

func (s *tunnelled) open(t *testing.T) *websocket.Conn {
	t.Helper()
	conn, _, err := s.dial(t, "/ws/")
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// echoed sends a message and reads it back.
func echoed(conn *websocket.Conn, message []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), testwait.Limit)
	defer cancel()
	if err := conn.Write(ctx, websocket.MessageBinary, message); err != nil {
		return err
	}
	if _, got, err := conn.Read(ctx); err != nil || !bytes.Equal(got, message) {
		return fmt.Errorf("a message of %d bytes came back with %d: %w", len(message), len(got), err)
	}
	return nil
}

// TestTunnelToDaphne opens sockets to Daphne, reloads 20 times, closes the sockets in several ways, and checks that none
// remains.
func TestTunnelToDaphne(t *testing.T) {
	need(t)
	site := startTunnelled(t, "ping 1s")
	const open = 30
	stop := make(chan struct{})
	var talking sync.WaitGroup
	for i := range open {
		conn := site.open(t)
		if conn.Subprotocol() != "v1" {
			t.Fatalf("subprotocol %q, want v1", conn.Subprotocol())
		}
		talking.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
						t.Errorf("socket %d: closing: %v", i, err)
					}
					return
				default:
				}
				if err := echoed(conn, bytes.Repeat([]byte{byte(i), byte(n)}, 1+i*n%40000)); err != nil {
					t.Errorf("socket %d, message %d: %v", i, n, err)
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	quiet := site.open(t) // sends nothing and is kept open by pings
	answering := quiet.CloseRead(t.Context())
	for range 20 {
		reload(t, site)
	}
	close(stop)
	talking.Wait()
	if answering.Err() != nil {
		t.Error("the quiet socket was closed")
	}
	if err := quiet.Ping(t.Context()); err != nil {
		t.Errorf("no pong from Daphne: %v", err)
	}
}

func reload(t *testing.T, s *tunnelled) {
	t.Helper()
	s.run(t, "reload", "--config", s.config, "--force")
}

// run runs a command of Caddy.
func (s *tunnelled) run(t *testing.T, arguments ...string) {
	t.Helper()
	command := startProcess(t, s.dir, s.env, usherBinary(t), arguments...)
	<-command.done
	if code := command.command.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("caddy %s: %d\n%s", arguments[0], code, command.output.String())
	}
}

// TestDaphneKilled kills Daphne during a message and during silence, and starts it again.
func TestDaphneKilled(t *testing.T) {
	need(t)
	site := startTunnelled(t, "handshake_timeout 1s")
	quiet, leaves := site.open(t), site.open(t)
	reading := site.open(t)
	if err := reading.Write(t.Context(), websocket.MessageText, []byte("endless")); err != nil {
		t.Fatal(err)
	}
	_, message, err := reading.Reader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(message, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := leaves.Write(t.Context(), websocket.MessageText, []byte("leave")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := leaves.Read(t.Context()); websocket.CloseStatus(err) != 4000 {
		t.Errorf("the application's own close: %v, want 4000", err)
	}
	if _, response, err := site.dial(t, "/ws/hangs/"); err == nil || response == nil || response.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("an application that hangs: %v, want 504", err)
	}

	if err := site.daphne.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := quiet.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusServiceRestart {
		t.Errorf("a quiet socket: %v, want 1012", err)
	}
	if _, err := io.Copy(io.Discard, message); err == nil {
		t.Error("half a message ended as if it were whole")
	}
	if _, response, err := site.dial(t, "/ws/"); err == nil || response == nil || response.StatusCode != http.StatusBadGateway {
		t.Errorf("while Daphne is gone: %v, want 502", err)
	}
	<-site.daphne.done
	site.startDaphne(t)
	waitFor(t, "sockets again", func() bool {
		conn, _, err := site.dial(t, "/ws/")
		return err == nil && echoed(conn, []byte("again")) == nil
	})
}

// TestTunnelStops stops Caddy as `systemctl restart` does: clients get 1001 before the process ends.
func TestTunnelStops(t *testing.T) {
	need(t)
	site := startTunnelled(t, "drain 500ms")
	var conns []*websocket.Conn
	for range 10 {
		conns = append(conns, site.open(t))
	}
	go site.stop()
	for i, conn := range conns {
		if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
			t.Errorf("socket %d: %v, want 1001", i, err)
		}
	}
	<-site.done
}
