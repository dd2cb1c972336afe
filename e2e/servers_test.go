package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/scan2food/usher/internal/testsite"
	"github.com/scan2food/usher/internal/testwait"
)

// keys are the keys of the site.
var keys = map[string]string{
	"all-seat-datasocket":   "e2e-live-orders-0123456789",
	"payment-status-socket": "e2e-payment-status-0123456789",
	"chat":                  "e2e-chat-0123456789",
}

const python = "/usr/bin/python3"

// need skips the test if a tool is missing. With USHER_E2E=1 it fails the test instead.
func need(t *testing.T, tools ...string) {
	t.Helper()
	if os.Getenv("USHER_E2E") != "1" {
		t.Skipf("needs real servers (%s): set USHER_E2E=1, or run .ci/run, which installs them", strings.Join(tools, ", "))
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is missing: %v", tool, err)
		}
	}
	if out, err := exec.Command(python, "-c", "import channels, daphne, django, gunicorn, paho.mqtt").CombinedOutput(); err != nil {
		t.Fatalf("Python's packages are missing: %v\n%s", err, out)
	}
}

var buildOnce struct {
	sync.Once
	binary string
	err    error
}

// usherBinary builds cmd/caddy once per run.
func usherBinary(t *testing.T) string {
	t.Helper()
	buildOnce.Do(func() {
		dir, err := os.MkdirTemp("", "usher-e2e-")
		if err != nil {
			buildOnce.err = err
			return
		}
		buildOnce.binary = filepath.Join(dir, "caddy")
		out, err := exec.Command("go", "build", "-o", buildOnce.binary, "../cmd/caddy").CombinedOutput()
		if err != nil {
			buildOnce.err = fmt.Errorf("building cmd/caddy: %w\n%s", err, out)
		}
	})
	if buildOnce.err != nil {
		t.Fatal(buildOnce.err)
	}
	return buildOnce.binary
}

func TestMain(m *testing.M) {
	code := m.Run()
	if buildOnce.binary != "" {
		_ = os.RemoveAll(filepath.Dir(buildOnce.binary))
	}
	os.Exit(code)
}

// process is a server that a test started. It ends with the test. If the test failed, its output is logged.
type process struct {
	command *exec.Cmd
	output  lockedBuffer
	done    chan struct{}
}

type lockedBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}

func startProcess(t *testing.T, dir string, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{command: exec.Command(name, args...), done: make(chan struct{})}
	p.command.Dir = dir
	p.command.Env = append(os.Environ(), env...)
	p.command.Stdout, p.command.Stderr = &p.output, &p.output
	if err := p.command.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	go func() {
		_ = p.command.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", filepath.Base(name), p.output.String())
		}
	})
	return p
}

// stop sends SIGTERM, waits, and then kills the process.
func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		_ = p.command.Process.Kill()
		<-p.done
	}
}

// waitFor waits for a condition, for testwait.Limit at most.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testwait.Limit); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if condition() {
			return
		}
	}
	t.Fatalf("after %s: not %s", testwait.Limit, what)
}

func waitForStatus(t *testing.T, url string, status int) {
	t.Helper()
	waitFor(t, fmt.Sprintf("%d from %s", status, url), func() bool {
		response, err := http.Get(url)
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == status
	})
}

// django is the example's site: Gunicorn for pages, Daphne for sockets, and a directory of static files.
type django struct {
	dir, static, gunicorn, daphne string
	daphneLog                     string
	daphneProcess                 *process
	env                           []string
}

const exampleDir = "../examples/django"

func startDjango(t *testing.T) *django {
	t.Helper()
	run, err := os.MkdirTemp("", "usher") // short, since paths of Unix sockets are at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	d := &django{
		dir: exampleDir, static: filepath.Join(run, "static"), gunicorn: filepath.Join(run, "gunicorn.sock"),
		daphne: filepath.Join(run, "daphne.sock"), daphneLog: filepath.Join(run, "daphne.log"),
	}
	d.env = []string{
		"DJANGO_SETTINGS_MODULE=theatre.settings", "DJANGO_SECRET_KEY=e2e", "DJANGO_STATIC_ROOT=" + d.static,
		"LIVE_ORDERS_WS_KEY=" + keys["all-seat-datasocket"],
		"PAYMENT_STATUS_WS_KEY=" + keys["payment-status-socket"], "CHAT_WS_KEY=" + keys["chat"],
		"TICKET_SECRET=e2e-ticket-secret-0123456789-0123456789",
		"RUN_DIRECTORY=" + run, "LOGS_DIRECTORY=" + run, "XDG_DATA_HOME=" + run, "XDG_CONFIG_HOME=" + run, "PYTHONDONTWRITEBYTECODE=1",
	}
	d.manage(t, "migrate", "--verbosity", "0")
	d.manage(t, "collectstatic", "--noinput", "--verbosity", "0")
	startProcess(t, d.dir, d.env, python, "-m", "gunicorn", "--bind", "unix:"+d.gunicorn, "theatre.wsgi")
	d.startDaphne(t)
	waitFor(t, "Gunicorn and Daphne up", func() bool {
		_, first := os.Stat(d.gunicorn)
		_, second := os.Stat(d.daphne)
		return first == nil && second == nil
	})
	return d
}

// manage runs a command of manage.py.
func (d *django) manage(t *testing.T, args ...string) {
	t.Helper()
	command := exec.Command(python, append([]string{"manage.py"}, args...)...)
	command.Dir, command.Env = d.dir, append(os.Environ(), d.env...)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", args[0], err, out)
	}
}

func (d *django) startDaphne(t *testing.T) {
	t.Helper()
	d.daphneProcess = startProcess(t, d.dir, d.env, python, "-m", "daphne", "-u", d.daphne,
		"--access-log", d.daphneLog, "theatre.asgi:application")
}

// seen returns what Daphne has logged about sockets.
func (d *django) seen(t *testing.T) string {
	t.Helper()
	log, err := os.ReadFile(d.daphneLog)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(log)
}

// deploy overwrites the static files with another release of the scripts, as collectstatic does.
func (d *django) deploy(t *testing.T, release string) {
	t.Helper()
	for _, name := range []string{"main.js", "worker.js"} {
		source, err := os.ReadFile(filepath.Join(d.dir, "static/theatre_js/live-orders", name))
		if err != nil {
			t.Fatal(err)
		}
		changed := bytes.ReplaceAll(source, []byte("release 1"), []byte(release))
		if err := os.WriteFile(filepath.Join(d.static, "theatre_js/live-orders", name), changed, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// usher is Caddy with usher and the example's Caddyfile.
type usher struct {
	*process
	url string
	env []string
}

func startUsher(t *testing.T, d *django, port int) *usher {
	t.Helper()
	u := &usher{url: fmt.Sprintf("http://localhost:%d", port)}
	u.env = append([]string{"SITE_ADDRESS=" + u.url, fmt.Sprintf("CADDY_ADMIN=127.0.0.1:%d", testsite.FreePort(t))}, d.env...)
	u.process = startProcess(t, d.dir, u.env, usherBinary(t), "run", "--config", "Caddyfile")
	waitForStatus(t, u.url+"/health/", http.StatusOK)
	return u
}

// reload loads the same configuration again, as `caddy reload --force` does.
func (u *usher) reload(t *testing.T) {
	t.Helper()
	command := exec.Command(usherBinary(t), "reload", "--config", "Caddyfile", "--force")
	command.Dir, command.Env = exampleDir, append(os.Environ(), u.env...)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("caddy reload: %v\n%s", err, out)
	}
}
