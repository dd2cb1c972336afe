package assets

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"github.com/scan2food/usher/handler/static/archive"
)

// Modules tells which scripts can be named under the prefix of a generation, as in /static/~0123456789ab/main.js: those
// whose whole graph of imports is reached by it alone.
type Modules interface {
	// Read is what a script says of others. Content is as it is on the disk; nil if it is too large to be read.
	Read(path string, content []byte) any
	// Whole tells it of all scripts together. Needed are those that no version in their name makes known. Elsewhere are the
	// prefixes of other trees whose scripts these name.
	Whole(read map[string]any, needed func(path string) bool) (whole map[string]bool, elsewhere []string)
}

// The prefix of a generation is a segment: this mark, and the state of the catalog.
const generationMark = "~"

// stateLength is that of [Catalog.State].
const stateLength = 12

// isScript reports what a module can be.
func (f *File) isScript() bool { return strings.HasPrefix(f.contentType[0], "text/javascript") }

// findModules asks once for each catalog.
func (c *Catalog) findModules() {
	if c.reader == nil {
		return
	}
	read := make(map[string]any)
	for name, file := range c.files {
		if file.isScript() {
			read[name] = file.source().links
		}
	}
	c.modules, c.elsewhere = c.reader.Whole(read, func(name string) bool { return c.files[name].Evidence.Kind == NoEvidence || c.epoch != "" })
}

// Elsewhere are the URL prefixes of other trees whose scripts are named by scripts of this one, without a generation.
func (c *Catalog) Elsewhere() []string { return c.elsewhere }

// Module is the path of a module under this generation; "" if it is not reached by that. A directory, which ends in a
// slash, has one if all scripts in it do; torn are those in which some do and others do not.
func (c *Catalog) Module(path string) (underGeneration string, torn bool) {
	under := generationMark + c.state + "/" + path
	if path != "" && !strings.HasSuffix(path, "/") {
		if !c.modules[path] {
			return "", false
		}
		return under, false
	}
	reached, others := false, false
	for name, file := range c.files {
		if file.isScript() && strings.HasPrefix(name, path) {
			reached = reached || c.modules[name]
			others = others || !c.modules[name]
		}
	}
	if !reached || others {
		return "", reached
	}
	return under, false
}

// splitGeneration takes the prefix of a generation off a path.
func splitGeneration(path string) (state, rest string, ok bool) {
	if !strings.HasPrefix(path, generationMark) {
		return "", "", false
	}
	state, rest, _ = strings.Cut(path[len(generationMark):], "/")
	return state, rest, len(state) == stateLength && strings.Trim(state, "0123456789abcdef") == ""
}

// generationEvidence is that of a file under the prefix of its generation.
var generationEvidence = Evidence{ByDigest, "the path holds the digest of all assets"}

// serveGeneration answers a path under the prefix of a generation, the present one or one that is kept: the bytes that it
// had then. Of a generation that is not known nothing can be said that would be true of it.
func (h *Handler) serveGeneration(w http.ResponseWriter, r *http.Request, site *Site, catalog *Catalog, state, path string) {
	file := catalog.Lookup(path)
	if h.Hide.Match(site.Prefix+path) || file != nil && h.hidesTarget(site, file) {
		fail(w, r, http.StatusNotFound)
		return
	}
	if state == catalog.state {
		if file != nil {
			h.serveAs(w, r, catalog, file, generationEvidence)
			return
		}
		fail(w, r, http.StatusNotFound)
		return
	}
	if file := site.Tree.justReplacedModule(state, path); file != nil {
		h.serveReplaced(w, r, file)
		return
	}
	if content, found := site.Tree.EarlierGeneration(state, path); found {
		h.serveKept(w, r, site, path, content)
		return
	}
	fail(w, r, http.StatusNotFound)
}

// EarlierGeneration opens the bytes that a path had in an earlier generation. Close them.
func (t *Tree) EarlierGeneration(state, path string) (*archive.Content, bool) {
	list, found := t.Earlier(generationMark+state, "")
	if !found {
		return nil, false
	}
	text, err := io.ReadAll(list)
	_ = list.Close()
	if err != nil {
		return nil, false
	}
	version, listed := findInList(text, path)
	if !listed {
		return nil, false
	}
	return t.Earlier(path, version)
}

// putGeneration keeps which versions the files of a catalog had, if any of them was named under its prefix.
func (t *Tree) putGeneration(catalog *Catalog) error {
	if len(catalog.modules) == 0 || t.config.Archive.Renew(generationMark+catalog.state, "") {
		return nil
	}
	return t.config.Archive.Put(generationMark+catalog.state, "", bytes.NewReader(catalog.list()))
}

// list is what findInList reads: each path and its version, with a NUL behind both. No path holds one.
func (c *Catalog) list() []byte {
	var list []byte
	for file := range c.All() {
		list = append(append(list, file.Path...), 0)
		list = append(append(list, file.archived()...), 0)
	}
	return list
}

func findInList(list []byte, path string) (version string, found bool) {
	for len(list) > 0 {
		var name, value []byte
		name, list, _ = bytes.Cut(list, []byte{0})
		value, list, _ = bytes.Cut(list, []byte{0})
		if string(name) == path {
			return string(value), true
		}
	}
	return "", false
}

// archived is the version under which a file is kept: "" where its name is one.
func (f *File) archived() string {
	if f.Evidence.Kind != NoEvidence {
		return ""
	}
	return f.version()
}
