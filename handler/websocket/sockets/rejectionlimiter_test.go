package sockets

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"
)

func TestRejectionLimiter(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_770_000_000, 0)
	f := NewRejectionLimiter(3, 10*time.Second)
	for _, step := range []struct {
		at        time.Duration
		client    string
		ok        bool
		wait      time.Duration
		name, why string
	}{
		{0, "192.0.2.1", true, 0, "first", "a burst of three"},
		{0, "192.0.2.1", true, 0, "second", ""},
		{0, "::ffff:192.0.2.1", true, 0, "third", "another form of the address is no other client"},
		{0, "192.0.2.1", false, 10 * time.Second, "fourth", "the burst is over"},
		{4 * time.Second, "192.0.2.1", false, 6 * time.Second, "later", "what is not allowed does not count"},
		{4 * time.Second, "192.0.2.2", true, 0, "neighbour", "has its own"},
		{10 * time.Second, "192.0.2.1", true, 0, "one more", "after its time"},
		{10 * time.Second, "192.0.2.1", false, 10 * time.Second, "and no other", ""},
		{60 * time.Second, "192.0.2.1", true, 0, "burst again", "silence fills it"},
		{60 * time.Second, "192.0.2.1", true, 0, "burst again", ""},
		{60 * time.Second, "192.0.2.1", true, 0, "burst again", "and no fuller than it was"},
		{60 * time.Second, "192.0.2.1", false, 10 * time.Second, "burst again", ""},
		{0, "2001:db8::1", true, 0, "IPv6", ""},
		{0, "2001:db8::2", true, 0, "IPv6", "the same /64"},
		{0, "2001:db8::3", true, 0, "IPv6", ""},
		{0, "2001:db8::4", false, 10 * time.Second, "IPv6", "a /64 is one client"},
		{0, "2001:db8:0:1::4", true, 0, "IPv6", "another /64"},
	} {
		ok, wait := f.Allow(netip.MustParseAddr(step.client), start.Add(step.at))
		if ok != step.ok || wait != step.wait {
			t.Errorf("%s at %v: Allow(%s) = %v, %v, want %v, %v (%s)",
				step.name, step.at, step.client, ok, wait, step.ok, step.wait, step.why)
		}
	}
}

func TestRejectionLimiterOddLimits(t *testing.T) {
	t.Parallel()
	client := netip.MustParseAddr("192.0.2.1")
	for _, f := range []*RejectionLimiter{NewRejectionLimiter(0, 0), NewRejectionLimiter(-1, -1), NewRejectionLimiter(1<<62, 1<<62), NewRejectionLimiter(1, 1<<62)} {
		if ok, _ := f.Allow(client, time.Now()); !ok {
			t.Errorf("the first refusal of %d by %d is not allowed", f.tolerance, f.interval)
		}
		f.Allow(client, time.Now())
		if ok, wait := f.Allow(netip.Addr{}, time.Now()); !ok || wait < 0 {
			t.Errorf("the zero address: %v, %v", ok, wait)
		}
	}
}

// A flood of addresses does not give a client its burst again, and needs no memory.
func TestRejectionLimiterUnderAFlood(t *testing.T) {
	t.Parallel()
	f := NewRejectionLimiter(5, time.Minute)
	now := time.Unix(1_770_000_000, 0)
	attacker := netip.MustParseAddr("2001:db8::1")
	for range 5 {
		f.Allow(attacker, now)
	}
	flood := func(n int) (refused int) {
		for range n {
			var bytes [16]byte
			for i := range 8 {
				bytes[i] = byte(rand.Uint32())
			}
			if ok, _ := f.Allow(netip.AddrFrom16(bytes), now); !ok {
				refused++
			}
		}
		return refused
	}
	innocent := flood(1000)
	for range 300_000 {
		flood(1)
		if ok, _ := f.Allow(attacker, now); ok {
			t.Fatal("the attacker was forgotten")
		}
	}
	if innocent > 0 {
		t.Errorf("%d of 1000 clients that came first were bounded for others", innocent)
	}
}

func TestRejectionLimiterDoesNotAllocate(t *testing.T) {
	f := NewRejectionLimiter(5, time.Second)
	client, now := netip.MustParseAddr("2001:db8::1"), time.Now()
	if allocs := testing.AllocsPerRun(1000, func() { f.Allow(client, now) }); allocs > 0 {
		t.Errorf("Allow allocates %v times, want 0", allocs)
	}
	runtime.KeepAlive(f)
}

// Concurrent rejections never exceed a burst for each that came at the same moment.
func TestRejectionLimiterConcurrently(t *testing.T) {
	t.Parallel()
	f := NewRejectionLimiter(10, time.Hour)
	client, now := netip.MustParseAddr("192.0.2.1"), time.Now()
	const workers = 8
	allowed := make(chan int, workers)
	for range workers {
		go func() {
			n := 0
			for range 10_000 {
				if ok, _ := f.Allow(client, now); ok {
					n++
				}
			}
			allowed <- n
		}()
	}
	total := 0
	for range workers {
		total += <-allowed
	}
	if total < 10 || total > 10*workers {
		t.Errorf("%d were allowed, want 10, and at most %d", total, 10*workers)
	}
}
