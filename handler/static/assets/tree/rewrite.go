package tree

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"path"
	"strings"

	"github.com/scan2food/usher/handler/static/fingerprint"
)

// Rewritable is a file that may refer to other assets: a stylesheet or a script.
type Rewritable struct {
	// Path is relative to the root.
	Path    string
	Content []byte
}

// Rewritten is the stamped form of such a file.
type Rewritten struct {
	Content []byte
	// Version is the version of a file in a cycle of references, which is no digest of Content. Otherwise it is "".
	Version string
}

// Child is an asset that a script requests without a version, so that browsers revalidate it on each use.
type Child struct {
	// Script and Asset are URL paths.
	Script, Asset string
	// How is "starts" for workers, "imports" for modules and "loads" for other files.
	How string
}

// Unversioned are the assets that scripts of a catalog request without a version.
type Unversioned struct {
	// Children are the first ones, in the order of the scripts' paths.
	Children []Child
	// Total is the number of all.
	Total int
}

// MaxChildren is the most children that an [Unversioned] lists.
const MaxChildren = 20

// Rewrite adds versions to the references in files. version returns the version of a file of the same tree; a file whose name is a
// version has none. Files that are not in the result have no stamped form.
type Rewrite func(files []Rewritable, version func(path string) (string, bool)) (map[string]Rewritten, Unversioned)

// stamp gives the stylesheets and scripts of the catalog that refer to other files a stamped form. Files that references name without
// a version have none.
func (c *Catalog) stamp(rewrite Rewrite, previous *Catalog) (parsed int) {
	var files []Rewritable
	for file := range c.All() {
		if file.Content != nil && !file.IsManifest && mayRefer(file.Path) && c.isStampable(file) {
			files = append(files, Rewritable{file.Path, file.Content})
		}
	}
	if len(files) == 0 || c.sameForms(previous, files) {
		return 0
	}
	stamped, unversioned := rewrite(files, c.versionsAsked(files))
	c.Unversioned = unversioned
	for i := range files {
		form, is := stamped[files[i].Path]
		c.setForm(previous, files[i].Path, form, is)
	}
	return len(files)
}

func mayRefer(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".css", ".js", ".mjs":
		return true
	default:
		return false
	}
}

// rewrittenAs returns the stamped form of a file. It has no date: it changes with what it refers to.
func (f *File) rewrittenAs(rewritten Rewritten) *File {
	next := &File{
		Path: f.Path, Size: int64(len(rewritten.Content)), Content: rewritten.Content, Disk: f.Disk,
		fingerprint: fingerprint.Of(rewritten.Content), cycleVersion: rewritten.Version, otherCharset: f.otherCharset,
	}
	next.digest = next.fingerprint.SHA256()
	next.prepare()
	return next
}

// Stamped returns the form of a file that its version names: the file itself, unless it refers to other files.
func (f *File) Stamped() *File {
	if f.StampedForm != nil {
		return f.StampedForm
	}
	return f
}

// Version is the version of a file, for references to it. A file whose name holds a version has none.
func (c *Catalog) Version(path string) (string, bool) {
	file := c.files[path]
	if file == nil || !c.isStampable(file) {
		return "", false
	}
	return file.Stamped().version(), true
}

func (f *File) version() string {
	if f.cycleVersion != "" {
		return f.cycleVersion
	}
	return hex.EncodeToString(f.digest[:fingerprint.StampLength/2])
}

// Integrity returns the value of an integrity attribute for the bytes, or "" if they are not in memory.
func (f *File) Integrity() string {
	if f.Content == nil {
		return ""
	}
	if made := f.integrity.Load(); made != nil {
		return *made
	}
	sum := sha512.Sum384(f.Content)
	made := "sha384-" + base64.StdEncoding.EncodeToString(sum[:])
	f.integrity.Store(&made)
	return made
}
