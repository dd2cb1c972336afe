//go:build unix

package testsite

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

	"github.com/scan2food/usher/internal/testwait"
)

// processConfig names the file that holds the configuration of a process which is started by a test.
const processConfig = "USHER_TEST_CONFIG"

// Main runs the tests of a package. In a process that StartTunnelProcess or StartSecureProcess started it runs Caddy instead.
// TestMain must call it.
func Main(m *testing.M) {
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

// runTests runs the tests with a temporary directory for Caddy's data.
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
type Process struct {
	Command *exec.Cmd
	Addr    string
	Admin   string
	Config  func(words string) string
	Stderr  transcript
	Stopped chan error
}

// startCaddy runs a site that is a tunnel to the application and no more, on a port of its own. Words are what reloads change.
func StartTunnelProcess(t *testing.T, application, words string) *Process {
	t.Helper()
	p := &Process{Addr: FreeAddress(t), Admin: FreeAddress(t), Stopped: make(chan error, 1)}
	p.Config = func(words string) string {
		_, port, _ := net.SplitHostPort(p.Addr)
		return fmt.Sprintf("{\nadmin %s\npersist_config off\n}\nhttp://example.com:%s {\nbind 127.0.0.1\nwebsocket_tunnel /ws/* %s {\n%s\n}\n}",
			p.Admin, port, application, words)
	}
	p.Run(t, p.Adapted(t, words))
	return p
}

// run starts the process with a configuration, and waits until it listens.
func (p *Process) Run(t *testing.T, config []byte, env ...string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(name, config, 0o600); err != nil {
		t.Fatal(err)
	}
	p.Command = exec.Command(os.Args[0])
	p.Command.Env = append(append(os.Environ(), processConfig+"="+name, "XDG_DATA_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir()), env...)
	p.Command.Env = append(p.Command.Env, "GORACE=exitcode=0") // Caddy's own start races with the first TLS handshake
	p.Command.Stderr = &p.Stderr
	if err := p.Command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.Stopped <- p.Command.Wait() }()
	t.Cleanup(func() { _ = p.Command.Process.Kill() })
	Eventually(t, "Caddy listens", func() bool {
		conn, err := net.Dial("tcp", p.Addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// nextPort counts through the ports below those that the kernel gives away: a test beside this one, which asks the kernel for
// any, does not get the one that a process is about to listen at.
var nextPort atomic.Uint32

func FreeAddress(t *testing.T) string {
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

func (p *Process) Adapted(t *testing.T, words string) []byte {
	t.Helper()
	adapted, err := Adapt(p.Config(words))
	if err != nil {
		t.Fatal(err)
	}
	return adapted
}

// reload is `caddy reload`.
func (p *Process) Reload(t *testing.T, words string) {
	t.Helper()
	p.ask(t, http.MethodPost, "/load", p.Adapted(t, words))
}

// ask is a request to the admin endpoint, which has to answer 200. Each configuration has an endpoint of its own, and that of
// the one before closes after a reload was answered: who is still in the queue of its listener is reset, and asks again.
func (p *Process) ask(t *testing.T, method, path string, body []byte) []byte {
	t.Helper()
	for attempt := 1; ; attempt++ {
		request, err := http.NewRequest(method, "http://"+p.Admin+path, bytes.NewReader(body))
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
			t.Fatalf("%s: %v\n%s", path, err, p.Stderr.String())
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
func (p *Process) Stop(t *testing.T) {
	t.Helper()
	p.Terminate(t)
	p.ExpectStopped(t)
}

func (p *Process) Terminate(t *testing.T) {
	t.Helper()
	if err := p.Command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

func (p *Process) ExpectStopped(t *testing.T) {
	t.Helper()
	select {
	case err := <-p.Stopped:
		if err != nil {
			t.Errorf("Caddy ended with %v\n%s", err, p.Stderr.String())
		}
		if said := p.Stderr.String(); strings.Contains(said, "DATA RACE") && strings.Contains(said, "usher/") {
			t.Errorf("a race of ours:\n%s", said)
		}
	case <-time.After(testwait.Limit):
		t.Errorf("Caddy does not stop\n%s", p.Stderr.String())
	}
}

// usage is what a process holds.
type Usage struct {
	Goroutines, Descriptors int
	Heap                    uint64 // bytes, after a collection
}

func (p *Process) Usage(t *testing.T) Usage {
	t.Helper()
	var u Usage
	p.Get(t, "/debug/pprof/heap?gc=1")
	p.Get(t, "/debug/pprof/heap?gc=1") // what a sync.Pool holds survives one
	var vars struct{ Memstats struct{ HeapAlloc uint64 } }
	if err := json.Unmarshal(p.Get(t, "/debug/vars"), &vars); err != nil {
		t.Fatal(err)
	}
	u.Heap = vars.Memstats.HeapAlloc
	if _, err := fmt.Sscanf(string(p.Get(t, "/debug/pprof/goroutine?debug=1")), "goroutine profile: total %d", &u.Goroutines); err != nil {
		t.Fatal(err)
	}
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Command.Process.Pid))
	if err != nil && runtime.GOOS == "linux" {
		t.Fatal(err)
	}
	u.Descriptors = len(descriptors)
	return u
}

func (p *Process) Get(t *testing.T, path string) []byte {
	t.Helper()
	return p.ask(t, http.MethodGet, path, nil)
}
