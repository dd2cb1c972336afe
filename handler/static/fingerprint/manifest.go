package fingerprint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
)

// MaxManifest is how large a build manifest may be, in bytes: a hundred thousand files with long names.
const MaxManifest = 16 << 20

// maxMembers bounds how many values a manifest may have: small ones take more memory than their text does.
const maxMembers = 1 << 20

// maxPath is how long a path in a manifest may be, in bytes.
const maxPath = 1024

// Manifest is what a build tool says of its own output.
type Manifest struct {
	// Kind is the tool, one of the names in the table of formats.
	Kind string
	// Outputs are the files that carry a version in their name. Paths are relative to the manifest's base, or end
	// alike: see [Survey].
	Outputs map[string]Output
	// Versions are the files that carry a version in their query, with that version (Laravel Mix).
	Versions map[string]string
	// Hash identifies the build; only Django 1.1 manifests have one.
	Hash string
	// Escapes counts the paths that leave the manifest's directory, or cannot be paths, and are not believed.
	Escapes int

	format  *format
	reading *reading // nil once it is read
}

// Output is what a manifest says of one file.
type Output struct {
	// Logical is the name that the source has; it may be empty.
	Logical string
	// Integrity is a digest of the bytes as in HTML's integrity attribute; it may be empty.
	Integrity string
	// Size is in bytes; 0 is unknown.
	Size int64

	ofBuild bool // its version is that of the whole build
}

// ErrNoManifest is a file of a manifest's name that is something else, such as a web application's manifest.json.
var ErrNoManifest = errors.New("not a build manifest")

// IsManifestName reports whether a path is one under which build tools write manifests.
func IsManifestName(p string) bool {
	for i := range formats {
		if formats[i].named(path.Base(p)) {
			return true
		}
	}
	return false
}

// ManifestBase is the directory to which the paths of a manifest are relative.
func ManifestBase(p string) string {
	dir := path.Dir(p)
	if path.Base(dir) == ".vite" {
		return path.Dir(dir)
	}
	return dir
}

// ReadManifest recognises a manifest by its name and its shape; one that has a name of the operator's choice, by its
// shape. A path in it that leaves its directory is not taken.
func ReadManifest(name string, content []byte) (*Manifest, error) {
	if len(content) > MaxManifest {
		return nil, fmt.Errorf("want a manifest of at most %d bytes, got %d", MaxManifest, len(content))
	}
	if n := bytes.Count(content, []byte(",")); n > maxMembers {
		return nil, fmt.Errorf("want a manifest of at most %d values, got %d", maxMembers, n)
	}
	content = assigned(content)
	var shape map[string]json.RawMessage
	if err := json.Unmarshal(content, &shape); err != nil {
		var other *json.UnmarshalTypeError
		if errors.As(err, &other) || path.Ext(name) == ".js" {
			return nil, ErrNoManifest
		}
		return nil, fmt.Errorf("reading manifest: %w", err)
	}
	known := IsManifestName(name)
	for i := range formats {
		f := &formats[i]
		if known && !f.named(path.Base(name)) {
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
		m.takeAlike()
		m.markBuilds()
		m.reading = nil
		return m, nil
	}
	return nil, ErrNoManifest
}

// add takes an output whose name carries a version, or a URL whose query does. The names are what it would be called
// without, beside that of its source.
func (m *Manifest) add(written string, output Output, names ...string) {
	p, query, _ := strings.Cut(written, "?")
	p, ok := m.local(p)
	if !ok {
		m.Escapes++
		return
	}
	if output.Logical != "" {
		names = append(names, output.Logical)
	}
	token, ok := versionToken(p, names...)
	if ok {
		m.take(p, token, output)
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
		m.reading.note(query, p)
	case !isRelated(p, names):
		m.reading.undecided = append(m.reading.undecided, undecided{p, output})
	}
}

// take believes that the name of an output carries this token as its version.
func (m *Manifest) take(p, token string, output Output) {
	m.reading.note(token, p)
	if known, listed := m.Outputs[p]; !listed || known.Logical == "" {
		m.Outputs[p] = output
	}
}

// local makes a path of what a manifest wrote. Where it wrote URLs, or paths from elsewhere, the end of it is the path.
func (m *Manifest) local(written string) (string, bool) {
	if m.format.placed == byEnd {
		if _, after, found := strings.Cut(written, "://"); found {
			_, written, _ = strings.Cut(after, "/")
		}
		for strings.HasPrefix(written, "../") || strings.HasPrefix(written, "./") {
			_, written, _ = strings.Cut(written, "/")
		}
	}
	if m.format.placed != fromBase {
		written = strings.TrimPrefix(written, "/")
	}
	return written, isLocal(written)
}

func isLocal(p string) bool {
	return p != "" && len(p) <= maxPath && p[0] != '/' && p == path.Clean(p) && p != "." && p != ".." &&
		!strings.HasPrefix(p, "../") && !strings.ContainsAny(p, "\\:\x00")
}
