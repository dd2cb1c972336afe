package fingerprint

import (
	"encoding/json"
	"path"
	"strings"
)

// readVite reads Vite 2 to 8: a record a source, with the files that it became. Vite 8 lists the bundles of workers
// among the assets of the script that starts them, earlier ones nowhere.
func readVite(m *Manifest, shape map[string]json.RawMessage, _ []byte) error {
	if len(shape) == 0 {
		return ErrNoManifest
	}
	sources := make(map[string]string)
	var others []string
	for _, raw := range shape {
		chunk, err := decode[struct {
			File   string   `json:"file"`
			Source string   `json:"src"`
			CSS    []string `json:"css"`
			Assets []string `json:"assets"`
		}](raw)
		if err != nil || chunk.File == "" {
			return ErrNoManifest
		}
		others = append(append(others, chunk.CSS...), chunk.Assets...)
		// Without a source the key is made from the name of the output, version and all.
		sources[chunk.File] = max(sources[chunk.File], chunk.Source)
	}
	for output, source := range sources {
		m.add(output, Output{Logical: source})
	}
	for _, output := range others {
		if _, known := sources[output]; !known {
			m.add(output, Output{})
		}
	}
	return nil
}

// deniedVite: what Vite copies is named by its bytes.
func deniedVite(name, _ string, _ *Content) bool {
	token, ok := lastToken(name, 8)
	return ok && isAsset(name) && looksLikeDigest(token)
}

// lastToken is what stands before the extension, if it is so long.
func lastToken(name string, length int) (string, bool) {
	stem := strings.TrimSuffix(path.Base(name), path.Ext(name))
	if len(stem) < length {
		return "", false
	}
	return stem[len(stem)-length:], len(stem) == length || strings.IndexByte("-._", stem[len(stem)-length-1]) >= 0
}

// readPairs reads webpack-manifest-plugin and those that write like it: a source, and a URL.
func readPairs(m *Manifest, shape map[string]json.RawMessage, _ []byte) error {
	files, err := pairs(shape)
	if err != nil {
		return err
	}
	for source, output := range files {
		m.add(output, Output{Logical: source})
	}
	if len(m.Outputs)+len(m.Versions) == 0 {
		return ErrNoManifest
	}
	return nil
}

// readAssetManifest reads Create React App.
func readAssetManifest(m *Manifest, shape map[string]json.RawMessage, _ []byte) error {
	files, err := decode[map[string]json.RawMessage](shape["files"])
	if err != nil {
		return err
	}
	return readPairs(m, files, nil)
}

// readBundleTracker reads webpack-bundle-tracker. While it compiles, and after a failure, the list is of no use.
func readBundleTracker(m *Manifest, shape map[string]json.RawMessage, _ []byte) error {
	status, err := decode[string](shape["status"])
	if err != nil || shape["chunks"] == nil {
		return ErrNoManifest
	}
	if status != "done" {
		return nil
	}
	assets, err := decode[map[string]struct {
		Name   string `json:"name"`
		Source string `json:"sourceFilename"`
	}](shape["assets"])
	if err != nil {
		return err
	}
	for key, asset := range assets {
		m.add(key, Output{Logical: asset.Source})
	}
	return nil
}

// readMetafile reads esbuild. An output of one source that is no entry point is a file that was copied.
func readMetafile(m *Manifest, shape map[string]json.RawMessage, _ []byte) error {
	outputs, err := decode[map[string]struct {
		Bytes      int64                      `json:"bytes"`
		EntryPoint string                     `json:"entryPoint"`
		Inputs     map[string]json.RawMessage `json:"inputs"`
	}](shape["outputs"])
	if err != nil || shape["inputs"] == nil {
		return ErrNoManifest
	}
	for key, output := range outputs {
		logical := output.EntryPoint
		if logical == "" && len(output.Inputs) == 1 {
			for logical = range output.Inputs {
			}
		}
		m.add(key, Output{Logical: logical, Size: output.Bytes})
	}
	return nil
}
