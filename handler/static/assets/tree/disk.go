package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
)

// directory is an opened root. A place in it is a path below the root without links, or an absolute path if a link leads out
// of the root.
type directory struct {
	root   *os.Root
	base   string // the path of the root, without links
	follow bool   // links may lead out of the root
}

// openDirectory opens a root.
func openDirectory(name string, follow bool) (*directory, error) {
	base, err := filepath.EvalSymlinks(name)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(base)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", name)
	}
	root, err := os.OpenRoot(base)
	if err != nil {
		return nil, err
	}
	return &directory{root, base, follow}, nil
}

func (d *directory) close() { _ = d.root.Close() }

// open opens a place. It does not block on a FIFO.
func (d *directory) open(place string) (*os.File, error) {
	if filepath.IsAbs(place) {
		return os.OpenFile(place, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	}
	return d.root.OpenFile(place, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

var (
	errLeavesRoot = errors.New("a link leads out of the root; `symlinks follow` serves it")
	// errHiddenTarget is for a link to a file that is never served. A link does not publish it.
	errHiddenTarget = errors.New("a link leads to a dotfile, or into a dot directory")
)

// resolve follows the links of a place.
func (d *directory) resolve(place string) (fs.FileInfo, string, error) {
	if !filepath.IsAbs(place) {
		place = filepath.Join(d.base, filepath.FromSlash(place))
	}
	target, err := filepath.EvalSymlinks(place)
	if err != nil {
		return nil, "", fmt.Errorf("following a link: %w", err)
	}
	inside, err := filepath.Rel(d.base, target)
	switch {
	case err == nil && filepath.IsLocal(inside):
		inside = filepath.ToSlash(inside)
		info, err := d.root.Stat(inside)
		if err == nil && hiddenPlace(inside) {
			err = errHiddenTarget
		}
		return info, inside, err
	case !d.follow:
		return nil, "", errLeavesRoot
	}
	info, err := os.Stat(target)
	if err == nil && hiddenSegment(filepath.Base(target)) { // applications stand in .venv and the like
		err = errHiddenTarget
	}
	return info, target, err
}

// info describes what is at a place.
func (d *directory) info(place string) (fs.FileInfo, error) {
	if filepath.IsAbs(place) {
		return os.Stat(place)
	}
	return d.root.Stat(place)
}

// stat describes a path below the root, and returns its place.
func (d *directory) stat(name string) (fs.FileInfo, string, error) {
	if !d.follow {
		if info, err := d.root.Stat(name); err != nil || !info.Mode().IsRegular() {
			return info, name, err // most names do not exist
		}
	}
	return d.resolve(name)
}

// child is a place in a directory.
func (d *directory) child(place, name string) string {
	if filepath.IsAbs(place) {
		return filepath.Join(place, name)
	}
	return path.Join(place, name)
}
