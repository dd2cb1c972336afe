package tree

import "time"

// keepVanished adds files that are gone from the disk to the next catalog, for a while. Some deployments empty the directory
// before they fill it again.
func (t *Tree) keepVanished(current, next *Catalog, now time.Time) {
	stays := false
	for path, file := range current.files {
		if next.files[path] != nil {
			delete(t.missing, path)
			continue
		}
		since, known := t.missing[path]
		if !known {
			since = now
			t.missing[path] = now
		}
		if now.Sub(since) >= t.Config.Vanished || file.Content == nil && !t.isKept(file) {
			delete(t.missing, path)
			continue
		}
		next.files[path] = file
		stays = true
	}
	if stays {
		next.finish()
	}
}

// isKept reports a file whose bytes are in the archive.
func (t *Tree) isKept(file *File) bool {
	if t.Config.Archive == nil {
		return false
	}
	_, kept := t.Config.Archive.Find(file.Path, file.archived())
	return kept
}
