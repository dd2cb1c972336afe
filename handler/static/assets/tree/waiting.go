package tree

import (
	"context"
	"sync"
)

// waiting counts the requests that wait for the first catalog. A tree that is closed by a reload of the configuration reads on
// for requests that came before.
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

// end cancels the first reading if no request waits for it.
func (w *waiting) end() {
	if w.closed && w.number == 0 {
		w.giveUp()
	}
}
