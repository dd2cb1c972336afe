package fingerprint

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// format is the manifest format of a tool.
type format struct {
	kind    string
	hasName func(base string) bool
	base    base
	// read fills the manifest from shape, the top-level object of content. It returns ErrNoManifest if the shape does not match.
	read func(m *Manifest, shape map[string]json.RawMessage, content []byte) error
	// contradicts reports whether the version of a listed output is certainly one of other content. It is called if the name is
	// not proved. Nil: the format cannot decide.
	contradicts func(name, version string, content *Content) bool
	// hashesSources is true if the versions are digests of the sources. Then a version that is not proved is no evidence.
	hashesSources bool
}

// base is the directory that the paths in a manifest are relative to.
type base int

const (
	manifestBase     base = iota // the directory of the manifest
	manifestBaseRoot             // the same, but paths have a leading slash
	anyBase                      // a URL prefix or a directory of the build, so only the end of a path counts
	treeBase                     // the root of the tree
)

// formats are tried in this order. Of the formats named manifest.json, the last one has the most general shape.
var formats = []format{
	{kind: "django", hasName: named("staticfiles.json"), read: readDjango, contradicts: contradictsDjango},
	{kind: "vite", hasName: named("manifest.json"), read: readVite, contradicts: contradictsVite},
	{kind: "plain", hasName: named("manifest.json"), read: readPlain, contradicts: contradictsPlain},
	{kind: "propshaft", hasName: named(".manifest.json"), read: readPropshaft},
	{kind: "sprockets", hasName: matching(`^\.sprockets-manifest-[0-9a-f]{32}\.json$`), read: readSprockets},
	{kind: "phoenix", hasName: named("cache_manifest.json"), read: readPhoenix, contradicts: contradictsPhoenix, hashesSources: true},
	{kind: "aspnet", hasName: matching(`\.staticwebassets\.endpoints\.json$`), base: treeBase, read: readEndpoints},
	{kind: "webpack-stats", hasName: named("webpack-stats.json"), base: anyBase, read: readBundleTracker},
	{kind: "esbuild", hasName: named("meta.json", "metafile.json", "esbuild-meta.json"), base: anyBase, read: readMetafile},
	{kind: "create-react-app", hasName: named("asset-manifest.json"), base: anyBase, read: readAssetManifest},
	{kind: "react-router", hasName: matching(routerManifest), base: anyBase, read: readRouter},
	{kind: "mix", hasName: named("mix-manifest.json"), base: manifestBaseRoot, read: readPairs, contradicts: contradictsMix},
	{kind: "webpack", hasName: named("manifest.json", "parcel-manifest.json"), base: anyBase, read: readWebpack},
}

// otherLists are the names of build lists that are read as no format.
var otherLists = []func(base string) bool{
	named("rev-manifest.json", "importmap.json", "entrypoints.json", "build-manifest.json", "ssr-manifest.json", "ngsw.json",
		"webpack.stats.json", "chunk-map.json"),
	matching(`^entrypoint\.[A-Za-z_-]+\.json$`), // Symfony AssetMapper, for each entry
}

// named returns a function that reports whether a name is one of names.
func named(names ...string) func(string) bool {
	return func(base string) bool { return slices.Contains(names, base) }
}

// matching returns a function that reports whether a name matches a pattern.
func matching(pattern string) func(string) bool {
	return regexp.MustCompile(pattern).MatchString
}

// decode decodes a value. It returns ErrNoManifest if the value is missing or of another type.
func decode[T any](raw json.RawMessage) (value T, err error) {
	if raw == nil || json.Unmarshal(raw, &value) != nil {
		return value, ErrNoManifest
	}
	return value, nil
}

// pairs decodes an object whose values are all strings.
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

// isAsset reports whether bundlers copy a file without rewriting it.
func isAsset(name string) bool {
	for _, ext := range []string{".js", ".mjs", ".cjs", ".css", ".html", ".json", ".map", ".ts"} {
		if strings.HasSuffix(name, ext) {
			return false
		}
	}
	return true
}
