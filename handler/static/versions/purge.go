package versions

import (
	"context"
	"crypto/sha256"
	"maps"
	"slices"
)

// Purge removes all versions of a path from the lists in storage, but for those to keep. The content is removed with the next sweep.
func (s *Store) Purge(ctx context.Context, path string, keep func(Version) bool) error {
	goes := func(v Version) bool { return v.Path == path && !keep(v) }
	if err := s.Refresh(ctx); err != nil {
		return err
	}
	current := s.index.Load()
	for g := range maps.Values(current.generations) {
		list, known := current.lists[g.sum]
		if !known || !slices.ContainsFunc(list, goes) {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(list), goes)
		content, err := encode(rest)
		if err != nil {
			return err
		}
		old := s.generationKey(g.sum)
		g.sum, g.size = sha256.Sum256(content), int64(len(content))
		if err := s.storeBlob(ctx, g.sum, content, nil); err != nil {
			return err
		}
		if err := s.config.Storage.Store(ctx, s.generationKey(g.sum), g.encode()); err != nil {
			return err
		}
		if err := s.config.Storage.Delete(ctx, old); err != nil {
			return err
		}
	}
	return s.Refresh(ctx)
}
