//go:build unix

package usher

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// processConfig names the file that holds the configuration of a process which is started by a test.
const processConfig = "USHER_TEST_CONFIG"

// TestMain is Caddy itself where a test asks for that.
func TestMain(m *testing.M) {
	name := os.Getenv(processConfig)
	if name == "" {
		os.Exit(runTests(m))
	}
	config, err := os.ReadFile(name)
	if err == nil {
		caddy.TrapSignals()
		err = caddy.Load(config, true)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}

// runTests has Caddy keep its data in a directory that goes away.
func runTests(m *testing.M) int {
	data, err := os.MkdirTemp("", "usher-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(data)
	os.Setenv("XDG_DATA_HOME", data)
	return m.Run()
}

// caddyProcess is Caddy with its own process.
type caddyProcess struct {
	command    *exec.Cmd
	addr       string
	admin      string
	config     func(words string) string
	errors     bytes.Buffer
	hasStopped chan error
}

// startCaddy runs a site with a tunnel to the application on a port of its own.
func startCaddy(t *testing.T, application, words string) *caddyProcess {
	t.Helper()
	p := &caddyProcess{addr: freeAddress(t), admin: freeAddress(t), hasStopped: make(chan error, 1)}
	p.config = func(words string) string {
		_, port, _ := net.SplitHostPort(p.addr)
		return fmt.Sprintf("{\nadmin %s\npersist_config off\n}\nhttp://example.com:%s {\nbind 127.0.0.1\nwebsocket_tunnel /ws/* %s {\n%s\n}\n}",
			p.admin, port, application, words)
	}
	p.run(t, p.adapted(t, words))
	return p
}

// run starts the process with a configuration, and waits until it listens.
func (p *caddyProcess) run(t *testing.T, config []byte, env ...string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(name, config, 0o600); err != nil {
		t.Fatal(err)
	}
	p.command = exec.Command(os.Args[0])
	p.command.Env = append(append(os.Environ(), processConfig+"="+name, "XDG_DATA_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir()), env...)
	p.command.Stderr = &p.errors
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.hasStopped <- p.command.Wait() }()
	t.Cleanup(func() { _ = p.command.Process.Kill() })
	eventually(t, "Caddy listens", func() bool {
		conn, err := net.Dial("tcp", p.addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func (p *caddyProcess) adapted(t *testing.T, words string) []byte {
	t.Helper()
	adapted, err := adaptCaddyfile(p.config(words))
	if err != nil {
		t.Fatal(err)
	}
	return adapted
}

// reload is `caddy reload`.
func (p *caddyProcess) reload(t *testing.T, words string) {
	t.Helper()
	response, err := http.Post("http://"+p.admin+"/load", "application/json", bytes.NewReader(p.adapted(t, words)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(response.Body)
		t.Fatalf("reload: %s %s", response.Status, body)
	}
}

// openTunnelSoon makes the handshake again where its connection ended before any answer came. That happens to connections
// of any kind which reach a stock Caddy in the moment of a reload: each configuration has a listener of its own, with
// SO_REUSEPORT, and what waits in the queue of the one that closes is reset. Clients of open sockets never see it.
func openTunnelSoon(t *testing.T, site *testSite) {
	t.Helper()
	var errs []error
	for range 5 {
		conn, err := net.Dial("tcp", site.Addr)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			_, err = io.WriteString(conn, tunnelHandshake)
		}
		if err == nil {
			var response *http.Response
			if response, err = http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
				if response.StatusCode != http.StatusSwitchingProtocols {
					t.Fatalf("got %s, want 101", response.Status)
				}
				return
			}
		}
		errs = append(errs, err)
	}
	t.Fatalf("five handshakes after a reload failed: %v", errs)
}

// TestTunnelInAProcess reloads a real Caddy under load, and stops it: no byte is lost, and clients are told, not all at
// one moment.
func TestTunnelInAProcess(t *testing.T) {
	t.Parallel()
	app := startApplication(t)
	process := startCaddy(t, app.Addr, "drain 600ms")
	site := &testSite{Addr: process.addr}
	const open, reloads = 50, 20
	conns := make([]net.Conn, open)
	for i := range conns {
		conns[i], _ = openTunnel(t, site)
	}
	stop, talked := make(chan struct{}), make(chan error, open)
	for i, conn := range conns {
		go func() { talked <- talk(conn, i, stop) }()
	}
	for i := range reloads {
		process.reload(t, fmt.Sprintf("drain 600ms\nheader_up X-Reload %d", i))
		openTunnelSoon(t, site)
	}
	close(stop)
	for range conns {
		if err := <-talked; err != nil {
			t.Error(err)
		}
	}

	if err := process.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	started, told := time.Now(), make(chan time.Duration, open)
	for i, conn := range conns {
		go func() {
			got, err := io.ReadAll(conn)
			if err != nil || len(got) < 4 || got[0] != 0x88 || got[2] != 0x03 || got[3] != 0xe9 {
				t.Errorf("socket %d read %q, %v, want a Close frame with 1001", i, got, err)
			}
			told <- time.Since(started)
		}()
	}
	var times []time.Duration
	for range conns {
		times = append(times, <-told)
	}
	if spread := slices.Max(times) - slices.Min(times); spread < 200*time.Millisecond {
		t.Errorf("all clients were told within %s, want that spread over 600ms", spread)
	}
	select {
	case err := <-process.hasStopped:
		if err != nil {
			t.Errorf("Caddy ended with %v\n%s", err, process.errors.String())
		}
	case <-time.After(5 * time.Second):
		t.Errorf("Caddy does not stop\n%s", process.errors.String())
	}
}
