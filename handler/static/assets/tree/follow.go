package tree

import "sync"

// followers are the functions to call after each new catalog. The zero value has none.
type followers struct {
	mutex sync.Mutex
	calls map[*func()]bool
}

// OnPublish calls a function after each new catalog, until unfollow is called. The function must not wait for the tree.
func (t *Tree) OnPublish(call func()) (unfollow func()) {
	t.followers.mutex.Lock()
	defer t.followers.mutex.Unlock()
	if t.followers.calls == nil {
		t.followers.calls = make(map[*func()]bool)
	}
	t.followers.calls[&call] = true
	return func() {
		t.followers.mutex.Lock()
		defer t.followers.mutex.Unlock()
		delete(t.followers.calls, &call)
	}
}

func (t *Tree) notifyFollowers() {
	t.followers.mutex.Lock()
	defer t.followers.mutex.Unlock()
	for call := range t.followers.calls {
		(*call)()
	}
}
