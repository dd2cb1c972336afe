package tunnel

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

func TestReclaimer(t *testing.T) {
	t.Parallel()
	type ticks struct{ times, begun, open int }
	calm := func(open int) ticks { return ticks{minCalmTicks + 10, 0, open} }
	whole := []reclaim{reclaimMemory, replaceGoroutines, reclaimMemory}
	for _, c := range []struct {
		name, why string
		ticks     []ticks
		want      []reclaim // but for nothing
	}{
		{"no socket", "there is nothing to give back", []ticks{calm(0)}, nil},
		{"a few", "a collection costs more than they left", []ticks{{10, 49, 490}, calm(490)}, nil},
		{"a burst", "garbage, stacks, and what those left", []ticks{{2, 1500, 3000}, calm(3000)}, whole},
		{"only once", "nothing has come since", []ticks{{2, 1500, 3000}, calm(3000), calm(3000)}, whole},
		{"under way", "its garbage is room for the next handshakes", []ticks{{100, 100, 3000}}, nil},
		{"with stragglers", "somebody always comes", []ticks{{2, 1500, 3000}, {minCalmTicks + 10, 5, 3000}}, whole},
		{"few of many", "the collection would be of a million sockets", []ticks{{1, 10_000, 1_000_000}, calm(1_000_000)}, nil},
		{"little by little", "all sockets are replaced at the end", []ticks{{99, 5, 2000}, {2, 5, 2000}, calm(2000)}, whole},
		{"two", "each leaves its own", []ticks{{1, 3000, 3000}, calm(3000), {1, 3000, 6000}, calm(6000)}, slices.Concat(whole, whole)},
		{"in the middle of the steps", "they are ended first", []ticks{{1, 3000, 3000}, {minCalmTicks + 1, 0, 3000}, {1, 3000, 6000}, calm(6000)},
			slices.Concat(whole, whole)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var r reclaimer
			var got []reclaim
			for _, span := range c.ticks {
				for range span.times {
					if reclaim := r.tick(span.begun, span.open); reclaim != reclaimNothing {
						got = append(got, reclaim)
					}
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v: %s", got, c.want, c.why)
			}
		})
	}
}

// TestMemoryIsFreedAfterABurst checks that memory is freed twice, that every goroutine is replaced in between, and that no byte
// is lost.
func TestMemoryIsFreedAfterABurst(t *testing.T) {
	t.Parallel()
	pool := NewSet(testTick)
	var freed atomic.Int32
	pool.FreeMemory = func() { freed.Add(1) }
	site := startSite(t, Config{Upstreams: []*Upstream{startApp(t, "unix", echo).Upstream}, Tunnels: pool}, true)
	clients := []*wsClient{site.open(t), site.open(t)}
	talk := func() {
		message := frame(0x82, true, []byte("hello"))
		for _, client := range clients {
			if _, err := client.Write(message); err != nil {
				t.Fatal(err)
			}
			client.expect(t, message)
		}
	}
	talk()
	waitFor(t, "silence", func() bool { return countGrown(pool) == 0 })
	if n := freed.Load(); n != 0 {
		t.Errorf("two sockets had memory given back %d times", n)
	}
	pool.mutex.Lock()
	pool.started = minBurst
	pool.mutex.Unlock()
	waitFor(t, "all to be renewed", func() bool { return countGrown(pool) == 2*len(clients) || freed.Load() == 2 })
	waitFor(t, "memory to be given back twice", func() bool { return freed.Load() == 2 })
	waitFor(t, "silence again", func() bool { return countGrown(pool) == 0 })
	talk()
	time.Sleep(20 * testTick)
	if n := freed.Load(); n != 2 {
		t.Errorf("memory was given back %d times, want twice", n)
	}
}

// countGrown returns how many directions have a goroutine to replace.
func countGrown(pool *Set) (n int) {
	for _, t := range pool.all() {
		for _, d := range []*direction{&t.up, &t.down} {
			if d.stackGrown.Load() {
				n++
			}
		}
	}
	return n
}
