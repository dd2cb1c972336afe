package versions

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"time"
)

// sweepEvery is how often expired objects are removed, by one machine for all.
const sweepEvery = time.Hour

// sweptName is the object with the time of the last sweep.
const sweptName = "swept"

// Sweep removes the expired objects of all sites, unless a machine did so within the last hour. Two machines may sweep at once.
func (s *Store) Sweep(ctx context.Context) error {
	root := path.Dir(s.config.Directory)
	now := s.config.Now()
	value, err := s.config.Storage.Load(ctx, path.Join(root, sweptName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if at, err := strconv.ParseInt(string(value), 10, 64); err == nil && now.Sub(time.Unix(at, 0)).Abs() < sweepEvery {
		return nil
	}
	if err := s.config.Storage.Store(ctx, path.Join(root, sweptName), strconv.AppendInt(nil, now.Unix(), 10)); err != nil {
		return err
	}
	sites, err := s.config.Storage.List(ctx, root)
	if err != nil {
		return err
	}
	var errs []error
	for _, site := range sites {
		if site == sweptName {
			continue
		}
		other := &Store{config: s.config}
		other.config.Directory = path.Join(root, site)
		other.index.Store(new(index))
		if other.config.Directory == s.config.Directory {
			other.index.Store(s.index.Load())
		}
		errs = append(errs, other.sweepSite(ctx, now))
	}
	return errors.Join(errs...)
}

// sweepSite removes the expired generations of a site, and then the content that no other generation has.
func (s *Store) sweepSite(ctx context.Context, now time.Time) error {
	directory := path.Join(s.config.Directory, "generations")
	names, err := s.config.Storage.List(ctx, directory)
	if err != nil {
		return err
	}
	used := make(map[digest]bool)
	for _, text := range names {
		sum, ok := parseDigest(text, true)
		if !ok {
			continue
		}
		g, err := s.loadGeneration(ctx, sum)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return err
		case now.After(g.expires):
			if err := s.config.Storage.Delete(ctx, s.generationKey(sum)); err != nil {
				return err
			}
			continue
		}
		list, known := s.index.Load().lists[sum]
		if !known {
			if list, err = s.loadList(ctx, g); err != nil {
				return err // its content is not known, so that none may be removed
			}
		}
		used[sum] = true
		for _, v := range list {
			used[v.Digest] = true
		}
	}
	if len(names) == 0 {
		return s.sweepPromises(ctx, now) // the storage may have missed them
	}
	blobs, err := s.blobs(ctx)
	if err != nil {
		return err
	}
	again, err := s.config.Storage.List(ctx, directory)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(again, func(text string) bool { return !slices.Contains(names, text) }) {
		return nil // the next sweep knows the new list
	}
	for blob := range blobs {
		if sum, ok := blobDigest(blob); ok && !used[sum] {
			if err := s.config.Storage.Delete(ctx, path.Join(s.config.Directory, "blobs", blob)); err != nil {
				return err
			}
		}
	}
	return s.sweepPromises(ctx, now)
}
