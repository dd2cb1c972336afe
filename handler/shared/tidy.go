package shared

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// runTidy removes what has expired, beside the rounds, since it may be much. What cannot be removed now is removed later.
func (n *Node) runTidy() {
	ticker := time.NewTicker(tidyEvery)
	defer ticker.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-ticker.C:
			_ = n.tidy(n.ctx)
		}
	}
}

// tidy removes what has expired. A node removes its own segments by itself. The live node with the lowest ID removes what dead
// nodes left, and used tickets.
func (n *Node) tidy(ctx context.Context) error {
	now := n.config.Now()
	peers := n.Peers()
	if len(peers) > 0 && peers[0].ID < n.id {
		return nil
	}
	return errors.Join(n.tidyHeads(ctx, now, peers), n.tidyUsed(ctx, now))
}

// tidyOwn removes the expired segments of this node. The goroutine of the log calls it.
func (n *Node) tidyOwn(ctx context.Context) error {
	l, now := &n.log, n.config.Now()
	for len(l.segments) > 0 && now.Sub(l.segments[0].written) > retention {
		if err := n.store.Delete(ctx, segmentPath(n.id, l.segments[0].number)); err != nil {
			return err
		}
		l.segments = l.segments[1:]
	}
	return nil
}

// tidyHeads removes the heads and segments of nodes that are gone, once no node needs them.
func (n *Node) tidyHeads(ctx context.Context, now time.Time, peers []Peer) error {
	names, err := n.store.List(ctx, headsPath)
	if err != nil {
		return err
	}
	var gone []string
	expired := minuteOf(now.Add(-retention - skew))
	for id, h := range latest(names) {
		alive := id == n.id || slices.ContainsFunc(peers, func(p Peer) bool { return p.ID == id })
		if h.minute < expired && !alive {
			gone = append(gone, id)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	segments, err := n.store.List(ctx, logPath)
	if err != nil {
		return err
	}
	isGone := func(name string) bool {
		id, _, _ := strings.Cut(name, ".")
		return slices.Contains(gone, id)
	}
	for _, name := range segments {
		if isGone(name) {
			err = errors.Join(err, n.store.Delete(ctx, logPath+"/"+name))
		}
	}
	for _, name := range names {
		if err == nil && isGone(name) {
			err = n.store.Delete(ctx, headsPath+"/"+name)
		}
	}
	return err
}

// tidyUsed removes the used tickets that have expired for every clock.
func (n *Node) tidyUsed(ctx context.Context, now time.Time) error {
	minutes, err := n.store.List(ctx, usedPath)
	if err != nil {
		return err
	}
	for _, minute := range minutes {
		ended, parseErr := strconv.ParseInt(minute, 10, 64)
		if parseErr != nil || ended >= minuteOf(now.Add(-skew)) {
			continue
		}
		err = errors.Join(err, n.removeBelow(ctx, usedPath+"/"+minute, 2))
	}
	return err
}

// removeBelow removes a directory of a depth. Not every storage deletes a directory with its content.
func (n *Node) removeBelow(ctx context.Context, directory string, depth int) (err error) {
	if depth > 0 {
		names, err := n.store.List(ctx, directory)
		if err != nil {
			return err
		}
		for _, name := range names {
			err = errors.Join(err, n.removeBelow(ctx, directory+"/"+name, depth-1))
		}
		if err != nil {
			return err
		}
	}
	return n.store.Delete(ctx, directory)
}
