package tunnel

import (
	"context"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/scan2food/usher/internal/testwait"
)

// TestFullQueue has more clients connect at once than the application's Unix socket queues, as after a restart.
func TestFullQueue(t *testing.T) {
	t.Parallel()
	app := startApp(t, "tcp", echo)
	for _, c := range []struct {
		name, why string
		full      int64 // number of times the queue is full
		timeout   time.Duration
		status    int
	}{
		{"full for a while", "the client waits", 3, testwait.Limit, http.StatusSwitchingProtocols},
		{"full for good", "but no longer than a connection may take", 1 << 40, 20 * queuePause, http.StatusBadGateway},
	} {
		var asked atomic.Int64
		site := startSite(t, Config{
			Upstreams:   []*Upstream{{Network: "unix", Address: "/application.sock"}},
			DialTimeout: c.timeout,
			Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				if asked.Add(1) <= c.full {
					return nil, &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", syscall.EAGAIN)}
				}
				return new(net.Dialer).DialContext(ctx, "tcp", app.Address)
			},
		}, false)
		if got := site.ask(t, plainHandshake).response.StatusCode; got != c.status {
			t.Errorf("%s: %d, want %d (%s)", c.name, got, c.status, c.why)
		}
	}
}
