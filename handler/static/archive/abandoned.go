package archive

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// storeName matches the directories of stores: those that end in a short hash, and nothing else that a directory may hold.
var storeName = regexp.MustCompile(`-[0-9a-f]{8}$`)

// parts are what a store holds, and what is stored beside it with the same lifetime.
var parts = []string{"entries", "blobs", filepath.Join("compressed", "entries"), filepath.Join("compressed", "blobs"), "compressed"}

// RemoveAbandoned removes the content of stores below a directory that no process has open, and that none has used for keep. It
// leaves other files, such as the promises of URLs, until none of them has been written for forget. removed are the stores.
func RemoveAbandoned(directory string, keep, forget time.Duration, now time.Time) (removed []string, err error) {
	children, err := os.ReadDir(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, child := range children {
		if !child.IsDir() || !storeName.MatchString(child.Name()) {
			continue
		}
		store := filepath.Join(directory, child.Name())
		was, err := removeAbandoned(store, keep, forget, now)
		errs = append(errs, err)
		if was {
			removed = append(removed, child.Name())
		}
	}
	return removed, errors.Join(errs...)
}

func removeAbandoned(store string, keep, forget time.Duration, now time.Time) (removed bool, err error) {
	lock, err := lockAlone(store)
	if err != nil {
		return false, nil //nolint:nilerr // a process has it open
	}
	defer func() { _ = lock.Close() }()
	info, err := lock.Stat()
	if err != nil || now.Sub(info.ModTime()) < keep {
		return false, err
	}
	var errs []error
	for _, part := range parts {
		path := filepath.Join(store, part)
		if _, err := os.Lstat(path); err == nil {
			removed = true
			errs = append(errs, os.RemoveAll(path))
		}
	}
	errs = append(errs, removeOld(store, forget, now))
	if removed {
		// Its age is that of its last use, which the removal does not change.
		errs = append(errs, os.Chtimes(store, time.Time{}, info.ModTime()))
	}
	if rest, err := os.ReadDir(store); err == nil && len(rest) == 0 {
		errs = append(errs, os.Remove(store))
	}
	return removed, errors.Join(errs...)
}

// removeOld removes the files if none has been written for a time. They belong together: one names the site of the others.
func removeOld(store string, forget time.Duration, now time.Time) error {
	files, err := os.ReadDir(store)
	if err != nil {
		return err
	}
	var old []string
	for _, file := range files {
		info, err := file.Info()
		switch {
		case err != nil || !info.Mode().IsRegular():
		case now.Sub(info.ModTime()) < forget:
			return nil
		default:
			old = append(old, filepath.Join(store, file.Name()))
		}
	}
	var errs []error
	for _, file := range old {
		errs = append(errs, os.Remove(file))
	}
	return errors.Join(errs...)
}
