package shared

import "sync/atomic"

// failuresAllowed is how many rounds in a row may fail before the storage counts as failing.
const failuresAllowed = 1

// health is the state of the storage, as the rounds see it, since they both read and write. Only the rounds change it.
type health struct {
	ok, reached atomic.Bool
	failures    int
	reported    bool // that the storage fails
}

// record records the result of a round, and calls report when the state changes. report may be nil.
func (h *health) record(err error, report func(error)) {
	if err == nil {
		h.failures = 0
		h.ok.Store(true)
		h.reached.Store(true)
		if h.reported && report != nil {
			report(nil)
		}
		h.reported = false
		return
	}
	if h.failures++; h.failures <= failuresAllowed {
		return
	}
	h.ok.Store(false)
	if !h.reported && report != nil {
		report(err)
	}
	h.reported = true
}
