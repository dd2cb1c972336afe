package assets

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"path"
	"strings"
	"time"

	"github.com/scan2food/usher/handler/static/fingerprint"
)

// Rewritable is a file that may refer to other assets: a stylesheet or a script.
type Rewritable struct {
	// Path is relative to the root.
	Path    string
	Content []byte
}

// Rewritten is what such a file is served as.
type Rewritten struct {
	Content []byte
	// Version is the file's version where that is no digest of Content: the file is in a circle of references. Else "".
	Version string
}

// Rewrite gives the references in files their versions. version tells that of a file of the same tree; a file whose name
// is a version has none. What is not in the result stays as it is.
type Rewrite func(files []Rewritable, version func(path string) (string, bool)) map[string]Rewritten

// rewrite has the stylesheets and scripts of the catalog refer to the versions of its other files. Files whose name is a
// version already stay: their bytes would no longer be those it names.
func (c *Catalog) rewrite(rewrite Rewrite) {
	var files []Rewritable
	for file := range c.All() {
		if file.Content != nil && !file.IsManifest && file.Evidence.Kind == NoEvidence && mayRefer(file.Path) {
			files = append(files, Rewritable{file.Path, file.Content})
		}
	}
	if len(files) == 0 {
		return
	}
	for name, rewritten := range rewrite(files, c.Version) {
		c.files[name] = c.files[name].servedAs(rewritten)
	}
}

func mayRefer(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".css", ".js", ".mjs":
		return true
	default:
		return false
	}
}

// servedAs is the file with other bytes. Its date says nothing of these: they change with what they refer to.
func (f *File) servedAs(rewritten Rewritten) *File {
	next := &File{
		Path: f.Path, Size: int64(len(rewritten.Content)), Content: rewritten.Content, Evidence: f.Evidence,
		fingerprint: fingerprint.Of(rewritten.Content), identity: f.identity, original: f, circle: rewritten.Version,
		denied: f.denied,
	}
	next.digest = next.fingerprint.SHA256()
	next.prepare()
	next.lastModified, next.ModTime = nil, time.Time{}
	return next
}

// source is the file as it is on the disk.
func (f *File) source() *File {
	if f.original != nil {
		return f.original
	}
	return f
}

// Original is the content on the disk, where other bytes are served in its place; nil where they are not.
func (f *File) Original() []byte {
	if f.original == nil {
		return nil
	}
	return f.original.Content
}

// Version is the version of a file, for references to it. A file whose name is a version has none.
func (c *Catalog) Version(path string) (string, bool) {
	file := c.files[path]
	if file == nil || file.Evidence.Kind != NoEvidence {
		return "", false
	}
	return file.version(), true
}

func (f *File) version() string {
	if f.circle != "" {
		return f.circle
	}
	return hex.EncodeToString(f.digest[:fingerprint.StampLength/2])
}

// Integrity is the value of an integrity attribute that pins the bytes; "" where they are not in memory.
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
