package shared

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
)

// ErrUnfit means that a storage answers, but does not do what nodes need of it.
var ErrUnfit = errors.New("the storage is unfit")

// Probe checks that the storage loads, lists and deletes what was stored, and locks. The error is [ErrUnfit] if it does not.
// Any other error says that the storage cannot be reached now. Then the rounds probe it, and fail until it is fit.
func (n *Node) Probe(ctx context.Context) error {
	err := n.probe(ctx)
	if errors.Is(err, errors.ErrUnsupported) {
		err = fmt.Errorf("%w: %w", ErrUnfit, err)
	}
	n.probed.Store(err == nil)
	return err
}

func (n *Node) probe(ctx context.Context) error {
	unfit := func(what string) error { return fmt.Errorf("%w: it does not %s", ErrUnfit, what) }
	// If the process dies meanwhile, the others remove the key as that of a used ticket.
	var random [8]byte
	if _, err := io.ReadFull(n.config.Random, random[:]); err != nil {
		return fmt.Errorf("drawing the key of a probe: %w", err)
	}
	name := hex.EncodeToString(random[:])
	directory := fmt.Sprintf("%s/%d/probe", usedPath, minuteOf(n.config.Now()))
	key, value := directory+"/"+name, []byte(name)
	if err := n.store.Store(ctx, key, value); err != nil {
		return err
	}
	switch loaded, err := n.store.Load(ctx, key); {
	case errors.Is(err, fs.ErrNotExist) || err == nil && !bytes.Equal(loaded, value):
		return unfit("load a key that was just stored")
	case err != nil:
		return err
	}
	switch names, err := n.store.List(ctx, directory); {
	case err != nil:
		return err
	case !slices.Contains(names, name):
		return unfit("list a key that was just stored")
	}
	if err := n.store.Delete(ctx, key); err != nil {
		return err
	}
	switch _, err := n.store.Load(ctx, key); {
	case err == nil:
		return unfit("delete a key")
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return n.store.WithLock(ctx, "probe-"+name, func() error { return nil })
}
