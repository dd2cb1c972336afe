package tree

import (
	"slices"
	"time"

	"go.uber.org/zap"
)

// maxUnsettled is how long constant changes may delay publishing. A tree that is not quiet by then publishes what is
// unchanged over two walks, and again each time that it takes so long.
const maxUnsettled = 30 * time.Second

// maxUnsettledFirst is the same for the first reading: requests wait for it.
const maxUnsettledFirst = 10 * time.Second

// unsettled notes that the tree changes, and returns for how long it has not been quiet.
func (t *Tree) unsettled(now time.Time) time.Duration {
	if t.unsettledSince.IsZero() {
		t.unsettledSince = now
	}
	return now.Sub(t.unsettledSince)
}

// isOverdue reports that the tree has not been quiet for too long.
func (t *Tree) isOverdue(now time.Time) bool {
	limit := maxUnsettled
	if t.catalog.Load() == nil {
		limit = maxUnsettledFirst
	}
	return !t.unsettledSince.IsZero() && now.Sub(t.unsettledSince) >= limit
}

// unchanged returns the files that two walks have in common. A file that differs between them is as it is published, or
// left out if it is not published yet.
func unchanged(now, last, published walkedTree) (entries, changing walkedTree) {
	entries = make(walkedTree, 0, len(now))
	for _, e := range now {
		if before := last.find(e.path); before != nil && *before == e {
			entries = append(entries, e)
			continue
		}
		changing = append(changing, e)
		if before := published.find(e.path); before != nil {
			entries = append(entries, *before)
		}
	}
	for _, e := range last {
		if now.find(e.path) != nil {
			continue
		}
		changing = append(changing, e)
		if before := published.find(e.path); before != nil {
			entries = append(entries, *before)
		}
	}
	slices.SortFunc(entries, byPath)
	return entries, changing
}

// warnUnsettled logs which files keep changing, once until the tree is quiet.
func (t *Tree) warnUnsettled(changing walkedTree) {
	if t.warnedUnsettled || len(changing) == 0 {
		return
	}
	t.warnedUnsettled = true
	const examples = 5
	var paths []string
	for i := range changing[:min(examples, len(changing))] {
		paths = append(paths, changing[i].path)
	}
	t.Config.Logger.Warn("files keep changing; publishing the others without them",
		zap.String("root", t.Config.Root), zap.Int("files", len(changing)), zap.Strings("for_example", paths))
}
