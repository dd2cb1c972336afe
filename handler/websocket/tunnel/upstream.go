package tunnel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/time/rate"
)

// failedFor is how long an unreachable upstream is tried last.
const failedFor = 10 * time.Second

// Upstream is one address of the application.
type Upstream struct {
	Network string      // "tcp", "tcp4", "tcp6" or "unix"
	Address string      // host:port, or the path of a Unix socket
	TLS     *tls.Config // nil: cleartext
	Host    *Host       // nil: a new one
}

func (u *Upstream) String() string {
	if u.Network == "unix" {
		return "unix/" + u.Address
	}
	return u.Address
}

// Host is the state of the application at one address. Handlers may share it, and open tunnels hold it after their handler is
// gone. The zero Host is ready. It is safe for concurrent use.
type Host struct {
	open        atomic.Int64
	failedUntil atomic.Int64           // Unix time in nanoseconds
	down        atomic.Bool            // the last handshake failed to connect
	draining    atomic.Pointer[string] // why no configuration uses it any more: new tunnels are closed at once; nil: in use
	changed     atomic.Int64           // when down last changed, in Unix nanoseconds; 0: never
	failures    atomic.Int64           // handshakes that failed to connect
	drained     atomic.Pointer[drain]
	pace        atomic.Pointer[rate.Limiter] // nil: no limit
	paced       struct{ waiting, waited, rejected atomic.Int64 }
}

// Open returns the number of tunnels to the host.
func (h *Host) Open() int { return int(h.open.Load()) }

// Up reports whether the host is not known to be unreachable.
func (h *Host) Up(now time.Time) bool { return now.UnixNano() >= h.failedUntil.Load() }

// failed records a failed connection. It reports whether the host was reachable before.
func (h *Host) failed(now time.Time) (wentDown bool) {
	h.failedUntil.Store(now.Add(failedFor).UnixNano())
	h.failures.Add(1)
	if h.down.Swap(true) {
		return false
	}
	h.changed.Store(now.UnixNano())
	return true
}

// reached records a response. It reports whether the host was unreachable before.
func (h *Host) reached(now time.Time) (cameBack bool) {
	if !h.down.Load() {
		return false
	}
	h.failedUntil.Store(0)
	if !h.down.Swap(false) {
		return false
	}
	h.changed.Store(now.UnixNano())
	return true
}

// Changed returns when the host last became unreachable or reachable, or the zero time.
func (h *Host) Changed() time.Time {
	if at := h.changed.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// Failures returns the number of handshakes that failed to connect.
func (h *Host) Failures() int64 { return h.failures.Load() }

// Down reports whether the last handshake failed to connect.
func (h *Host) Down() bool { return h.down.Load() }

// DialFunc opens a connection, as [net.Dialer.DialContext] does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// dialError reports an unreachable upstream. No request was sent, so another upstream may be tried.
type dialError struct {
	upstream *Upstream
	err      error
}

func (e *dialError) Error() string { return fmt.Sprintf("dialing %s: %v", e.upstream, e.err) }
func (e *dialError) Unwrap() error { return e.err }

func (u *Upstream) dial(ctx context.Context, dial DialFunc, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errDialTimeout)
	defer cancel()
	conn, err := dial(ctx, u.Network, u.Address)
	for isQueueFull(err) && sleepContext(ctx, queuePause) {
		conn, err = dial(ctx, u.Network, u.Address)
	}
	if err != nil {
		return nil, &dialError{u, err}
	}
	if u.TLS == nil {
		return conn, nil
	}
	secure := tls.Client(conn, u.TLS)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, &dialError{u, fmt.Errorf("TLS handshake: %w", err)}
	}
	return secure, nil
}

// queuePause is the pause before another attempt while the queue is full.
const queuePause = 5 * time.Millisecond

// isQueueFull reports whether the queue of the application's Unix socket is full (Daphne's holds 50). Over TCP the kernel
// retries by itself.
func isQueueFull(err error) bool { return errors.Is(err, syscall.EAGAIN) }

// sleepContext waits for d. It returns false if ctx ends first.
func sleepContext(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

var errDialTimeout = errors.New("dial timeout")

// candidates returns the upstreams left to try: those that are up, or all if none is. Drained upstreams are never tried.
func candidates(all []*Upstream, tried []*Upstream, now time.Time) []*Upstream {
	var left, up []*Upstream
	for _, u := range all {
		if slices.Contains(tried, u) || u.Host.Drained() {
			continue
		}
		left = append(left, u)
		if u.Host.Up(now) {
			up = append(up, u)
		}
	}
	if len(up) > 0 {
		return up
	}
	return left
}
