package versions_test

import (
	"fmt"
	"testing"
	"time"
)

// operations are those that a storage has had.
type operations struct{ lists, loads, stores int }

func (m *memory) operations() (o operations) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	o.lists = m.lists
	for _, n := range m.loads {
		o.loads += n
	}
	for _, n := range m.stores {
		o.stores += n
	}
	return o
}

// The operations that the documentation names.
func TestOperations(t *testing.T) {
	t.Parallel()
	storage := newMemory()
	a, b, c := newStore(storage, time.Now), newStore(storage, time.Now), newStore(storage, time.Now)
	count := func(what string, want operations, operate func()) {
		t.Helper()
		before := storage.operations()
		operate()
		after := storage.operations()
		got := operations{after.lists - before.lists, after.loads - before.loads, after.stores - before.stores}
		if got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	r := make(release)
	for i := range 100 {
		r[fmt.Sprintf("file-%d.js?v", i)] = fmt.Sprint("content ", i)
	}
	count("the first machine with a release", operations{lists: 2, loads: 1, stores: 100 + 3}, func() { publish(t, a, r) })
	count("the same machine again", operations{}, func() { publish(t, a, r) })
	count("the second machine with a release", operations{lists: 2, stores: 1}, func() { publish(t, b, r) })
	count("a first request", operations{lists: 1, loads: 3}, func() { fetch(t, c, "file-1.js", "v") })
	count("a first request for another file", operations{loads: 1}, func() { fetch(t, c, "file-2.js", "v") })
	count("looking for news", operations{lists: 1}, func() {
		if err := c.Refresh(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
