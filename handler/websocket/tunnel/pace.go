package tunnel

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"golang.org/x/time/rate"
)

// SetPace limits the handshakes that the host gets: so many at once, and as many in each period after that. All handlers of the
// host share the limit, and the latest call counts. Zero handshakes are no limit.
func (h *Host) SetPace(handshakes int, period time.Duration) {
	if handshakes <= 0 {
		h.pace.Store(nil)
		return
	}
	limit := rate.Limit(float64(handshakes) / period.Seconds())
	if current := h.pace.Load(); current != nil {
		current.SetLimit(limit)
		current.SetBurst(handshakes)
		return
	}
	h.pace.Store(rate.NewLimiter(limit, handshakes))
}

// Paced counts the handshakes of a host with a pace.
type Paced struct {
	Waiting  int64 // for their turn now
	Waited   int64 // for their turn, since the process started, with those that wait now
	Rejected int64 // that would have waited too long
}

// Paced returns the counts of the host.
func (h *Host) Paced() Paced {
	return Paced{Waiting: h.paced.waiting.Load(), Waited: h.paced.waited.Load(), Rejected: h.paced.rejected.Load()}
}

var errPaced = errors.New("too many handshakes wait for the application")

// reserve takes the next turn and returns how long to wait for it. If the wait is longer than most, reserve takes no turn and
// returns an error that says when to retry.
func (h *Host) reserve(now time.Time, most time.Duration, random io.Reader) (wait time.Duration, turn *rate.Reservation, err error) {
	limiter := h.pace.Load()
	if limiter == nil {
		return 0, nil, nil
	}
	turn = limiter.ReserveN(now, 1)
	wait = turn.DelayFrom(now)
	if wait <= most {
		return wait, turn, nil
	}
	turn.CancelAt(now)
	return 0, nil, &Error{Status: http.StatusServiceUnavailable, Err: errPaced, Retry: spread(wait, random)}
}

// spread returns a time between one and two waits, so that clients that are rejected together do not come back together.
func spread(wait time.Duration, random io.Reader) time.Duration {
	var share [1]byte
	_, _ = io.ReadFull(random, share[:])
	return wait + wait*time.Duration(share[0])/256
}

// waitTurn waits until the host may get another handshake. Handshakes wait in the order in which they came. The wait leaves the
// application time to respond.
func (h *Handler) waitTurn(ctx context.Context, host *Host) error {
	most := h.config.HandshakeTimeout - min(h.config.HandshakeTimeout/2, 2*time.Second)
	wait, turn, err := host.reserve(h.config.Now(), most, h.config.Random)
	switch {
	case err != nil:
		host.paced.rejected.Add(1)
		return err
	case wait <= 0:
		return nil
	}
	host.paced.waited.Add(1)
	host.paced.waiting.Add(1)
	defer host.paced.waiting.Add(-1)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		turn.CancelAt(h.config.Now())
		return context.Cause(ctx)
	}
}
