//go:build unix

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/joho/godotenv"

	"github.com/scan2food/usher/internal/testwait"
)

// The first start of a clean copy makes the keys, and starts two machines. Each has the messages of the other, and a drain closes
// the sockets of one. In the end nothing of what was started is left.
func TestClusterExample(t *testing.T) {
	need(t, "gunicorn", "haproxy", "redis-server", "redis-cli")
	for _, storage := range []string{"redis", "files"} {
		t.Run(storage, func(t *testing.T) {
			example := copyExamples(t) + "/cluster"
			port := freePorts(t, 6)
			startExample(t, example, storage, port)
			waitForStatus(t, fmt.Sprintf("http://localhost:%d/health/", port+1), http.StatusOK)
			waitForStatus(t, fmt.Sprintf("http://localhost:%d/health/", port+2), http.StatusOK)
			waitForStatus(t, fmt.Sprintf("http://localhost:%d/health/", port), http.StatusOK) // the load balancer comes last
			env, err := godotenv.Read(example + "/.env")
			if err != nil {
				t.Fatal(err)
			}
			chat := "/ws/chat/?key=" + env["CHAT_WS_KEY"]
			if storage == "redis" {
				checkBroadcast(t, port+1, port+2, chat)
			}
			checkDrain(t, example, port, chat)
		})
	}
}

// copyExamples copies the examples of the repository, without what was made in them. The path is short, since paths of Unix sockets
// are at most 107 bytes.
func copyExamples(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "usher")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	list, err := exec.Command("git", "-C", "..", "ls-files", "examples").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.Lines(string(list)) {
		name = strings.TrimSpace(name)
		content, err := os.ReadFile("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, content, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	return dir + "/examples"
}

// startExample runs the script that starts the example. The test fails if one of the ports is open after the script has ended.
func startExample(t *testing.T, example, storage string, port int) {
	t.Helper()
	start := exec.Command("./start", storage)
	start.Dir = example
	start.Env = append(os.Environ(), "CADDY="+clusterBinary(t), fmt.Sprint("PORT=", port), "XDG_DATA_HOME="+example+"/run", "XDG_CONFIG_HOME="+example+"/run")
	output, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	start.Stdout, start.Stderr = output, output
	if err := start.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = start.Process.Signal(syscall.SIGTERM)
		_ = start.Wait()
		_ = output.Close()
		if t.Failed() {
			for _, log := range []string{output.Name(), example + "/run/first/caddy.log", example + "/run/second/caddy.log"} {
				written, _ := os.ReadFile(log)
				t.Logf("%s:\n%s", log, written)
			}
		}
		for i := range 6 {
			if conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port+i), time.Second); err == nil {
				_ = conn.Close()
				t.Errorf("port %d is still open after start has ended", port+i)
			}
		}
	})
}

// A Caddy that does not start ends the example, and the last line says why.
func TestClusterExampleSaysWhyACaddyEnded(t *testing.T) {
	need(t, "gunicorn", "haproxy")
	example := copyExamples(t) + "/cluster"
	if err := os.Rename(example+"/../django/.env.example", example+"/.env"); err != nil { // with its placeholders
		t.Fatal(err)
	}
	start := exec.Command("./start", "files")
	start.Dir = example
	start.Env = append(os.Environ(), "CADDY="+clusterBinary(t), fmt.Sprint("PORT=", freePorts(t, 6)), "XDG_DATA_HOME="+example+"/run", "XDG_CONFIG_HOME="+example+"/run")
	output, err := start.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	if last := lines[len(lines)-1]; err == nil || !strings.Contains(last, "machine ended: ") || !strings.Contains(last, "the secret is a placeholder") {
		t.Errorf("%v, want an error whose last line has the reason:\n%s", err, output)
	}
}

// checkDrain drains the application of the first machine. Its sockets close with 1012 through the load balancer, although it takes
// the machine out of rotation. Those of the other machine stay.
func checkDrain(t *testing.T, example string, port int, path string) {
	t.Helper()
	dial := func() (*websocket.Conn, error) {
		ctx, cancel := context.WithTimeout(t.Context(), testwait.Limit)
		defer cancel()
		conn, _, err := websocket.Dial(ctx, fmt.Sprintf("ws://localhost:%d%s", port, path), nil)
		if err == nil {
			t.Cleanup(func() { _ = conn.CloseNow() })
		}
		return conn, err
	}
	const each = 8
	ended := make(chan error, 2*each)
	for range 2 * each {
		conn, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				if _, _, err := conn.Read(context.Background()); err != nil {
					ended <- err
					return
				}
			}
		}()
	}
	upstream := "unix/" + example + "/run/first/daphne.sock"
	drain := exec.Command(clusterBinary(t), "usher", "drain", upstream, "--over", "5s", "--wait", "--address", fmt.Sprintf("localhost:%d", port+4))
	if output, err := drain.CombinedOutput(); err != nil {
		t.Fatalf("drain: %v\n%s", err, output)
	}
	for range each {
		if err := <-ended; websocket.CloseStatus(err) != websocket.StatusServiceRestart {
			t.Errorf("a socket of the drained machine ended with %v, want 1012", err)
		}
	}
	waitFor(t, "new sockets go to the other machine", func() bool {
		first, err := dial()
		second, again := dial()
		for _, conn := range []*websocket.Conn{first, second} {
			if conn != nil {
				_ = conn.CloseNow()
			}
		}
		return err == nil && again == nil
	})
	if len(ended) > 0 {
		t.Errorf("%d sockets of the other machine ended: %v", len(ended), <-ended)
	}
}

// checkBroadcast sends a message to one machine, and waits for it on the other.
func checkBroadcast(t *testing.T, from, to int, path string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testwait.Limit)
	defer cancel()
	dial := func(port int) *websocket.Conn {
		conn, _, err := websocket.Dial(ctx, fmt.Sprintf("ws://localhost:%d%s", port, path), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.CloseNow() })
		if _, _, err := conn.Read(ctx); err != nil { // the application's greeting, when it has joined its group
			t.Fatal(err)
		}
		return conn
	}
	sender, receiver := dial(from), dial(to)
	if err := sender.Write(ctx, websocket.MessageText, []byte(`{"hello":"from the other machine"}`)); err != nil {
		t.Fatal(err)
	}
	for {
		_, message, err := receiver.Read(ctx)
		if err != nil {
			t.Fatalf("waiting for the message: %v", err)
		}
		if strings.Contains(string(message), "from the other machine") {
			return
		}
	}
}

// freePorts returns the first of n free ports in a row, below those that connections take.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	for range 100 {
		first, free := 10_000+rand.IntN(20_000), true
		for i := 0; i < n && free; i++ {
			listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+i))
			if free = err == nil; free {
				_ = listener.Close()
			}
		}
		if free {
			return first
		}
	}
	t.Fatal("no free ports in a row")
	return 0
}
