package tree

import (
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/scan2food/usher/handler/static/archive"
)

// Catalog is the content of a tree at one moment. It is immutable.
type Catalog struct {
	// Generation identifies the content: the hash in a Django manifest, or a digest of all paths and bytes.
	Generation string
	// Published is when the catalog became the current one.
	Published time.Time
	// Unversioned are the assets that scripts request without a version. It is empty unless files are rewritten.
	Unversioned Unversioned

	files         map[string]*File        // by path
	asked         map[string]askedVersion // the versions that stamped forms depend on, by path
	rewritten     int                     // how many files may have stamped forms
	manifestsRead map[string]manifestFile // all files that look like manifests, by path
	paths         []string                // of the files, in order
	state         string                  // of all bytes that are served
	directories   map[string]bool
	unstamped     unstamped
	hiding        hiding
	manifests     []manifestFile
	Dir           *directory        // for files that are not in memory; nil if it does not exist
	Problems      map[string]string // why files are not served, by path
	archive       Archive           // for files that are gone from the disk; may be nil
	Lost          atomic.Bool       // a stored variant could not be read
}

// Lookup returns the file of a path below the root, or nil.
func (c *Catalog) Lookup(path string) *File { return c.files[path] }

// ProblemAbove returns why a directory of the path is not served, with its path, or "".
func (c *Catalog) ProblemAbove(path string) string {
	if len(c.Problems) == 0 {
		return ""
	}
	for dir := parent(path); dir != ""; dir = parent(dir) {
		if problem := c.Problems[dir]; problem != "" {
			return dir + ": " + problem
		}
	}
	return ""
}

// IsDirectory reports whether the path (without a final slash; "" is the root) is a directory that holds files.
func (c *Catalog) IsDirectory(path string) bool { return c.directories[path] }

// Files returns the number of files.
func (c *Catalog) Files() int { return len(c.files) }

// All yields the files in the order of their paths.
func (c *Catalog) All() func(yield func(*File) bool) {
	return func(yield func(*File) bool) {
		for _, path := range c.paths {
			if !yield(c.files[path]) {
				return
			}
		}
	}
}

// forms yields the files, and after each its stamped form, if there is one.
func (c *Catalog) forms() iter.Seq[*File] {
	return func(yield func(*File) bool) {
		for file := range c.All() {
			if !yield(file) || file.StampedForm != nil && !yield(file.StampedForm) {
				return
			}
		}
	}
}

// finish derives the other fields from the files.
func (c *Catalog) finish() {
	c.index()
	c.state = c.digest()
	c.Generation = c.generation()
}

// index derives the sorted paths and the directories.
func (c *Catalog) index() {
	c.paths = slices.Sorted(maps.Keys(c.files))
	c.directories = map[string]bool{"": true}
	for path := range c.files {
		for dir := parent(path); dir != "" && !c.directories[dir]; dir = parent(dir) {
			c.directories[dir] = true
		}
	}
}

// stateLength is the length of [Catalog.State].
const stateLength = 12

// State identifies all paths and their bytes.
func (c *Catalog) State() string { return c.state }

func (c *Catalog) generation() string {
	for _, m := range c.manifests {
		if m.manifest.Kind == "django" && m.manifest.Hash != "" && len(c.manifests) == 1 {
			return m.manifest.Hash
		}
	}
	return c.state
}

func (c *Catalog) digest() string {
	sum := sha256.New()
	for file := range c.forms() {
		_, _ = sum.Write([]byte(file.Path))
		_, _ = sum.Write([]byte{0})
		_, _ = sum.Write(file.digest[:])
	}
	return hex.EncodeToString(sum.Sum(nil)[:stateLength/2])
}

// kept opens the archived bytes of a file that is gone from the disk.
func (c *Catalog) kept(f *File) (*archive.Content, bool) {
	if c.archive == nil {
		return nil, false
	}
	content, found := c.archive.Get(f.Path, f.archived())
	if found && content.SHA256 != f.digest {
		_ = content.Close()
		return nil, false
	}
	return content, found
}

// parent is the directory of a slash-separated relative path; "" for the root.
func parent(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[:i]
		}
	}
	return ""
}
