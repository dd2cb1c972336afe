//go:build unix

package e2e

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/scan2food/usher/internal/testsite"
	"github.com/scan2food/usher/internal/testwait"
)

// clusterBuild is Caddy with usher and the storage in Redis, built once for all tests.
var clusterBuild = sync.OnceValues(func() (string, error) {
	out, err := filepath.Abs("../examples/cluster/run/caddy")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", out, ".")
	build.Dir = "../examples/cluster"
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building examples/cluster: %w\n%s", err, output)
	}
	return out, nil
})

func clusterBinary(t *testing.T) string {
	t.Helper()
	binary, err := clusterBuild()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// redisServer is a Redis that keeps nothing on disk.
type redisServer struct {
	*process
	port int
}

func startRedis(t *testing.T, port int) *redisServer {
	t.Helper()
	r := &redisServer{port: port}
	r.process = startProcess(t, t.TempDir(), nil, "redis-server", "--bind", "127.0.0.1", "--port", fmt.Sprint(port), "--save", "", "--appendonly", "no")
	waitFor(t, "Redis up", func() bool { return r.ask("ping") == "PONG" })
	return r
}

// ask runs a command of redis-cli.
func (r *redisServer) ask(command ...string) string {
	output, _ := exec.Command("redis-cli", append([]string{"-p", fmt.Sprint(r.port)}, command...)...).Output()
	return strings.TrimSpace(string(output))
}

// clusterKey opens the sockets of the route limited.
const clusterKey = "e2e-cluster-key-0123456789"

const clusterCaddyfile = `{
	admin localhost:%[1]d
	persist_config off
	storage redis {
		host 127.0.0.1
		port %[2]d
		timeout 1
	}
	usher {
		shared {
			prefix %[3]s
		}
	}
}
http://localhost:%[4]d {
	usher_status /status public
	websocket_gate {
		route limited /ws/limited/ {
			key {env.CLUSTER_KEY}
			max_open 4
		}
		route open /ws/open/ {
			key {env.CLUSTER_KEY}
		}
		route me /ws/me/ {
			session sessionid
		}
	}
	versioned_assets {
		serve /static/ %[5]s
		stamp html
		keep_directory %[6]s
		settle 200ms 1s
	}
	websocket_tunnel /ws/* %[7]s
	reverse_proxy %[7]s
}
`

// node is a machine of a cluster: Caddy, its own static files, and its own connection to Redis.
type node struct {
	*process
	t             *testing.T
	port, admin   int
	static        string
	configuration string
	network       *network
}

// startNode starts a machine. Its application serves a page, ends sessions at /logout, and echoes what sockets send.
func startNode(t *testing.T, redis int, prefix string) *node {
	t.Helper()
	dir := t.TempDir()
	n := &node{t: t, static: filepath.Join(dir, "static"), network: startNetwork(t, redis)}
	n.configuration = filepath.Join(dir, "Caddyfile")
	deployRelease(t, n.static, "release 1")
	application := httptest.NewServer(http.HandlerFunc(clusterApplication))
	t.Cleanup(application.Close)
	env := []string{"CLUSTER_KEY=" + clusterKey, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir}
	for range 5 { // a connection may take a port that was free
		n.port, n.admin = testsite.FreePort(t), testsite.FreePort(t)
		content := fmt.Sprintf(clusterCaddyfile, n.admin, n.network.port, prefix, n.port, n.static, filepath.Join(dir, "archive"), strings.TrimPrefix(application.URL, "http://"))
		if err := os.WriteFile(n.configuration, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		n.process = startProcess(t, dir, env, clusterBinary(t), "run", "--config", n.configuration)
		if n.isUp() {
			return n
		}
	}
	t.Fatal("Caddy does not start")
	return nil
}

// isUp waits until the machine serves its site, or has ended.
func (n *node) isUp() bool {
	n.t.Helper()
	isOK := func(url string) bool {
		response, err := http.Get(url)
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	}
	waitFor(n.t, "Caddy up, or ended", func() bool {
		select {
		case <-n.done:
			return true
		default:
			return isOK(fmt.Sprintf("http://localhost:%d/usher/ready", n.admin)) && isOK(n.url())
		}
	})
	select {
	case <-n.done:
		return false
	default:
		return true
	}
}

// startNodes starts machines, and waits until they know each other.
func startNodes(t *testing.T, redis int, prefix string) (first, second *node) {
	t.Helper()
	first, second = startNode(t, redis, prefix), startNode(t, redis, prefix)
	waitFor(t, "the machines know each other", func() bool {
		return strings.Contains(metricsOf(t, first), "usher_shared_nodes 2") && strings.Contains(metricsOf(t, second), "usher_shared_nodes 2")
	})
	return first, second
}

func (n *node) url() string { return fmt.Sprintf("http://localhost:%d", n.port) }

const clusterPage = `<!DOCTYPE html><title>cluster</title>
<script src="/static/main.js?v=20260211"></script>
<script src="/static/late.js?v=20260211" defer></script>
<script type="module" src="/static/module.js"></script>
`

func clusterApplication(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/":
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, clusterPage)
	case "/logout":
		http.SetCookie(w, &http.Cookie{Name: "sessionid", Path: "/", MaxAge: -1})
		_, _ = io.WriteString(w, "bye")
	default:
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		for {
			kind, message, err := conn.Read(r.Context())
			if err != nil || conn.Write(r.Context(), kind, message) != nil {
				_ = conn.CloseNow()
				return
			}
		}
	}
}

// deployRelease replaces the static files. One name holds the hash of its content, and goes with its release.
func deployRelease(t *testing.T, static, release string) (chunk string) {
	t.Helper()
	content := fmt.Sprintf("globalThis.chunk = %q;", release)
	sum := md5.Sum([]byte(content))
	chunk = "chunk." + hex.EncodeToString(sum[:])[:12] + ".js"
	files := map[string]string{
		"main.js":   fmt.Sprintf("globalThis.mainRelease = %q; globalThis.chunkName = %q;", release, chunk),
		"late.js":   fmt.Sprintf("globalThis.lateRelease = %q;", release),
		"module.js": fmt.Sprintf("globalThis.moduleRuns = (globalThis.moduleRuns ?? 0) + 1; globalThis.moduleRelease = %q;", release),
		chunk:       content,
	}
	old, _ := filepath.Glob(filepath.Join(static, "chunk.*.js"))
	if err := os.MkdirAll(static, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(static, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range old {
		if filepath.Base(name) != chunk {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	return chunk
}

// network is the connection of a machine to Redis: a proxy that can drop everything.
type network struct {
	port  int
	mutex sync.Mutex
	cut   bool
	conns []net.Conn
}

func startNetwork(t *testing.T, to int) *network {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &network{port: listener.Addr().(*net.TCPAddr).Port}
	t.Cleanup(func() { listener.Close(); n.setCut(false); n.end() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go n.carry(conn, to)
		}
	}()
	return n
}

func (n *network) carry(client net.Conn, to int) {
	server, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", to))
	if err != nil {
		client.Close()
		return
	}
	n.mutex.Lock()
	n.conns = append(n.conns, client, server)
	n.mutex.Unlock()
	copied := func(w, r net.Conn) {
		defer w.Close()
		buffer := make([]byte, 32<<10)
		for {
			size, err := r.Read(buffer)
			if err != nil {
				return
			}
			n.mutex.Lock()
			cut := n.cut
			n.mutex.Unlock()
			if !cut { // else the bytes are lost, as on a network that drops
				if _, err := w.Write(buffer[:size]); err != nil {
					return
				}
			}
		}
	}
	go copied(server, client)
	copied(client, server)
}

func (n *network) setCut(cut bool) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.cut = cut
}

func (n *network) end() {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for _, conn := range n.conns {
		_ = conn.Close()
	}
}

// dial opens a socket. It returns nil and the status if it is refused.
func (n *node) dial(path string, header http.Header) (*websocket.Conn, int) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testwait.Limit)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, fmt.Sprintf("ws://localhost:%d%s", n.port, path), &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		if response == nil {
			n.t.Fatalf("dialing %s: %v", path, err)
		}
		return nil, response.StatusCode
	}
	n.t.Cleanup(func() { _ = conn.CloseNow() })
	return conn, response.StatusCode
}

// open opens a socket that must not be refused, and exchanges a message.
func (n *node) open(path string, header http.Header) *watched {
	n.t.Helper()
	conn, status := n.dial(path, header)
	if conn == nil {
		n.t.Fatalf("%s is refused with %d", path, status)
	}
	return watch(n.t, conn)
}

// watched is a socket whose end is known.
type watched struct {
	conn  *websocket.Conn
	ended chan struct{}
	at    time.Time // when it ended
}

func watch(t *testing.T, conn *websocket.Conn) *watched {
	t.Helper()
	if err := echoed(conn, []byte("hello")); err != nil {
		t.Fatalf("echo: %v", err)
	}
	w := &watched{conn: conn, ended: make(chan struct{})}
	go func() {
		_, _, _ = conn.Read(context.Background())
		w.at = time.Now()
		close(w.ended)
	}()
	return w
}

func (w *watched) hasEnded() bool {
	select {
	case <-w.ended:
		return true
	default:
		return false
	}
}

func session(value string) http.Header { return http.Header{"Cookie": {"sessionid=" + value}} }

// logout ends a session at a machine.
func (n *node) logout(value string) {
	n.t.Helper()
	request, err := http.NewRequest(http.MethodGet, n.url()+"/logout", nil)
	if err != nil {
		n.t.Fatal(err)
	}
	request.Header = session(value)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		n.t.Fatal(err)
	}
	_ = response.Body.Close()
}
