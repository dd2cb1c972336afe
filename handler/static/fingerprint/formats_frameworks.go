package fingerprint

import (
	"encoding/json"
	"fmt"
	"strings"
)

func readDjango(m *Manifest, shape map[string]json.RawMessage, content []byte) error {
	if shape["paths"] == nil || shape["version"] == nil {
		return ErrNoManifest
	}
	var file struct {
		Paths   map[string]string `json:"paths"`
		Version string            `json:"version"`
		Hash    string            `json:"hash"`
	}
	if err := json.Unmarshal(content, &file); err != nil {
		return err
	}
	if file.Version != "1.0" && file.Version != "1.1" {
		return fmt.Errorf("unknown version: want 1.0 or 1.1, got %q", file.Version)
	}
	m.Hash = file.Hash
	for logical, output := range file.Paths {
		m.add(output, Output{Logical: logical})
	}
	return nil
}

func contradictsDjango(name, _ string, content *Content) bool { return content.Contradicts(name) }

// readPlain reads a manifest of Plain. It maps sources to versioned names, and each name to true if it holds a version.
func readPlain(m *Manifest, shape map[string]json.RawMessage, _ []byte) error {
	versioned := make(map[string]bool)
	logical := make(map[string]string)
	for key, raw := range shape {
		if string(raw) == "true" || string(raw) == "false" {
			versioned[key] = string(raw) == "true"
			continue
		}
		output, err := decode[string](raw)
		if err != nil {
			return err
		}
		logical[output] = key
	}
	if len(versioned) == 0 {
		return ErrNoManifest
	}
	for output, isVersioned := range versioned {
		switch source, isOwn := logical[output]; {
		case !isVersioned:
		case isOwn:
			m.addPlain(output, source)
		default: // the output of another build tool
			m.add(output, Output{})
		}
	}
	return nil
}

// addPlain adds an output with Plain's token of seven digits. For other tools, seven digits are too few.
func (m *Manifest) addPlain(output, source string) {
	p, ok := m.localPath(output)
	if !ok {
		m.Escapes++
		return
	}
	if token, ok := plainToken(p); ok && !strings.Contains(source, token) && !isDerived(p) {
		m.Outputs[p] = Output{Logical: source}
	}
}

func contradictsPlain(name, _ string, content *Content) bool {
	token, ok := plainToken(name)
	return ok && !strings.HasPrefix(content.sum(md5Hex)[0], token)
}

func readPropshaft(m *Manifest, shape map[string]json.RawMessage, _ []byte) error {
	for logical, raw := range shape {
		if output, err := decode[string](raw); err == nil {
			m.add(output, Output{Logical: logical})
			continue
		}
		entry, err := decode[struct {
			Path      string `json:"digested_path"`
			Integrity string `json:"integrity"`
		}](raw)
		if err != nil || entry.Path == "" {
			return ErrNoManifest
		}
		m.add(entry.Path, Output{Logical: logical, Integrity: entry.Integrity})
	}
	return nil
}

// readSprockets also adds older files that the manifest still lists. The name holds the listed digest. Since Sprockets 4 it holds a
// digest of the listed one and of config.assets.version; then the integrity identifies the content.
func readSprockets(m *Manifest, shape map[string]json.RawMessage, _ []byte) error {
	files, err := decode[map[string]struct {
		Logical   string `json:"logical_path"`
		Integrity string `json:"integrity"`
		Digest    string `json:"digest"`
	}](shape["files"])
	if err != nil || shape["assets"] == nil {
		return ErrNoManifest
	}
	for output, file := range files {
		if file.Integrity != "" || file.Digest != "" && strings.Contains(output, file.Digest) {
			m.add(output, Output{Logical: file.Logical, Integrity: file.Integrity})
		}
	}
	return nil
}

// readPhoenix also adds older files that the manifest still lists. The digest is that of the source. A stylesheet is rewritten
// afterwards, so its content changes with an image that it names while its own name stays the same.
func readPhoenix(m *Manifest, shape map[string]json.RawMessage, _ []byte) error {
	version, err := decode[int](shape["version"])
	if err != nil || shape["latest"] == nil {
		return ErrNoManifest
	}
	if version != 1 {
		return fmt.Errorf("unknown version: want 1, got %d", version)
	}
	digests, err := decode[map[string]struct {
		Logical string `json:"logical_path"`
		Digest  string `json:"digest"`
		SHA512  string `json:"sha512"`
	}](shape["digests"])
	if err != nil {
		return err
	}
	for output, file := range digests {
		if file.Digest != "" && strings.Contains(output, file.Digest) {
			written := Output{Logical: file.Logical}
			if file.SHA512 != "" {
				written.Integrity = "sha512-" + file.SHA512
			}
			m.add(output, written)
		}
	}
	return nil
}

// contradictsPhoenix is always true: Phoenix lists a digest of each output, and neither the name nor the SHA-512 matched.
func contradictsPhoenix(string, string, *Content) bool { return true }

// readEndpoints reads ASP.NET's list of routes. Routes that differ from the name of their file are left out, since the application
// serves these.
func readEndpoints(m *Manifest, shape map[string]json.RawMessage, _ []byte) error {
	type pair struct{ Name, Value string }
	endpoints, err := decode[[]struct {
		Route, AssetFile   string
		EndpointProperties []pair
	}](shape["Endpoints"])
	if err != nil {
		return err
	}
	for _, endpoint := range endpoints {
		output, fingerprint := Output{}, ""
		for _, property := range endpoint.EndpointProperties {
			switch property.Name {
			case "fingerprint":
				fingerprint = property.Value
			case "integrity":
				output.Integrity = property.Value
			case "label":
				output.Logical = property.Value
			}
		}
		if fingerprint != "" && endpoint.Route == endpoint.AssetFile &&
			strings.Contains(endpoint.Route, fingerprint) {
			m.add(endpoint.Route, output)
		}
	}
	return nil
}

func contradictsMix(_, version string, content *Content) bool {
	if version == "" {
		return false
	}
	_, proved := content.ProveToken(version)
	return !proved
}
