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

	"github.com/scan2food/usher/internal/testwait"
)

// The example starts two machines, of which each has the messages of the other, and ends all that it has started.
func TestClusterExample(t *testing.T) {
	need(t, "gunicorn", "haproxy", "redis-server", "redis-cli")
	for _, storage := range []string{"redis", "files"} {
		t.Run(storage, func(t *testing.T) {
			run, err := os.MkdirTemp("", "usher") // short, since paths of Unix sockets are at most 107 bytes
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(run) })
			env := fmt.Sprintf("DJANGO_SECRET_KEY=e2e\nLIVE_ORDERS_WS_KEY=%s\nPAYMENT_STATUS_WS_KEY=%s\nCHAT_WS_KEY=%s\nTICKET_SECRET=e2e-ticket-secret-0123456789-0123456789\n",
				keys["all-seat-datasocket"], keys["payment-status-socket"], keys["chat"])
			if err := os.WriteFile(filepath.Join(run, "env"), []byte(env), 0o600); err != nil {
				t.Fatal(err)
			}
			port := freePorts(t, 6)
			start := exec.Command("./start", storage)
			start.Dir = "../examples/cluster"
			start.Env = append(os.Environ(), "CADDY="+clusterBinary(t), "RUN_DIRECTORY="+run, "ENV_FILE="+filepath.Join(run, "env"), fmt.Sprint("PORT=", port),
				"XDG_DATA_HOME="+run, "XDG_CONFIG_HOME="+run, "PYTHONDONTWRITEBYTECODE=1")
			output, err := os.Create(filepath.Join(run, "output"))
			if err != nil {
				t.Fatal(err)
			}
			defer output.Close()
			start.Stdout, start.Stderr = output, output
			if err := start.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = start.Process.Signal(syscall.SIGTERM)
				_ = start.Wait()
				if t.Failed() {
					written, _ := os.ReadFile(filepath.Join(run, "output"))
					t.Logf("start wrote:\n%s", written)
				}
				for i := range 6 {
					if conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port+i), time.Second); err == nil {
						_ = conn.Close()
						t.Errorf("port %d is still open after start has ended", port+i)
					}
				}
			})
			waitForStatus(t, fmt.Sprintf("http://localhost:%d/health/", port+1), http.StatusOK)
			waitForStatus(t, fmt.Sprintf("http://localhost:%d/health/", port+2), http.StatusOK)
			waitForStatus(t, fmt.Sprintf("http://localhost:%d/health/", port), http.StatusOK) // the load balancer comes last
			if storage == "redis" {
				checkBroadcast(t, port+1, port+2)
			}
		})
	}
}

// checkBroadcast sends a message to one machine, and waits for it on the other.
func checkBroadcast(t *testing.T, from, to int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testwait.Limit)
	defer cancel()
	dial := func(port int) *websocket.Conn {
		conn, _, err := websocket.Dial(ctx, fmt.Sprintf("ws://localhost:%d/ws/chat/?key=%s", port, keys["chat"]), nil)
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
