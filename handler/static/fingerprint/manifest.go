package fingerprint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// MaxManifest is the size of the largest build manifest, in bytes: room for a hundred thousand files with long names.
const MaxManifest = 16 << 20

// maxValues bounds the number of values in a manifest. In memory, small values take more space than their text.
const maxValues = 1 << 20

// maxPath is the length of the longest path in a manifest, in bytes.
const maxPath = 1024

// Manifest is the list that a build tool writes of its outputs.
type Manifest struct {
	// Kind is the tool, one of the names in the table of formats.
	Kind string
	// Outputs are the files with a version in their name. Some formats give paths relative to the manifest's base, others only
	// the end of the path: see [Survey].
	Outputs map[string]Output
	// Versions are the versions of files that have one in their query (Laravel Mix).
	Versions map[string]string
	// Hash identifies the build. Only Django manifests of version 1.1 have a hash.
	Hash string
	// Escapes counts the entries that were left out because their path leaves the manifest's directory or is invalid.
	Escapes int

	format  *format
	reading *reading // nil after the manifest was read
}

// Output is the entry of a manifest for one file.
type Output struct {
	// Logical is the name of the source, or empty.
	Logical string
	// Integrity is a digest of the content in the form of HTML's integrity attribute, or empty.
	Integrity string
	// Size is the size in bytes, or 0 if unknown.
	Size int64

	sharesToken bool // other outputs have the same version
}

// ErrNoManifest is returned for a file that has the name of a manifest but is none, such as a web application's manifest.json.
var ErrNoManifest = errors.New("not a build manifest")

// IsManifestName reports whether build tools write manifests under the name of a path.
func IsManifestName(p string) bool {
	for i := range formats {
		if formats[i].hasName(path.Base(p)) {
			return true
		}
	}
	return false
}

// IsBuildList reports whether build tools write a list of their outputs, or the number of the build, under the name of a path. Each
// build writes the file again.
func IsBuildList(p string) bool {
	return IsManifestName(p) ||
		slices.ContainsFunc(otherLists, func(hasName func(string) bool) bool { return hasName(path.Base(p)) }) ||
		slices.ContainsFunc(marks, func(m mark) bool { return strings.HasSuffix("/"+p, "/"+m.file) })
}

// ManifestBase returns the directory that the paths of a manifest are relative to.
func ManifestBase(p string) string {
	dir := path.Dir(p)
	if path.Base(dir) == ".vite" {
		return path.Dir(dir)
	}
	return dir
}

// ReadManifest reads a manifest. The format is recognized by the name and the shape of the file, or by the shape alone if no
// tool uses the name. Entries whose path leaves the manifest's directory are left out.
func ReadManifest(name string, content []byte) (*Manifest, error) {
	if len(content) > MaxManifest {
		return nil, fmt.Errorf("manifest too large: want at most %d bytes, got %d", MaxManifest, len(content))
	}
	if n := bytes.Count(content, []byte(",")); n > maxValues {
		return nil, fmt.Errorf("manifest has too many values: want at most %d, got %d", maxValues, n)
	}
	content = assignedValue(content)
	var shape map[string]json.RawMessage
	if err := json.Unmarshal(content, &shape); err != nil {
		var other *json.UnmarshalTypeError
		if errors.As(err, &other) || path.Ext(name) == ".js" {
			return nil, ErrNoManifest
		}
		return nil, fmt.Errorf("reading manifest: %w", err)
	}
	isToolName := IsManifestName(name)
	for i := range formats {
		f := &formats[i]
		if isToolName && !f.hasName(path.Base(name)) {
			continue
		}
		m := &Manifest{Kind: f.kind, Outputs: make(map[string]Output), format: f, reading: newReading()}
		err := f.read(m, shape, content)
		if errors.Is(err, ErrNoManifest) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s manifest: %w", f.kind, err)
		}
		m.addSimilar()
		m.markShared()
		m.reading = nil
		return m, nil
	}
	return nil, ErrNoManifest
}

// add adds an output if its name or its query holds a version. The names, and the name of the source, are those that the output would
// have without a version.
func (m *Manifest) add(written string, output Output, names ...string) {
	p, query, _ := strings.Cut(written, "?")
	p, ok := m.localPath(p)
	if !ok {
		m.Escapes++
		return
	}
	if output.Logical != "" {
		names = append(names, output.Logical)
	}
	token, ok := versionToken(p, names...)
	if ok {
		m.addVersioned(p, token, output)
		return
	}
	if _, value, found := strings.Cut(query, "="); found {
		query = value
	}
	switch {
	case isDerived(p):
	case looksLikeDigest(query):
		if m.Versions == nil {
			m.Versions = make(map[string]string)
		}
		m.Versions[p] = query
		m.reading.record(query, p)
	case !isRelated(p, names):
		m.reading.undecided = append(m.reading.undecided, undecided{p, output})
	}
}

// addVersioned adds an output whose name holds the token as its version.
func (m *Manifest) addVersioned(p, token string, output Output) {
	m.reading.record(token, p)
	if known, listed := m.Outputs[p]; !listed || known.Logical == "" {
		m.Outputs[p] = output
	}
}

// localPath converts an entry of a manifest to a path. If the format writes URLs, the host is removed. It returns false if the path
// leaves the directory or is invalid.
func (m *Manifest) localPath(written string) (string, bool) {
	if m.format.base == anyBase {
		if _, after, found := strings.Cut(written, "://"); found {
			_, written, _ = strings.Cut(after, "/")
		}
		for strings.HasPrefix(written, "../") || strings.HasPrefix(written, "./") {
			_, written, _ = strings.Cut(written, "/")
		}
	}
	if m.format.base != manifestBase {
		written = strings.TrimPrefix(written, "/")
	}
	return written, isLocal(written)
}

func isLocal(p string) bool {
	return p != "" && len(p) <= maxPath && p[0] != '/' && p == path.Clean(p) && p != "." && p != ".." &&
		!strings.HasPrefix(p, "../") && !strings.ContainsAny(p, "\\:\x00")
}
