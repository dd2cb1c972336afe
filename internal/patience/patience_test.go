package patience

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestStopwatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		read := Stopwatch(t)
		time.Sleep(time.Second + tick/2)
		if got := read(); got != time.Second {
			t.Errorf("a second is %s", got)
		}
	})
}
