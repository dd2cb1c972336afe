package tunnel

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/scan2food/usher/internal/testwait"
)

// TestShrinkStack lets tunnels fall silent and send again at every moment of the inspection. Goroutines are replaced all the
// time, and no byte is lost or delayed until the next one.
func TestShrinkStack(t *testing.T) {
	t.Parallel()
	const tick = time.Millisecond
	for _, c := range []struct {
		name, network string
		layers        layering
	}{
		{"tcp", "tcp", layerings[0]}, {"unix", "unix", layerings[0]}, {"TLS client", "unix", layerings[1]},
		{"TLS client above ours", "unix", layerings[2]},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := startApp(t, c.network, echo)
			pool := NewSet(tick)
			site := c.layers.start(t, Config{Upstreams: []*Upstream{app.Upstream}, Tunnels: pool})
			client := site.open(t)
			const rounds, enough = 200, 20
			shrunk := 0
			deadline := time.Now().Add(testwait.Limit)
			for round := 0; round < rounds || shrunk < enough && time.Now().Before(deadline); round++ {
				message := frame(0x82, true, bytes.Repeat([]byte("x"), rand.IntN(200)))
				if _, err := client.Write(message); err != nil {
					t.Fatal(err)
				}
				client.expect(t, message)
				time.Sleep(rand.N(8 * tick))
				if isShrunk(pool) {
					shrunk++
				}
			}
			if shrunk < enough {
				t.Errorf("%d silences were noticed, want %d", shrunk, enough)
			}
		})
	}
}

func isShrunk(pool *Set) bool {
	pool.mutex.Lock()
	defer pool.mutex.Unlock()
	return len(pool.tunnels) == 1 && !pool.tunnels[0].up.stackGrown.Load() && !pool.tunnels[0].down.stackGrown.Load()
}
