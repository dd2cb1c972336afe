package fingerprint

import (
	"encoding/json"
	"regexp"
	"strings"
)

// format is how a tool writes its manifest.
type format struct {
	kind   string
	named  func(base string) bool
	placed placement
	// read fills the manifest, or returns ErrNoManifest where the shape is another. The content is what shape was
	// decoded from.
	read func(m *Manifest, shape map[string]json.RawMessage, content []byte) error
	// denies reports bytes that the version which this tool gave them is provably not of; nil where that cannot be
	// told. The output is listed, and its name not proved.
	denies func(name, version string, content *Content) bool
}

// placement is what the paths in a manifest are relative to.
type placement int

const (
	fromBase  placement = iota // the directory of the manifest
	fromRoot                   // the same, with a leading slash
	byEnd                      // a URL prefix or a directory of the build: the end of the path is what counts
	fromWhole                  // the root of the tree, wherever the manifest is
)

// formats are tried in this order: the last of those that are named manifest.json is the least particular.
var formats = []format{
	{"django", named("staticfiles.json"), fromBase, readDjango, deniedDjango},
	{"vite", named("manifest.json"), fromBase, readVite, deniedVite},
	{"plain", named("manifest.json"), fromBase, readPlain, deniedPlain},
	{"propshaft", named(".manifest.json"), fromBase, readPropshaft, nil},
	{"sprockets", matching(`^\.sprockets-manifest-[0-9a-f]{32}\.json$`), fromBase, readSprockets, nil},
	{"phoenix", named("cache_manifest.json"), fromBase, readPhoenix, deniedPhoenix},
	{"aspnet", matching(`\.staticwebassets\.endpoints\.json$`), fromWhole, readEndpoints, nil},
	{"webpack-stats", named("webpack-stats.json"), byEnd, readBundleTracker, nil},
	{"esbuild", named("meta.json", "metafile.json", "esbuild-meta.json"), byEnd, readMetafile, nil},
	{"create-react-app", named("asset-manifest.json"), byEnd, readAssetManifest, nil},
	{"mix", named("mix-manifest.json"), fromRoot, readMix, deniedMix},
	{"webpack", named("manifest.json", "parcel-manifest.json"), byEnd, readPairs, nil},
}

func named(names ...string) func(string) bool {
	return func(base string) bool {
		for _, name := range names {
			if base == name {
				return true
			}
		}
		return false
	}
}

func matching(pattern string) func(string) bool {
	return regexp.MustCompile(pattern).MatchString
}

// decode reads a value of the shape, and takes any other type for another kind of file.
func decode[T any](raw json.RawMessage) (value T, err error) {
	if raw == nil || json.Unmarshal(raw, &value) != nil {
		return value, ErrNoManifest
	}
	return value, nil
}

// pairs reads an object of strings, and nothing else.
func pairs(shape map[string]json.RawMessage) (map[string]string, error) {
	read := make(map[string]string, len(shape))
	for key, raw := range shape {
		if len(raw) == 0 || raw[0] != '"' {
			return nil, ErrNoManifest
		}
		value, err := decode[string](raw)
		if err != nil {
			return nil, err
		}
		read[key] = value
	}
	if len(read) == 0 {
		return nil, ErrNoManifest
	}
	return read, nil
}

// isAsset reports what bundlers copy and never write anew.
func isAsset(name string) bool {
	for _, ext := range []string{".js", ".mjs", ".cjs", ".css", ".html", ".json", ".map", ".ts"} {
		if strings.HasSuffix(name, ext) {
			return false
		}
	}
	return true
}
