package tree

import (
	"context"
	"crypto/sha256"
	"io"
	"time"
)

// Unpublished finds a file that is on disk and not in the current catalog, such as an upload that a page shows at once. It waits
// until the file is still, at most settle. It returns no file and busy if the file is still written to then.
func (t *Tree) Unpublished(ctx context.Context, catalog *Catalog, name string) (file *File, busy bool) {
	if catalog.Dir == nil || name == "" {
		return nil, false
	}
	info, place, err := catalog.Dir.stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil, false
	}
	if place != name && !catalog.IsDirectory(parent(name)) {
		return nil, false // behind a link to a directory, of which the next walk decides
	}
	e := entry{path: name, disk: place, identity: identify(info)}
	if age := t.Config.Now().Sub(e.identity.latest()); age < t.Config.Settle {
		if t.waitFor(ctx, t.Config.Settle-max(age, 0)) != nil {
			return nil, true
		}
		info, again, err := catalog.Dir.stat(name)
		if err != nil {
			return nil, false
		}
		if again != place || identify(info) != e.identity {
			return nil, true
		}
	}
	return readUnpublished(catalog, &e)
}

// waitFor waits for a duration, or until the context ends.
func waitFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readUnpublished reads a small file, for its entity tag. A large one has none.
func readUnpublished(catalog *Catalog, e *entry) (file *File, busy bool) {
	file = &File{Path: e.path, Size: e.identity.size, identity: e.identity, Disk: e.disk, IsManifest: e.isManifest()}
	opened, err := file.openOnDisk(catalog)
	if err != nil {
		return nil, true
	}
	defer opened.Close()
	if file.Size > maxInMemory {
		file.setCharsetOf(opened)
		file.prepare()
		file.EntityTag = nil
		return file, false
	}
	file.Content = make([]byte, file.Size)
	if _, err := io.ReadFull(opened, file.Content); err != nil {
		return nil, true
	}
	file.digest = sha256.Sum256(file.Content)
	if opened.check() != nil {
		return nil, true
	}
	file.setCharset(file.Content)
	file.prepare()
	return file, false
}
