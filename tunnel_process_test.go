//go:build unix

package usher

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/scan2food/usher/internal/patience"
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

// transcript is what a process has written so far. It may be read while the process writes.
type transcript struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.text.Write(p)
}

func (t *transcript) String() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.text.String()
}

// caddyProcess is Caddy with its own process.
type caddyProcess struct {
	command    *exec.Cmd
	addr       string
	admin      string
	config     func(words string) string
	errors     transcript
	hasStopped chan error
}

// startCaddy runs a site that is a tunnel to the application and no more, on a port of its own. Words are what reloads change.
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
	p.command.Env = append(p.command.Env, "GORACE=exitcode=0") // Caddy's own start races with the first TLS handshake
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

// nextPort counts through the ports below those that the kernel gives away: a test beside this one, which asks the kernel for
// any, does not get the one that a process is about to listen at.
var nextPort atomic.Uint32

func freeAddress(t *testing.T) string {
	t.Helper()
	const first, ports = 16_384, 16_384
	for range ports {
		port := first + (uint32(os.Getpid())*64+nextPort.Add(1))%ports
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		listener, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		listener.Close()
		return addr
	}
	t.Fatalf("want a port of %d that nobody listens at", ports)
	return ""
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
	p.ask(t, http.MethodPost, "/load", p.adapted(t, words))
}

// ask is a request to the admin endpoint, which has to answer 200. Each configuration has an endpoint of its own, and that of
// the one before closes after a reload was answered: who is still in the queue of its listener is reset, and asks again.
func (p *caddyProcess) ask(t *testing.T, method, path string, body []byte) []byte {
	t.Helper()
	for attempt := 1; ; attempt++ {
		request, err := http.NewRequest(method, "http://"+p.admin+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Close = true
		response, err := http.DefaultClient.Do(request)
		if attempt < 5 && (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF)) {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v\n%s", path, err, p.errors.String())
		}
		answer, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %s %v", path, response.Status, answer, err)
		}
		return answer
	}
}

// stop ends the process as systemd does, and waits until it has ended.
func (p *caddyProcess) stop(t *testing.T) {
	t.Helper()
	p.terminate(t)
	p.expectStopped(t)
}

func (p *caddyProcess) terminate(t *testing.T) {
	t.Helper()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

func (p *caddyProcess) expectStopped(t *testing.T) {
	t.Helper()
	select {
	case err := <-p.hasStopped:
		if err != nil {
			t.Errorf("Caddy ended with %v\n%s", err, p.errors.String())
		}
		if said := p.errors.String(); strings.Contains(said, "DATA RACE") && strings.Contains(said, "usher/") {
			t.Errorf("a race of ours:\n%s", said)
		}
	case <-time.After(patience.Most):
		t.Errorf("Caddy does not stop\n%s", p.errors.String())
	}
}

// usage is what a process holds.
type usage struct {
	goroutines, descriptors int
	heap                    uint64 // bytes, after a collection
}

func (p *caddyProcess) usage(t *testing.T) usage {
	t.Helper()
	var u usage
	p.get(t, "/debug/pprof/heap?gc=1")
	p.get(t, "/debug/pprof/heap?gc=1") // what a sync.Pool holds survives one
	var vars struct{ Memstats struct{ HeapAlloc uint64 } }
	if err := json.Unmarshal(p.get(t, "/debug/vars"), &vars); err != nil {
		t.Fatal(err)
	}
	u.heap = vars.Memstats.HeapAlloc
	if _, err := fmt.Sscanf(string(p.get(t, "/debug/pprof/goroutine?debug=1")), "goroutine profile: total %d", &u.goroutines); err != nil {
		t.Fatal(err)
	}
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.command.Process.Pid))
	if err != nil && runtime.GOOS == "linux" {
		t.Fatal(err)
	}
	u.descriptors = len(descriptors)
	return u
}

func (p *caddyProcess) get(t *testing.T, path string) []byte {
	t.Helper()
	return p.ask(t, http.MethodGet, path, nil)
}
