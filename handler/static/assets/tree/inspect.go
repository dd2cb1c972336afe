package tree

import "context"

// Rescan reads the directory now, as if an event had come, and waits for the end of the reading. It does not wait until files
// that were just written have been quiet for settle. Its error is the error of ctx.
func (t *Tree) Rescan(ctx context.Context) error {
	t.Start()
	done := make(chan struct{})
	select {
	case t.rescans <- done:
	case <-t.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
	case <-t.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// Class is how the files of a class are cached.
type Class string

// The classes of files.
const (
	// ClassImmutable is for files whose name is a version, with evidence.
	ClassImmutable Class = "immutable"
	// ClassVersioned is for files that are immutable under the version in their query, and revalidated without it.
	ClassVersioned Class = "versioned"
	// ClassPage and ClassManifest are for files that are always revalidated.
	ClassPage     Class = "page"
	ClassManifest Class = "manifest"
)

// Classes lists all classes.
var Classes = []Class{ClassImmutable, ClassVersioned, ClassPage, ClassManifest}

// Class returns the class of a file.
func (f *File) Class() Class {
	switch evidence, _ := f.GivenOut(); {
	case f.IsManifest:
		return ClassManifest
	case IsHTML(f.ContentType):
		return ClassPage
	case evidence.Kind != NoEvidence && !f.isWorkerName:
		return ClassImmutable
	default:
		return ClassVersioned
	}
}

// Usage is a number of files and their bytes.
type Usage struct {
	Files int
	Bytes int64
}

// Usage counts the files by class, and the bytes of contents in memory.
func (c *Catalog) Usage() (byClass map[Class]Usage, memory int64) {
	byClass = make(map[Class]Usage)
	for f := range c.All() {
		usage := byClass[f.Class()]
		usage.Files++
		usage.Bytes += f.Size
		byClass[f.Class()] = usage
	}
	for f := range c.forms() {
		memory += int64(len(f.Content))
	}
	return byClass, memory
}

// Holds reports whether a current file has this content.
func (c *Catalog) Holds(digest [32]byte) bool {
	for f := range c.forms() {
		if f.digest == digest {
			return true
		}
	}
	return false
}
