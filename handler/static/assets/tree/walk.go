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

// maxFiles bounds the number of files. Links can give one file many paths.
const maxFiles = 1 << 20

// entry describes a file before it is read.
type entry struct {
	path     string // below the root; absolute for a manifest out of the root
	disk     string // its place in the directory
	outside  string // the absolute path of a manifest that the operator named and that is not served
	identity identity
	manifest bool // it may be a build manifest
	hidden   bool // not served: a manifest, or a file that only shows that a transfer goes on
}

func byPath(a, b entry) int { return cmp.Compare(a.path, b.path) }

// walker lists the files below a root. It reads none.
type walker struct {
	dir    *directory
	named  []string // the manifests that the operator named; nil: they are detected
	report func(path string, err error)

	entries []entry
	leaving []string        // links that lead out of the root, by path
	linked  map[string]int  // directories that links lead to, by place, and how many paths lead there
	links   bool            // there are links
	stats   int             // files and directories that were looked at
	skipped int             // links to directories that have maxPaths already
	outside map[string]bool // directories out of the root that hold files
}

// maxPaths is how many paths may lead to a directory through links. Packages that link to each other have as many paths as
// there are orders of packages.
const maxPaths = 16

// walk lists the files below the root by path, links followed, without the content of dot directories.
func (w *walker) walk(ctx context.Context) ([]entry, error) {
	if err := w.directory(ctx, ".", ".", nil); err != nil {
		return nil, err
	}
	w.addNamed()
	slices.SortFunc(w.entries, byPath)
	return w.entries, nil
}

// directory lists dir. Behind links its path and its place differ.
func (w *walker) directory(ctx context.Context, dir, disk string, above []fs.FileInfo) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := w.dir.open(disk)
	if err != nil {
		return w.failed(dir, err)
	}
	defer f.Close()
	w.stats++
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

// child lists one child of a directory. Its error ends the walk.
func (w *walker) child(ctx context.Context, dir, disk string, child fs.DirEntry, above []fs.FileInfo) error {
	name := path.Join(dir, child.Name())
	isManifest := fingerprint.IsManifestName(name)
	hidden := hiddenSegment(child.Name()) || underVite(name)
	place := name // mostly the path itself, which is then in memory once
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
	case info.IsDir() && isLink(child) && w.linked[place] == maxPaths:
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

// hiddenChild lists a dotfile, which is not served but shows that a transfer goes on: rsync writes to a name with a dot until a
// file is complete.
func (w *walker) hiddenChild(name, place string, child fs.DirEntry) error {
	if !child.Type().IsRegular() {
		return nil
	}
	w.stats++
	info, err := child.Info()
	if err != nil {
		return nil //nolint:nilerr // it was renamed
	}
	return w.add(entry{path: name, disk: place, identity: identify(info), hidden: true})
}

func (w *walker) add(e entry) error {
	if len(w.entries) == maxFiles {
		return fmt.Errorf("too many files: want at most %d below a root", maxFiles)
	}
	w.entries = append(w.entries, e)
	return nil
}

func underVite(name string) bool {
	return strings.HasPrefix(name, ".vite/") || strings.Contains(name, "/.vite/")
}

// failed ends the walk if the root cannot be read, and skips other directories.
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
	w.stats++
	if isLink(child) {
		w.links = true
		return w.dir.resolve(place)
	}
	info, err := child.Info()
	return info, place, err
}

// addNamed marks the files that the operator named as manifests, and no others. Those out of the root, or hidden in it, are read
// and not served.
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
			err = errors.New("want a regular file")
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

// inside is the path of a named manifest below the root, or its absolute path.
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
