package tree

import (
	"encoding/json"
	"path"
	"strings"

	"github.com/scan2food/usher/handler/static/fingerprint"
)

// unstamped are the files of a catalog that references must name by their plain URL.
type unstamped struct {
	prefix   string
	patterns Patterns        // of the configuration, by URL path
	listed   map[string]bool // files that the service worker of Angular compares with its hash table, by path
}

// isStampable reports a path that references may name with a version. The name of a build output holds its version, and scripts
// refer to it by that name, whether usher can prove the version or not.
func (c *Catalog) isStampable(file *File) bool {
	return file.Evidence.Kind == NoEvidence && file.Denied.Doubt == fingerprint.NoDoubt && !fingerprint.LooksVersioned(file.Path) &&
		!c.IsUnstamped(file.Path)
}

// IsUnstamped reports a path that must stay as it is by configuration, or by the hash table of an Angular service worker. The
// page of that path must not be stamped either.
func (c *Catalog) IsUnstamped(name string) bool {
	return c.unstamped.listed[name] || len(c.unstamped.patterns) > 0 && c.unstamped.patterns.Match(c.unstamped.prefix+name)
}

// readHashTables finds the files that Angular's service worker lists. It installs no version of the site if the bytes of a
// listed file have another hash.
func (c *Catalog) readHashTables() {
	for file := range c.All() {
		if path.Base(file.Path) != "ngsw.json" || file.Content == nil {
			continue
		}
		var table struct {
			HashTable map[string]string `json:"hashTable"`
		}
		if json.Unmarshal(file.Content, &table) != nil {
			continue
		}
		if c.unstamped.listed == nil {
			c.unstamped.listed = make(map[string]bool)
		}
		for name := range table.HashTable {
			c.unstamped.listed[strings.TrimPrefix(path.Join(path.Dir(file.Path), name), "/")] = true
		}
	}
}
