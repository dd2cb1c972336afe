package tree

import (
	"crypto/sha256"
	"encoding/hex"
)

// hiding is what the configuration hides below a prefix. Hidden files get 404. They are neither archived nor compressed, and the
// archive forgets their earlier versions.
type hiding struct {
	prefix   string
	patterns Patterns
}

func (h hiding) hides(name string) bool {
	return len(h.patterns) > 0 && h.patterns.Hides(h.prefix+name)
}

// hidesFile reports a hidden file, or a link to one.
func (h hiding) hidesFile(f *File) bool { return h.hides(f.Path) || f.Disk != "" && h.hides(f.Disk) }

// Hides reports a file of the catalog that is hidden, or a link to one.
func (c *Catalog) Hides(f *File) bool { return c.hiding.hidesFile(f) }

// purgeHidden removes hidden files from the archive: an operator who hides a file that was published by mistake wants it gone.
func (t *Tree) purgeHidden() {
	h := hiding{t.Config.Prefix, t.Config.Hide}
	if len(h.patterns) == 0 {
		return
	}
	for _, sum := range t.Config.Archive.PurgeMatching(h.hides) {
		if t.Config.Variants != nil && t.Config.Variants.Open() == nil && !t.catalog.Load().shows(sum) {
			t.Config.Variants.Purge(hex.EncodeToString(sum[:]))
		}
	}
}

// shows reports whether a current file that is not hidden has this content.
func (c *Catalog) shows(digest [sha256.Size]byte) bool {
	if c == nil {
		return false
	}
	for f := range c.forms() {
		if f.digest == digest && !c.hiding.hidesFile(f) {
			return true
		}
	}
	return false
}
