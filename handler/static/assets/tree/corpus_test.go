package tree

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/static/fingerprint"
)

// corpusEvidence is the number of immutable files in each tree of the corpus, by digest, manifest and directory. The tests of
// fingerprint check which files these are.
var corpusEvidence = map[string][3]int{
	"angular-20.3.41":            {2, 6, 0},
	"asset-mapper-7.2.0-DEV":     {11, 0, 0},
	"astro-5.18.2":               {2, 0, 4},
	"bun-1.4.5":                  {2, 3, 0},
	"cra-5.0.1":                  {7, 0, 0},
	"django-3.2.25":              {11, 0, 0},
	"django-compressor-4.0":      {2, 0, 0},
	"docusaurus-3.10.2":          {5, 0, 0},
	"eleventy-3.1.8":             {2, 0, 0},
	"encore-6.0.0":               {7, 0, 0},
	"esbuild-0.28.2":             {2, 5, 0},
	"gatsby-5.16.1":              {7, 0, 0},
	"gulp-rev-12.0.0":            {4, 0, 0},
	"hugo-0.111.3":               {5, 0, 0},
	"jekyll-4.3.1":               {0, 0, 0},
	"mix-6.0.49":                 {0, 0, 0},
	"next-16.4.6":                {0, 0, 16},
	"nuxt-4.4.5":                 {2, 0, 6},
	"parcel-2.16.4":              {5, 0, 0},
	"phoenix-1.9.0-dev":          {10, 0, 0},
	"plain-0.4.3":                {2, 15, 0},
	"propshaft-1.3.2":            {10, 1, 0},
	"react-router-7.18.4":        {2, 0, 0},
	"rollup-4.68.7":              {12, 0, 0},
	"rsbuild-2.3.2":              {6, 0, 0},
	"rspack-2.3.3":               {6, 0, 0},
	"sprockets-3.7.2":            {11, 0, 0},
	"sprockets-4.4.0":            {11, 0, 0},
	"sveltekit-2.70.4":           {2, 0, 13},
	"vite-4.5.14":                {3, 2, 0},
	"vite-5.4.21":                {2, 3, 0},
	"vite-6.4.6":                 {2, 3, 0},
	"vite-7.3.8":                 {2, 3, 0},
	"vite-8.3.8":                 {2, 4, 0},
	"vue-cli-5.0.9":              {1, 0, 0},
	"webassets-0.12.1":           {1, 0, 0},
	"webpack-5.112.2":            {6, 0, 0},
	"webpack-5.112.2-chunkhash":  {0, 2, 0},
	"webpack-5.112.2-source-map": {6, 0, 0},
	"webpack-5.112.2-xxhash64":   {6, 0, 0},
	"whitenoise-6.0.0":           {11, 0, 0},
}

// namedManifests are the manifests that the operator must name, by the tool: all that are not in a hidden directory.
var namedManifests = map[string]string{
	"angular": "stats.json", "bun": "meta.json", "esbuild": "meta.json", "plain": "manifest.json",
	"propshaft": ".manifest.json", "vite-4.5.14": "manifest.json", "webpack-5.112.2-chunkhash": "contenthash/manifest.json",
}

// The output of build tools, from disk to catalog. Manifests are found where the tools write them, also in hidden directories.
func TestCorpusOnDisk(t *testing.T) {
	t.Parallel()
	const corpus = "../../fingerprint/testdata"
	dirs, err := os.ReadDir(corpus)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		if !dir.IsDir() || dir.Name() == "make" || dir.Name() == "site" || dir.Name() == "fuzz" {
			continue
		}
		root := t.TempDir()
		if err := os.CopyFS(root, os.DirFS(filepath.Join(corpus, dir.Name()))); err != nil {
			t.Fatal(err)
		}
		var named []string
		for tool, manifest := range namedManifests {
			if strings.HasPrefix(dir.Name(), tool) {
				named = append(named, manifest)
			}
		}
		catalog := OpenAt(t, Config{Root: root, Manifests: named}).Catalog(context.Background())
		var got [3]int
		for file := range catalog.All() {
			switch file.Evidence.Kind {
			case ByDigest:
				got[0]++
			case ByManifest:
				got[1]++
			case ByDirectory:
				got[2]++
			}
			if file.Denied.Detail != "" && file.Denied.Doubt != fingerprint.MayBeUpload { // React Router's

				t.Errorf("%s: %s: %s", dir.Name(), file.Path, file.Denied.Detail)
			}
		}
		if want, known := corpusEvidence[dir.Name()]; !known || got != want {
			t.Errorf("%s, of %d files: %v by digest, manifest and directory, want %v", dir.Name(), catalog.Files(), got, want)
		}
	}
}

// A proved script with the name of React Router's manifest is immutable: webpack's runtime may have this name.
func TestScriptNamedAsManifest(t *testing.T) {
	t.Parallel()
	const script = "load()"
	name := fmt.Sprintf("manifest-%x.js", sha256.Sum256([]byte(script)))[:len("manifest-12345678")] + ".js"
	tree, _ := OpenFiles(t, map[string]string{name: script, "manifest.json": `{"x.js":"/x.12c19cb38134d1dfcd8c.js"}`})
	catalog := tree.Catalog(context.Background())
	if file := catalog.Lookup(name); file.IsManifest || file.Evidence.Kind != ByDigest {
		t.Errorf("%s: a manifest: %v, evidence %q, want a script that is proved", name, file.IsManifest, file.Evidence.Kind)
	}
	if !catalog.Lookup("manifest.json").IsManifest {
		t.Error("manifest.json is none")
	}
}
