package websocketgate_test

import (
	"fmt"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/scan2food/usher/internal/testsite"
)

// A gated socket has no additional goroutine or buffer (32 KB). Smaller differences are below the noise of the runtime's stacks. The
// test is not parallel, since it measures memory.
func TestGatedSocketCost(t *testing.T) {
	app := testsite.StartApplication(t)
	const sockets = 400
	cost := func(config, target string) (bytes, goroutines float64) {
		before := runtime.NumGoroutine()
		site := testsite.Start(t, config)
		conns := make([]net.Conn, 0, sockets)
		measure := func() (float64, float64) {
			time.Sleep(100 * time.Millisecond)
			runtime.GC()
			runtime.GC()
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			return float64(stats.HeapAlloc + stats.StackInuse), float64(runtime.NumGoroutine())
		}
		open := func(n int) {
			for range n {
				conn, response := testsite.ExchangeOpen(t, site.Addr, testsite.Get(target, testsite.Upgrade))
				if response.StatusCode != http.StatusSwitchingProtocols {
					t.Fatalf("status %d, want 101", response.StatusCode)
				}
				conns = append(conns, conn)
			}
		}
		open(20) // allocated once
		memory, running := measure()
		open(sockets)
		moreMemory, moreRunning := measure()
		for _, conn := range conns {
			conn.Close()
		}
		site.Unload()
		testsite.Eventually(t, "the goroutines of the sockets have ended", func() bool { return runtime.NumGoroutine() < before+20 })
		return (moreMemory - memory) / sockets, (moreRunning - running) / sockets
	}
	var gated, more, ungated, fewer float64
	for range 3 { // remains of other tests may end meanwhile
		ungated, fewer = cost("http://localhost\nreverse_proxy "+app.Addr, testsite.Keyed)
		gated, more = cost(fmt.Sprintf("http://localhost\nwebsocket_gate {\nroute a /ws/a/ {\nkey %s\n}\n}\nreverse_proxy %s", testsite.GoodKey, app.Addr), testsite.Keyed)
		if more <= fewer+0.05 && gated <= 1.1*ungated {
			return
		}
	}
	t.Errorf("a gated socket costs %.0f bytes and %.2f goroutines, an ungated one %.0f and %.2f, want no more", gated, more, ungated, fewer)
}
