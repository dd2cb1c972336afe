package tree

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/fsnotify/fsnotify"
)

// maxTouched is how many files may have been written in place for [Tree.lookAtTouched].
const maxTouched = 16

// touched are the changes since the last reading, as events tell them. A log that grows below a large tree must not make usher
// walk the tree each second.
type touched struct {
	paths map[string]bool // files that were written in place
	// all is true if something else may have changed: files were made, moved or removed, or events may be lost.
	all bool
}

// note notes an event.
func (c *touched) note(base string, event fsnotify.Event) {
	rest, below := strings.CutPrefix(event.Name, base)
	if !below || len(rest) < 2 || event.Op&^(fsnotify.Write|fsnotify.Chmod) != 0 || len(c.paths) >= maxTouched {
		c.all = true
		return
	}
	if c.paths == nil {
		c.paths = make(map[string]bool)
	}
	c.paths[filepath.ToSlash(rest[1:])] = true
}

// isKnown reports that nothing changed but some files, whose paths are known.
func (c *touched) isKnown() bool { return len(c.paths) > 0 && !c.all }

// lookAtTouched returns the last walk with the present state of the files that were written in place since. It returns false if only
// a walk can tell what is there.
func (t *Tree) lookAtTouched(dir *directory) (walkedTree, bool) {
	last := t.awaited
	if last == nil {
		last = t.walked
	}
	if !t.touched.isKnown() || last == nil || t.hasLinks || dir.base != t.walkedBase {
		return nil, false
	}
	entries := slices.Clone(last)
	for name := range t.touched.paths {
		found := entries.find(name)
		if found == nil || found.outside != "" {
			return nil, false
		}
		t.work.stats++
		info, err := dir.root.Lstat(found.disk)
		if err != nil || !info.Mode().IsRegular() {
			return nil, false
		}
		found.identity = identify(info)
	}
	for name, text := range t.reported {
		if name != aboutTree && !t.touched.paths[name] {
			t.noted[name] = text
		}
	}
	return entries, true
}

// work counts what a reading does to the disk.
type work struct {
	stats  int // files and directories that were looked at
	reads  int // files that were read and hashed
	parses int // manifests, stylesheets and scripts that were parsed
}

// sameForms reports whether the stamped forms of the previous catalog are right for the same files: neither the files nor the
// versions that they refer to have changed.
func (c *Catalog) sameForms(previous *Catalog, files []Rewritable) bool {
	if previous == nil || previous.asked == nil || len(files) != previous.rewritten {
		return false
	}
	for i := range files {
		if c.files[files[i].Path] != previous.files[files[i].Path] {
			return false
		}
	}
	for path, before := range previous.asked {
		if version, ok := c.Version(path); before != (askedVersion{version, ok}) {
			return false
		}
	}
	c.asked, c.rewritten, c.Unversioned = previous.asked, previous.rewritten, previous.Unversioned
	return true
}

// askedVersion is the version of a file that a stylesheet or a script refers to, if it has one.
type askedVersion struct {
	version string
	ok      bool
}

// setForm gives a file a stamped form, or none. A file that it shares with the previous catalog is copied, since a catalog in service
// never changes.
func (c *Catalog) setForm(previous *Catalog, path string, form Rewritten, stamped bool) {
	file := c.files[path]
	before := file.StampedForm
	if !stamped && before == nil || stamped && before != nil && before.cycleVersion == form.Version && string(before.Content) == string(form.Content) {
		return
	}
	if previous != nil && previous.files[path] == file {
		file = file.again(true).judged(judgement{file.Evidence, file.Denied, file.listedVersions})
		c.files[path] = file
	}
	file.StampedForm = nil
	if stamped {
		file.StampedForm = file.rewrittenAs(form)
	}
}

// versionsAsked returns a function that returns versions and notes them.
func (c *Catalog) versionsAsked(files []Rewritable) func(path string) (string, bool) {
	c.asked, c.rewritten = make(map[string]askedVersion), len(files)
	own := make(map[string]bool, len(files))
	for i := range files {
		own[files[i].Path] = true
	}
	return func(path string) (string, bool) {
		version, ok := c.Version(path)
		if !own[path] { // of these the files themselves are compared
			c.asked[path] = askedVersion{version, ok}
		}
		return version, ok
	}
}

// readBefore returns the manifest of the previous catalog if its file has not changed, or nil.
func (s *scanner) readBefore(e *entry) *manifestFile {
	if s.previous == nil || s.fresh[e.path] {
		return nil
	}
	if known, ok := s.previous.manifestsRead[e.path]; ok && known.identity == e.identity {
		return &known
	}
	return nil
}
