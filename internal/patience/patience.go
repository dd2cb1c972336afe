// Package patience is for tests, which must hold on a machine that is busy with other things.
package patience

import (
	"sync/atomic"
	"testing"
	"time"
)

// Most is how long a test waits for what normally takes milliseconds. It costs nothing where all goes well.
const Most = time.Minute

// tick is the unit in which a stopwatch counts.
const tick = 10 * time.Millisecond

// Stopwatch begins to count the time in which this process comes to work, and returns what reads it. Where the machine lets
// the process wait for a second, that second counts as a tick; where the process itself waits for something, every tick counts. So
// a bound on it tells something slow from something held up.
func Stopwatch(t testing.TB) (read func() time.Duration) {
	t.Helper()
	var ticks atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(tick):
				ticks.Add(1)
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
	})
	return func() time.Duration { return time.Duration(ticks.Load()) * tick }
}
