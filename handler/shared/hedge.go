package shared

import (
	"context"
	"fmt"
	"time"
)

// hedge makes a call, and repeats it at an interval until one of the calls returns, for callTimeout in all. So a call that was lost
// while the storage was away does not delay events after its return. The result of the first call that returns counts, also if it
// is an error.
func hedge[T any](ctx context.Context, every time.Duration, call func(context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answers := make(chan answer)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		go func() {
			value, err := call(ctx)
			select {
			case answers <- answer{value, err}:
			case <-ctx.Done():
			}
		}()
		select {
		case a := <-answers:
			return a.value, a.err
		case <-ticker.C:
		case <-ctx.Done():
			var none T
			return none, fmt.Errorf("the storage does not answer: %w", context.Cause(ctx))
		}
	}
}

// hedgedStore sets the value of a key, as [Store.Store].
func (n *Node) hedgedStore(ctx context.Context, key string, value []byte) error {
	_, err := hedge(ctx, n.lookEvery(), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, n.store.Store(ctx, key, value)
	})
	return err
}

// hedgedLoad returns the value of a key, as [Store.Load].
func (n *Node) hedgedLoad(ctx context.Context, key string) ([]byte, error) {
	return hedge(ctx, n.lookEvery(), func(ctx context.Context) ([]byte, error) { return n.store.Load(ctx, key) })
}

func (n *Node) lookEvery() time.Duration {
	_, every := n.store.current()
	return every
}
