package tree

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"time"
)

var (
	// ErrBeingWritten is returned for a file that does not become still within settle.
	ErrBeingWritten = errors.New("the file is being written")
	// ErrUnreadable is returned for a file that the process has no permission to read.
	ErrUnreadable = errors.New("no permission to read the file")
	// ErrUnreachable is returned for a path below a directory that the process has no permission to search.
	ErrUnreachable = errors.New("no permission to search the directory")
)

// Unpublished finds a file that is on disk and not in the current catalog, such as an upload that a page shows at once. It waits
// until the file is still, at most settle. It returns neither a file nor an error if there is no such file.
func (t *Tree) Unpublished(ctx context.Context, catalog *Catalog, name string) (*File, error) {
	if catalog.Dir == nil || name == "" {
		return nil, nil
	}
	info, place, err := catalog.Dir.stat(name)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, ErrUnreachable
	case err != nil || !info.Mode().IsRegular():
		return nil, nil
	case place != name && !catalog.IsDirectory(parent(name)):
		return nil, nil // behind a link to a directory, of which the next walk decides
	}
	e := entry{path: name, disk: place, identity: identify(info)}
	if age := t.Config.Now().Sub(e.identity.latest()); age < t.Config.Settle {
		if t.waitFor(ctx, t.Config.Settle-max(age, 0)) != nil {
			return nil, ErrBeingWritten
		}
		info, again, err := catalog.Dir.stat(name)
		if err != nil {
			return nil, nil //nolint:nilerr // it was removed
		}
		if again != place || identify(info) != e.identity {
			return nil, ErrBeingWritten
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
func readUnpublished(catalog *Catalog, e *entry) (*File, error) {
	file := &File{Path: e.path, Size: e.identity.size, identity: e.identity, Disk: e.disk, IsManifest: e.isManifest()}
	opened, err := file.openOnDisk(catalog)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, ErrUnreadable
	case err != nil:
		return nil, ErrBeingWritten
	}
	defer opened.Close()
	if file.Size > maxInMemory {
		file.setCharsetOf(opened)
		file.prepare()
		file.EntityTag = nil
		return file, nil
	}
	file.Content = make([]byte, file.Size)
	if _, err := io.ReadFull(opened, file.Content); err != nil {
		return nil, ErrBeingWritten
	}
	file.digest = sha256.Sum256(file.Content)
	if opened.check() != nil {
		return nil, ErrBeingWritten
	}
	file.setCharset(file.Content)
	file.prepare()
	return file, nil
}
