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
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/scan2food/usher/internal/testwait"
)

// processConfig is the environment variable with the name of a process's configuration file.
const processConfig = "USHER_TEST_CONFIG"

// loadedMessage is printed when a process has loaded its configuration.
const loadedMessage = "test configuration loaded"

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
	fmt.Fprintln(os.Stderr, loadedMessage)
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

// transcript records the output of a process. It can be read while the process writes.
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

// Process is Caddy in a process of its own.
type Process struct {
	Command *exec.Cmd
	Addr    string
	Admin   string
	Config  func(options string) string
	Stderr  transcript
	Stopped chan error
}

// StartTunnelProcess starts a process with only a tunnel to the application, on a free port. Reloads change the options.
func StartTunnelProcess(t *testing.T, application, options string) *Process {
	t.Helper()
	p := &Process{Addr: FreeAddress(t), Admin: FreeAddress(t), Stopped: make(chan error, 1)}
	p.Config = func(options string) string {
		_, port, _ := net.SplitHostPort(p.Addr)
		return fmt.Sprintf("{\nadmin %s\npersist_config off\n}\nhttp://example.com:%s {\nbind 127.0.0.1\nwebsocket_tunnel /ws/* %s {\n%s\n}\n}",
			p.Admin, port, application, options)
	}
	p.Run(t, p.Adapted(t, options))
	return p
}

// Run starts the process with a configuration and waits until Caddy has started. Caddy listens earlier, but its own start races
// with a TLS handshake.
func (p *Process) Run(t *testing.T, config []byte, env ...string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(name, config, 0o600); err != nil {
		t.Fatal(err)
	}
	processes.Store(p.Addr, true)
	p.Command = exec.Command(os.Args[0])
	p.Command.Env = append(append(os.Environ(), processConfig+"="+name, "XDG_DATA_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir()), env...)
	p.Command.Env = append(p.Command.Env, "GORACE=exitcode=0") // a reload of Caddy races with TLS handshakes
	p.Command.Stderr = &p.Stderr
	starts := func() int { return strings.Count(p.Stderr.String(), loadedMessage) }
	before := starts()
	if err := p.Command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.Stopped <- p.Command.Wait() }()
	t.Cleanup(func() { _ = p.Command.Process.Kill() })
	Eventually(t, "Caddy has started", func() bool { return starts() > before })
}

// Adapted returns the JSON configuration with options.
func (p *Process) Adapted(t *testing.T, options string) []byte {
	t.Helper()
	adapted, err := Adapt(p.Config(options))
	if err != nil {
		t.Fatal(err)
	}
	return adapted
}

// Reload loads the configuration with other options, like `caddy reload`.
func (p *Process) Reload(t *testing.T, options string) {
	t.Helper()
	p.admin(t, http.MethodPost, "/load", p.Adapted(t, options))
}

// admin sends a request to the admin endpoint, which must respond with 200. A reload closes the previous endpoint and resets
// the connections in its queue. admin retries then.
func (p *Process) admin(t *testing.T, method, path string, body []byte) []byte {
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
		content, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %s %v", path, response.Status, content, err)
		}
		return content
	}
}

// Stop terminates the process and waits until it has ended.
func (p *Process) Stop(t *testing.T) {
	t.Helper()
	p.Terminate(t)
	p.ExpectStopped(t)
}

// Terminate sends SIGTERM, like systemd.
func (p *Process) Terminate(t *testing.T) {
	t.Helper()
	if err := p.Command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// ExpectStopped waits until the process has ended, without an error and without a data race in usher.
func (p *Process) ExpectStopped(t *testing.T) {
	t.Helper()
	select {
	case err := <-p.Stopped:
		if err != nil {
			t.Errorf("Caddy ended with %v\n%s", err, p.Stderr.String())
		}
		if output := p.Stderr.String(); strings.Contains(output, "DATA RACE") && strings.Contains(output, "usher/") {
			t.Errorf("a data race in usher:\n%s", output)
		}
	case <-time.After(testwait.Limit):
		t.Errorf("Caddy does not stop\n%s", p.Stderr.String())
	}
}

// Usage holds the resources of a process.
type Usage struct {
	Goroutines, Descriptors int
	Heap                    uint64 // bytes, after a collection
}

// Usage measures the resources of the process.
func (p *Process) Usage(t *testing.T) Usage {
	t.Helper()
	var u Usage
	p.Get(t, "/debug/pprof/heap?gc=1")
	p.Get(t, "/debug/pprof/heap?gc=1") // values in a sync.Pool survive one collection
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

// Do sends a request without a body to the admin endpoint.
func (p *Process) Do(t *testing.T, method, path string) []byte {
	t.Helper()
	return p.admin(t, method, path, nil)
}

// Get returns a resource of the admin endpoint.
func (p *Process) Get(t *testing.T, path string) []byte {
	t.Helper()
	return p.admin(t, http.MethodGet, path, nil)
}
