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
	// namesSources is a tool whose versions are of what went into a file: only one that is proved is of its bytes.
	namesSources bool
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
	{kind: "django", named: named("staticfiles.json"), read: readDjango, denies: deniedDjango},
	{kind: "vite", named: named("manifest.json"), read: readVite, denies: deniedVite},
	{kind: "plain", named: named("manifest.json"), read: readPlain, denies: deniedPlain},
	{kind: "propshaft", named: named(".manifest.json"), read: readPropshaft},
	{kind: "sprockets", named: matching(`^\.sprockets-manifest-[0-9a-f]{32}\.json$`), read: readSprockets},
	{kind: "phoenix", named: named("cache_manifest.json"), read: readPhoenix, denies: deniedPhoenix, namesSources: true},
	{kind: "aspnet", named: matching(`\.staticwebassets\.endpoints\.json$`), placed: fromWhole, read: readEndpoints},
	{kind: "webpack-stats", named: named("webpack-stats.json"), placed: byEnd, read: readBundleTracker},
	{kind: "esbuild", named: named("meta.json", "metafile.json", "esbuild-meta.json"), placed: byEnd, read: readMetafile},
	{kind: "create-react-app", named: named("asset-manifest.json"), placed: byEnd, read: readAssetManifest},
	{kind: "react-router", named: matching(routerManifest), placed: byEnd, read: readRouter},
	{kind: "mix", named: named("mix-manifest.json"), placed: fromRoot, read: readMix, denies: deniedMix},
	{kind: "webpack", named: named("manifest.json", "parcel-manifest.json"), placed: byEnd, read: readPairs},
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
