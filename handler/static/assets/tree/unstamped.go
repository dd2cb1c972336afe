package tree

import (
	"bytes"
	"encoding/json"
	"path"
	"regexp"
	"strings"

	"github.com/scan2food/usher/handler/static/fingerprint"
)

// unstamped are the files of a catalog that references must name by their plain URL.
type unstamped struct {
	prefix   string
	patterns Patterns        // of the configuration, by URL path
	listed   map[string]bool // files that a service worker precaches, by path
}

// isStampable reports a path that references may name with a version. The name of a build output holds its version, and scripts
// refer to it by that name, whether usher can prove the version or not. The version of a hidden file would publish a part of its hash.
func (c *Catalog) isStampable(file *File) bool {
	return file.Evidence.Kind == NoEvidence && file.Denied.Doubt == fingerprint.NoDoubt && !file.mayBeHashed && !c.IsUnstamped(file.Path) &&
		!c.hiding.hidesFile(file)
}

// IsUnstamped reports a path that must stay as it is by configuration, or by the list of a service worker. The page of that path
// must not be stamped either.
func (c *Catalog) IsUnstamped(name string) bool {
	return c.unstamped.listed[name] || len(c.unstamped.patterns) > 0 && c.unstamped.patterns.Match(c.unstamped.prefix+name)
}

// precacheEntry matches an entry of the list that Workbox writes into a service worker.
var precacheEntry = regexp.MustCompile(`["'{,\s]url["']?\s*:\s*["'\x60]([^"'\x60]+)["'\x60]`)

// precachedURLs returns the URLs that a service worker precaches by the content of a file: the hash table of Angular, or a script
// with the list of Workbox. Both workers know a file by its plain URL. Angular's worker installs no version of the site if the
// bytes of a listed file have another hash. Under a stamped URL, Workbox's worker would not find the file while offline.
func precachedURLs(name string, content []byte) (urls []string) {
	switch {
	case path.Base(name) == "ngsw.json":
		var table struct {
			HashTable map[string]string `json:"hashTable"`
		}
		if json.Unmarshal(content, &table) != nil {
			return nil
		}
		for url := range table.HashTable {
			urls = append(urls, url)
		}
	case path.Ext(name) == ".js" && bytes.Contains(content, []byte("precache")) && bytes.Contains(content, []byte("revision")):
		for _, entry := range precacheEntry.FindAllSubmatch(content, -1) {
			urls = append(urls, string(entry[1]))
		}
	}
	return urls
}

// listPrecached finds the files that service workers precache.
func (c *Catalog) listPrecached() {
	for file := range c.All() {
		for _, url := range file.precached {
			if listed := c.findPrecached(parent(file.Path), url); listed != "" {
				if c.unstamped.listed == nil {
					c.unstamped.listed = make(map[string]bool)
				}
				c.unstamped.listed[listed] = true
			}
		}
	}
}

// The longest URL of a list, in bytes, and the most directories in a base.
const (
	maxPrecachedURL = 1024
	maxBase         = 8
)

// findPrecached returns the path of a URL that a file in a directory lists, or "". The URL is relative to the directory or, with a
// base such as /shop/ in front, to the site.
func (c *Catalog) findPrecached(directory, url string) string {
	if below, is := strings.CutPrefix(url, c.unstamped.prefix); is && c.files[below] != nil {
		return below
	}
	for rest, more, base := url, len(url) <= maxPrecachedURL, 0; more && base <= maxBase; base++ {
		if name := strings.TrimPrefix(path.Join(directory, rest), "/"); c.files[name] != nil {
			return name
		}
		_, rest, more = strings.Cut(rest, "/")
	}
	return ""
}
