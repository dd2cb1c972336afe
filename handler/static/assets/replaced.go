package assets

import (
	"slices"
	"sync"
)

// replaced are the catalogs that were current until a moment ago, while what they hold is put into the archive: a deployment may come
// before all of the one before is there.
type replaced struct {
	mutex    sync.RWMutex
	catalogs []*Catalog // the last one last
}

func (r *replaced) add(c *Catalog) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.catalogs = append(r.catalogs, c)
}

func (r *replaced) remove(c *Catalog) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.catalogs = slices.DeleteFunc(r.catalogs, func(other *Catalog) bool { return other == c })
}

// find looks for a file whose bytes are still in memory, and would be kept.
func (r *replaced) find(wanted func(*Catalog) *File) *File {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	for _, catalog := range slices.Backward(r.catalogs) {
		if f := wanted(catalog); f != nil && f.Content != nil && f.mayBeKept() {
			return f
		}
	}
	return nil
}

// justReplaced is what a path was under a version, or under no version if its name is one; nil if it is not there.
func (t *Tree) justReplaced(path, version string) *File {
	return t.replaced.find(func(c *Catalog) *File {
		if f := c.files[path]; f != nil && slices.Contains(f.keptUnder(), version) {
			return f
		}
		return nil
	})
}

// asEarlier is a file that was replaced a moment ago, as the archive will hold it.
func (f *File) asEarlier() *File {
	earlier := &File{
		Path: f.Path, Size: f.Size, Content: f.Content, digest: f.digest, fingerprint: f.fingerprint, coded: f.coded, Evidence: earlierEvidence,
	}
	earlier.prepare()
	return earlier
}
