package fingerprint

import (
	"bytes"
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"
)

// readVite reads a manifest of Vite 2 to 8. It has a record for each source, with the outputs of the source. Vite 8 lists the
// bundle of a worker among the assets of the script that starts the worker. Earlier versions do not list these bundles.
func readVite(m *Manifest, shape map[string]json.RawMessage, _ []byte) error {
	if len(shape) == 0 {
		return ErrNoManifest
	}
	files := make(map[string][]string)  // the possible names of outputs that have a record
	others := make(map[string][]string) // the possible names of other outputs
	sources := make(map[string]string)
	for key, raw := range shape {
		chunk, err := decode[struct {
			File   string   `json:"file"`
			Name   string   `json:"name"`
			Source string   `json:"src"`
			CSS    []string `json:"css"`
			Assets []string `json:"assets"`
		}](raw)
		if err != nil || chunk.File == "" {
			return ErrNoManifest
		}
		if strings.HasPrefix(key, "_") {
			key = "" // the record has no source, and its key is made from the name of the output
		}
		names := slices.DeleteFunc([]string{chunk.Name, chunk.Source, key}, func(name string) bool { return name == "" })
		files[chunk.File] = append(files[chunk.File], names...)
		sources[chunk.File] = max(sources[chunk.File], chunk.Source)
		for _, output := range append(chunk.CSS, chunk.Assets...) {
			others[output] = append(others[output], append(names, chunk.File)...)
		}
	}
	for output, names := range files {
		m.add(output, Output{Logical: sources[output]}, names...)
		delete(others, output)
	}
	for output, names := range others {
		m.add(output, Output{}, names...)
	}
	return nil
}

// contradictsVite reports whether an asset has a token. Vite names copied assets by their content, and the token was not proved.
func contradictsVite(name, _ string, _ *Content) bool {
	token, ok := lastToken(name, 8)
	return ok && isAsset(name) && looksLikeDigest(token)
}

// lastToken returns the token of a length before the extension.
func lastToken(name string, length int) (string, bool) {
	stem := strings.TrimSuffix(path.Base(name), path.Ext(name))
	if len(stem) < length {
		return "", false
	}
	return stem[len(stem)-length:], len(stem) == length || strings.IndexByte("-._", stem[len(stem)-length-1]) >= 0
}

// readPairs reads a manifest that maps sources to URLs, such as that of Laravel Mix.
func readPairs(m *Manifest, shape map[string]json.RawMessage, _ []byte) error {
	files, err := pairs(shape)
	if err != nil {
		return err
	}
	for source, output := range files {
		m.add(output, Output{Logical: source})
	}
	return nil
}

// readWebpack reads the manifest of webpack-manifest-plugin and of compatible tools. It maps sources to URLs too. Other
// programs write files of the same name and shape, so a file without versions is no manifest.
func readWebpack(m *Manifest, shape map[string]json.RawMessage, content []byte) error {
	if err := readPairs(m, shape, content); err != nil {
		return err
	}
	if len(m.Outputs)+len(m.Versions) == 0 {
		return ErrNoManifest
	}
	return nil
}

// readAssetManifest reads the manifest of Create React App.
func readAssetManifest(m *Manifest, shape map[string]json.RawMessage, _ []byte) error {
	files, err := decode[map[string]json.RawMessage](shape["files"])
	if err != nil {
		return err
	}
	return readWebpack(m, files, nil)
}

// readBundleTracker reads the manifest of webpack-bundle-tracker. During a build and after a failure the list is incomplete, so it is
// ignored.
func readBundleTracker(m *Manifest, shape map[string]json.RawMessage, _ []byte) error {
	status, err := decode[string](shape["status"])
	chunks, other := decode[map[string][]trackedFile](shape["chunks"])
	if err != nil || other != nil {
		return ErrNoManifest
	}
	if status != "done" {
		return nil
	}
	names := make(map[string][]string)
	for chunk, files := range chunks {
		for _, file := range files {
			names[file.Name] = append(names[file.Name], chunk)
		}
	}
	assets := make(map[string]trackedFile) // releases before 1.0 write no assets
	if shape["assets"] != nil {
		if assets, err = decode[map[string]trackedFile](shape["assets"]); err != nil {
			return err
		}
	}
	for output, chunks := range names {
		if _, listed := assets[output]; !listed {
			m.add(output, Output{}, chunks...)
		}
	}
	for output, asset := range assets {
		m.add(output, Output{Logical: asset.Source}, names[output]...)
	}
	return nil
}

// trackedFile is the entry of an output: a name, or an object.
type trackedFile struct {
	Name   string `json:"name"`
	Source string `json:"sourceFilename"`
}

// UnmarshalJSON decodes both forms.
func (f *trackedFile) UnmarshalJSON(written []byte) error {
	if len(written) > 0 && written[0] == '"' {
		return json.Unmarshal(written, &f.Name)
	}
	type object trackedFile
	return json.Unmarshal(written, (*object)(f))
}

// readMetafile reads the metafile of esbuild. An output with one input that is no entry point is a copied file.
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

// routerManifest matches the script in which React Router and Remix list the files of each route.
const routerManifest = `^manifest-[0-9a-f]{8}\.js$`

// readRouter reads the manifest of React Router and Remix, as built with Vite. It does not list workers and dynamic imports.
func readRouter(m *Manifest, shape map[string]json.RawMessage, _ []byte) error {
	type part struct {
		ID, Module   string
		Imports, CSS []string
	}
	entry, err := decode[part](shape["entry"])
	if err != nil {
		return err
	}
	routes, err := decode[map[string]part](shape["routes"])
	if err != nil {
		return err
	}
	for _, part := range append(slices.Collect(maps.Values(routes)), entry) {
		for _, output := range slices.Concat([]string{part.Module}, part.Imports, part.CSS) {
			m.addRouteFile(output, part.ID)
		}
	}
	return nil
}

// addRouteFile adds the URL of a file that a route needs. The URLs of stylesheets have an empty fragment.
func (m *Manifest) addRouteFile(url, route string) {
	if url == "" {
		return
	}
	m.add(strings.TrimSuffix(url, "#"), Output{}, path.Base(route))
}

// assignedValue returns the value of a script of the form window.name=value. It returns other content unchanged.
func assignedValue(content []byte) []byte {
	rest, ok := bytes.CutPrefix(content, []byte("window.__"))
	if !ok {
		return content
	}
	_, value, _ := bytes.Cut(rest, []byte("="))
	return bytes.TrimSuffix(bytes.TrimSpace(value), []byte(";"))
}
