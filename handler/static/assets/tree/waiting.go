package tree

import (
	"context"
	"sync"
)

// waiting are the requests that wait for the first catalog. A tree that is closed, as by a reload of the configuration, reads on for
// them: they came before.
type waiting struct {
	reading context.Context // of the first catalog
	giveUp  context.CancelFunc

	mutex  sync.Mutex
	number int
	closed bool
}

func newWaiting() *waiting {
	w := new(waiting)
	w.reading, w.giveUp = context.WithCancel(context.Background())
	return w
}

func (w *waiting) enter() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.number++
}

func (w *waiting) leave() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.number--
	w.end()
}

func (w *waiting) close() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.closed = true
	w.end()
}

// end gives up the reading for which nobody waits any more.
func (w *waiting) end() {
	if w.closed && w.number == 0 {
		w.giveUp()
	}
}
