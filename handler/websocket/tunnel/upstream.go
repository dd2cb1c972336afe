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
)

// failedFor is how long an upstream that could not be reached is asked last.
const failedFor = 10 * time.Second

// Upstream is one address of the application, and how to speak to it.
type Upstream struct {
	Network string      // "tcp", "tcp4", "tcp6" or "unix"
	Address string      // host:port, or the path of a socket
	TLS     *tls.Config // nil: cleartext
	Host    *Host       // nil: one of its own
}

func (u *Upstream) String() string {
	if u.Network == "unix" {
		return "unix/" + u.Address
	}
	return u.Address
}

// Host is what is known of the application at one address. It may be shared by handlers, and outlives them: open
// tunnels hold it. The zero Host is ready, and all methods may be called at the same time.
type Host struct {
	open        atomic.Int64
	failedUntil atomic.Int64 // Unix time in nanoseconds
	down        atomic.Bool  // the last handshake could not reach it
	draining    atomic.Bool  // no configuration names it any more: what is opened now is closed at once
	changed     atomic.Int64 // when down last changed, in Unix nanoseconds; 0: never
	failures    atomic.Int64 // handshakes that could not reach it
	drained     atomic.Pointer[drain]
}

// Open is the number of tunnels to the host.
func (h *Host) Open() int { return int(h.open.Load()) }

// Up reports whether the host is not known to be unreachable.
func (h *Host) Up(now time.Time) bool { return now.UnixNano() >= h.failedUntil.Load() }

// failed records that the host could not be reached. It reports whether that is new.
func (h *Host) failed(now time.Time) (wentDown bool) {
	h.failedUntil.Store(now.Add(failedFor).UnixNano())
	h.failures.Add(1)
	if h.down.Swap(true) {
		return false
	}
	h.changed.Store(now.UnixNano())
	return true
}

// reached records that the host responded. It reports whether the host was down before.
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

// Changed returns when the host last went down or came back, or the zero time.
func (h *Host) Changed() time.Time {
	if at := h.changed.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// Failures is the number of handshakes that could not reach the host.
func (h *Host) Failures() int64 { return h.failures.Load() }

// Down reports whether the last handshake could not reach the host.
func (h *Host) Down() bool { return h.down.Load() }

// DialFunc makes a connection, as [net.Dialer.DialContext] does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// dialError is an upstream that could not be reached: nothing was asked of it, another one may be.
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

// queuePause is how long a full queue is left in peace.
const queuePause = 5 * time.Millisecond

// isQueueFull reports whether more clients wait for the application than its Unix socket queues (Daphne's: 50). Over TCP the
// kernel would try again by itself.
func isQueueFull(err error) bool { return errors.Is(err, syscall.EAGAIN) }

// sleepContext waits, and reports whether ctx has not ended.
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

var errDialTimeout = errors.New("dialing took too long")

// candidates are the upstreams that are left to try: those that are up, or all if none is. Drained upstreams are never tried.
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
