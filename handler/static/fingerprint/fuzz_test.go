package fingerprint

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// checkManifest checks that no path of a manifest leaves its directory, and that each output has a version.
func checkManifest(t *testing.T, name, kind string, content []byte) {
	t.Helper()
	m, err := ReadManifest(name, content)
	if err != nil {
		if errors.Is(err, ErrNoManifest) && m != nil {
			t.Errorf("%v, and %+v", err, m)
		}
		return
	}
	if kind != "" && m.Kind != kind {
		return // the content is a manifest of another tool
	}
	files := make(tree)
	for _, output := range append(slices.Collect(maps.Keys(m.Outputs)), slices.Collect(maps.Keys(m.Versions))...) {
		if output == "" || output[0] == '/' || strings.Contains("/"+output+"/", "/../") || strings.ContainsAny(output, "\\\x00") {
			t.Errorf("an output leaves the directory: %q", output)
		}
		files[output] = entry{"hello\n", built}
	}
	for output, entry := range m.Outputs {
		if isDerived(output) || !slices.ContainsFunc(slices.Collect(nameTokens(output)), looksLikeDigest) && m.Kind != "plain" {
			t.Errorf("output without a version: %q of %q", output, entry.Logical)
		}
	}
	survey := NewSurvey(files, []ManifestFile{{Manifest: m, Path: "deep/" + name, Written: built}})
	for p := range survey.manifests[0].outputs {
		if strings.Contains("/"+p+"/", "/../") || !strings.HasPrefix(p, "deep/") {
			t.Errorf("a path leaves the directory of the manifest: %q", p)
		}
	}
	for path := range files {
		if finding := survey.Judge(files.file(path)); finding.Evidence != NoEvidence && finding.Doubt != NoDoubt {
			t.Errorf("%q: both evidence and doubt: %+v", path, finding)
		}
	}
}

func fuzzManifest(f *testing.F, name, kind string, seeds ...string) {
	for _, seed := range seeds {
		if m, err := ReadManifest(name, []byte(seed)); err != nil || m.Kind != kind {
			f.Fatalf("%s is not a %s manifest: %v", seed, kind, err)
		}
		f.Add([]byte(seed))
	}
	for _, content := range corpusManifests(f, kind) {
		f.Add(content)
	}
	f.Add([]byte(`[[[[`))
	f.Fuzz(func(t *testing.T, content []byte) { checkManifest(t, name, kind, content) })
}

// corpusManifests returns the manifests of a kind in the corpus.
func corpusManifests(t testing.TB, kind string) (contents [][]byte) {
	t.Helper()
	err := fs.WalkDir(os.DirFS("testdata"), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isManifest(filepath.Base(p)) {
			return err
		}
		content, err := os.ReadFile(filepath.Join("testdata", p))
		if m, unread := ReadManifest(p, content); unread == nil && m.Kind == kind {
			contents = append(contents, content)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return contents
}

// FuzzReadManifest varies the name too.
func FuzzReadManifest(f *testing.F) {
	f.Add("staticfiles.json", []byte(`{"paths":{"a.css":"a.27e20196a850.css"},"version":"1.1"}`))
	f.Add("a/.vite/manifest.json", []byte(`{"a.js":{"file":"assets/a-DdCDtH1A.js","css":["../x"]}}`))
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		if isLocal(name) {
			checkManifest(t, name, "", content)
		}
	})
}

func FuzzDjangoManifest(f *testing.F) {
	fuzzManifest(f, "staticfiles.json", "django", `{"paths":{"a.css":"a.27e20196a850.css"},"version":"1.0"}`,
		`{"paths":{"a.css":"../a.27e20196a850.css"},"version":"1.1","hash":"0a1b2c3d4e5f"}`)
}

func FuzzViteManifest(f *testing.F) {
	fuzzManifest(f, "manifest.json", "vite", `{"a.js":{"file":"assets/a-DdCDtH1A.js","src":"a.js","css":["../x"],"assets":["assets/w-CSN6jzNC.js"]}}`,
		`{"resources/js/app.js":{"file":"assets/app-4ed993c7.js","isEntry":true,"src":"resources/js/app.js"}}`)
}

func FuzzWebpackManifest(f *testing.F) {
	fuzzManifest(f, "manifest.json", "webpack", `{"main.js":"/static/main.12c19cb38134d1dfcd8c.js"}`,
		`{"main.js":"https://cdn.example/main.js?12c19cb38134d1dfcd8c"}`)
}

func FuzzBundleTrackerManifest(f *testing.F) {
	fuzzManifest(f, "webpack-stats.json", "webpack-stats", `{"status":"done","chunks":{},"assets":{"a-0828904584990b611fb8.js":{"sourceFilename":"a.js"}}}`,
		`{"status":"compile","chunks":{}}`)
}

func FuzzReactManifest(f *testing.F) {
	fuzzManifest(f, "asset-manifest.json", "create-react-app", `{"files":{"main.js":"/static/js/main.43ec809e.js"},"entrypoints":[]}`)
}

func FuzzPropshaftManifest(f *testing.F) {
	fuzzManifest(f, ".manifest.json", "propshaft", `{"one.txt":"one-f2e1ec14.txt"}`,
		`{"one.txt":{"digested_path":"one-f2e1ec14.txt","integrity":"sha384-x"}}`)
}

func FuzzSprocketsManifest(f *testing.F) {
	fuzzManifest(f, ".sprockets-manifest-2e8e9a7c6b0aafa0c9bdeec90ea30213.json", "sprockets",
		`{"assets":{},"files":{"a-b1946ac92492d2347c6235b4d2611184.js":{"logical_path":"a.js","digest":"b1946ac92492d2347c6235b4d2611184","integrity":"sha256-x"}}}`)
}

func FuzzPhoenixManifest(f *testing.F) {
	fuzzManifest(f, "cache_manifest.json", "phoenix",
		`{"version":1,"latest":{},"digests":{"a-b1946ac92492d2347c6235b4d2611184.js":{"digest":"b1946ac92492d2347c6235b4d2611184"}}}`)
}

func FuzzRouterManifest(f *testing.F) {
	fuzzManifest(f, "manifest-9cfae50f.js", "react-router",
		`window.__reactRouterManifest={"entry":{"module":"/a/e-CeIikQfx.js","imports":[],"css":["/a/s-DmifnJTr.css#"]},"routes":{"root":{"id":"root","module":"../x"}}};`)
}

func FuzzMixManifest(f *testing.F) {
	fuzzManifest(f, "mix-manifest.json", "mix", `{"/js/app.js":"/js/app.js?id=8e5c48eadbfdd5458ec6"}`)
}

func FuzzPlainManifest(f *testing.F) {
	fuzzManifest(f, "manifest.json", "plain", `{"css/a.css":"css/a.1a2b3c4.css","css/a.1a2b3c4.css":true,"dist/x-BZCg4Xy8.js":true,"b":false}`)
}

func FuzzEsbuildMetafile(f *testing.F) {
	fuzzManifest(f, "meta.json", "esbuild", `{"inputs":{},"outputs":{"../w-XH4UFCAH.js":{"bytes":385,"inputs":{"a":{}}}}}`)
}

func FuzzEndpoints(f *testing.F) {
	fuzzManifest(f, "x.staticwebassets.endpoints.json", "aspnet",
		`{"Endpoints":[{"Route":"a.5y8w35dinf.js","AssetFile":"a.5y8w35dinf.js","EndpointProperties":[{"Name":"fingerprint","Value":"5y8w35dinf"}]}]}`)
}
