package fingerprint

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// MaxManifest is how large a build manifest may be, in bytes: a hundred thousand files with long names.
const MaxManifest = 16 << 20

// Manifest is what a build tool says of its own output.
type Manifest struct {
	// Kind is django or vite.
	Kind string
	// Outputs maps every file that carries a version in its name to the name that the source has, which may be
	// empty. Paths are relative to the manifest's base.
	Outputs map[string]string
	// Hash identifies the build; only Django 1.1 manifests have one.
	Hash string
}

// IsManifestName reports whether a path is one under which build tools write manifests.
func IsManifestName(p string) bool {
	base := path.Base(p)
	return base == "staticfiles.json" || base == "manifest.json"
}

// ManifestBase is the directory to which the paths of a manifest are relative.
func ManifestBase(p string) string {
	dir := path.Dir(p)
	if path.Base(dir) == ".vite" {
		return path.Dir(dir)
	}
	return dir
}

// ErrNoManifest is a file of a manifest's name that is something else, such as a web application's manifest.json.
var ErrNoManifest = errors.New("not a build manifest")

// ReadManifest recognises a manifest by its shape. A path in it that leaves the manifest's base makes it invalid.
func ReadManifest(content []byte) (*Manifest, error) {
	if len(content) > MaxManifest {
		return nil, fmt.Errorf("want a manifest of at most %d bytes, got %d", MaxManifest, len(content))
	}
	var shape map[string]json.RawMessage
	if err := json.Unmarshal(content, &shape); err != nil {
		return nil, fmt.Errorf("reading manifest: %w", err)
	}
	if shape["paths"] != nil && shape["version"] != nil {
		return readDjango(content)
	}
	return readVite(shape)
}

func readDjango(content []byte) (*Manifest, error) {
	var file struct {
		Paths   map[string]string `json:"paths"`
		Version string            `json:"version"`
		Hash    string            `json:"hash"`
	}
	if err := json.Unmarshal(content, &file); err != nil {
		return nil, fmt.Errorf("reading Django manifest: %w", err)
	}
	if file.Version != "1.0" && file.Version != "1.1" {
		return nil, fmt.Errorf("reading Django manifest: want version 1.0 or 1.1, got %q", file.Version)
	}
	m := &Manifest{Kind: "django", Outputs: make(map[string]string, len(file.Paths)), Hash: file.Hash}
	for logical, output := range file.Paths {
		if err := m.add(output, logical); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// readVite reads Vite 2 to 8: a record a source, with the files that it became.
func readVite(shape map[string]json.RawMessage) (*Manifest, error) {
	m := &Manifest{Kind: "vite", Outputs: make(map[string]string)}
	for _, source := range slices.Sorted(maps.Keys(shape)) {
		var chunk struct {
			File   string   `json:"file"`
			CSS    []string `json:"css"`
			Assets []string `json:"assets"`
		}
		if err := json.Unmarshal(shape[source], &chunk); err != nil || chunk.File == "" {
			return nil, ErrNoManifest
		}
		if err := m.add(chunk.File, source); err != nil {
			return nil, err
		}
		for _, output := range slices.Concat(chunk.CSS, chunk.Assets) {
			if _, listed := m.Outputs[output]; listed {
				continue
			}
			if err := m.add(output, ""); err != nil {
				return nil, err
			}
		}
	}
	if len(m.Outputs) == 0 {
		return nil, ErrNoManifest
	}
	return m, nil
}

// add takes an output whose name differs from its source's: one that is listed under its own name carries no version.
func (m *Manifest) add(output, logical string) error {
	if !isLocal(output) {
		return fmt.Errorf("reading %s manifest: %q leaves the manifest's directory", m.Kind, output)
	}
	if output != logical {
		m.Outputs[output] = logical
	}
	return nil
}

func isLocal(p string) bool {
	return p != "" && p[0] != '/' && p == path.Clean(p) && p != ".." && !strings.HasPrefix(p, "../") &&
		!strings.ContainsAny(p, "\\:\x00")
}

// writingTime is how much later than its manifest a file of the same build may be written: bundlers write in parallel.
const writingTime = 2 * time.Second

// Vouches reports whether the manifest, written at one time, can speak of a file that was written at another: a manifest
// that is older than the file knows nothing of it.
func (m *Manifest) Vouches(written, fileWritten time.Time) bool {
	return !fileWritten.After(written.Add(writingTime))
}
