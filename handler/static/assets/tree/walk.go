package tree

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/scan2food/usher/handler/static/fingerprint"
)

// maxFiles bounds a tree: links inside it can lead to one file by as many paths as there are orders of directories.
const maxFiles = 1 << 20

// entry is a file as the file system describes it, before it is read.
type entry struct {
	path     string // in the tree; of a manifest outside of it, where that is
	disk     string // where it is below the root, with links resolved
	outside  string // where a manifest is that the operator named, and that is not served
	identity identity
	manifest bool // it may be a build manifest
	hidden   bool // it is not served: a manifest, or of interest only while it changes
}

func byPath(a, b entry) int { return cmp.Compare(a.path, b.path) }

// walker lists what is below a root. It reads no file.
type walker struct {
	dir    *directory
	named  []string // the manifests that the operator named; nil: they are recognised
	report func(path string, err error)

	entries []entry
	leaving []string        // links that lead out of the root, by path
	linked  map[string]int  // directories that links lead to, by place, and how many paths lead there
	skipped int             // links to directories that have maxPaths already
	outside map[string]bool // directories out of the root that hold files
}

// maxPaths is how many paths may lead to a directory through links. Packages that link to each other have as many paths as
// there are orders of packages.
const MaxPaths = 16

// walk lists every file below the root, and every file that a link below it leads to inside the root, by path. What is in a dot
// directory is left out.
func (w *walker) walk(ctx context.Context) ([]entry, error) {
	if err := w.directory(ctx, ".", ".", nil); err != nil {
		return nil, err
	}
	w.addNamed()
	slices.SortFunc(w.entries, byPath)
	return w.entries, nil
}

// directory lists dir. Its path in the tree and its place below the root differ behind links.
func (w *walker) directory(ctx context.Context, dir, disk string, above []fs.FileInfo) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := w.dir.open(disk)
	if err != nil {
		return w.failed(dir, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return w.failed(dir, err)
	}
	if slices.ContainsFunc(above, func(seen fs.FileInfo) bool { return os.SameFile(seen, info) }) {
		return nil // a link to a directory above itself
	}
	above = append(above[:len(above):len(above)], info)
	children, err := f.ReadDir(-1)
	if err != nil {
		return w.failed(dir, err)
	}
	for _, child := range children {
		if err := w.child(ctx, dir, disk, child, above); err != nil {
			return err
		}
	}
	return nil
}

// child lists what is in a directory. The error is one that ends the walk.
func (w *walker) child(ctx context.Context, dir, disk string, child fs.DirEntry, above []fs.FileInfo) error {
	name := path.Join(dir, child.Name())
	isManifest := fingerprint.IsManifestName(name)
	hidden := hiddenSegment(child.Name()) || underVite(name)
	place := name // most are where their path says: it is held once
	if disk != dir {
		place = w.dir.child(disk, child.Name())
	}
	if hidden && child.Name() != ".vite" && !isManifest {
		return w.hiddenChild(name, place, child)
	}
	info, place, err := w.follow(place, child)
	if errors.Is(err, errHiddenTarget) && (hidden || isManifest && info.Mode().IsRegular()) {
		hidden, err = true, nil // a manifest may be read, though not served, wherever it is
	}
	switch {
	case errors.Is(err, errLeavesRoot):
		w.leaving = append(w.leaving, name)
	case err != nil:
		w.report(name, err)
	case info.IsDir() && isLink(child) && w.linked[place] == MaxPaths:
		w.skipped++
	case info.IsDir():
		if isLink(child) {
			w.linked[place]++
		}
		return w.directory(ctx, name, place, above)
	case info.Mode().IsRegular():
		if filepath.IsAbs(place) {
			w.outside[filepath.Dir(place)] = true
		}
		return w.add(entry{path: name, disk: place, identity: identify(info), manifest: isManifest, hidden: hidden})
	}
	return nil
}

// hiddenChild lists a file that is not served, for the time that it is written to: rsync gives what it transfers a name with a dot
// until that is whole, and what it has transferred before is half of a deployment.
func (w *walker) hiddenChild(name, place string, child fs.DirEntry) error {
	if !child.Type().IsRegular() {
		return nil
	}
	info, err := child.Info()
	if err != nil {
		return nil //nolint:nilerr // it has its name by now
	}
	return w.add(entry{path: name, disk: place, identity: identify(info), hidden: true})
}

func (w *walker) add(e entry) error {
	if len(w.entries) == maxFiles {
		return fmt.Errorf("want at most %d files, got more", maxFiles)
	}
	w.entries = append(w.entries, e)
	return nil
}

func underVite(name string) bool {
	return strings.HasPrefix(name, ".vite/") || strings.Contains(name, "/.vite/")
}

// failed stops the walk where the root itself cannot be read, and goes on without a directory below it.
func (w *walker) failed(dir string, err error) error {
	if dir == "." {
		return err
	}
	w.report(dir, err)
	return nil
}

func isLink(child fs.DirEntry) bool { return child.Type()&fs.ModeSymlink != 0 }

// follow describes a child, behind its link if it is one, and returns its place.
func (w *walker) follow(place string, child fs.DirEntry) (fs.FileInfo, string, error) {
	if isLink(child) {
		return w.dir.resolve(place)
	}
	info, err := child.Info()
	return info, place, err
}

// addNamed makes manifests of what the operator named, and of nothing else. What is outside the root, or hidden in it, is
// read and not served.
func (w *walker) addNamed() {
	if len(w.named) == 0 {
		return
	}
	known := make(map[string]int, len(w.entries))
	for i := range w.entries {
		w.entries[i].manifest = false
		known[w.entries[i].path] = i
	}
	for _, name := range w.named {
		inside := w.inside(name)
		if i, listed := known[inside]; listed {
			w.entries[i].manifest = true
			continue
		}
		info, err := os.Stat(w.absolute(name))
		if err == nil && !info.Mode().IsRegular() {
			err = errors.New("want a regular file, got something else")
		}
		if err != nil {
			w.report(name, fmt.Errorf("the manifest: %w", err))
			continue
		}
		w.entries = append(w.entries, entry{
			path: inside, outside: w.absolute(name), identity: identify(info), manifest: true, hidden: true,
		})
	}
}

// inside is the path of a named manifest in the tree, or where it is outside.
func (w *walker) inside(name string) string {
	place := w.absolute(name)
	if resolved, err := filepath.EvalSymlinks(place); err == nil {
		place = resolved
	}
	if relative, err := filepath.Rel(w.dir.base, place); err == nil && filepath.IsLocal(relative) {
		return filepath.ToSlash(relative)
	}
	return filepath.ToSlash(place)
}

func (w *walker) absolute(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(w.dir.base, name)
}
