package fingerprint

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// toolNames are the names of the tools of the corpus, as the manual writes them.
var toolNames = map[string]string{
	"angular": "Angular", "asset-mapper": "Symfony AssetMapper", "astro": "Astro", "bun": "Bun", "cra": "Create React App", "django": "Django",
	"django-compressor": "django-compressor", "docusaurus": "Docusaurus", "eleventy": "Eleventy", "encore": "Symfony Encore", "esbuild": "esbuild",
	"gatsby": "Gatsby", "gulp-rev": "gulp-rev", "hugo": "Hugo", "mix": "Laravel Mix", "next": "Next", "nuxt": "Nuxt", "parcel": "Parcel",
	"phoenix": "Phoenix", "plain": "Plain", "propshaft": "Propshaft", "react-router": "React Router", "rollup": "Rollup", "rsbuild": "Rsbuild",
	"rspack": "Rspack", "sprockets": "Sprockets", "sveltekit": "SvelteKit", "vite": "Vite", "vue-cli": "Vue CLI", "webassets": "webassets",
	"webpack": "webpack", "whitenoise": "WhiteNoise",
}

// inQuery are the tools whose versions in the query are proved, see TestCorpusMix and TestCorpusWebassets.
var inQuery = []string{"mix-6.0.49", "webassets-0.12.1"}

// The manual lists the tools whose real output has evidence, by the kind of evidence, and no others.
func TestManualListsWhatIsProved(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "reference", "versioned_assets.md"))
	if err != nil {
		t.Fatal(err)
	}
	manual := strings.Join(strings.Fields(string(content)), " ")
	byHash, byManifest, byDirectory := make(toolList), make(toolList), make(toolList)
	for dir, expectations := range corpus {
		for _, e := range expectations {
			switch e.evidence {
			case "":
			case "manifest":
				byManifest.add(t, dir)
			case "directory":
				byDirectory.add(t, dir)
			default:
				byHash.add(t, dir)
			}
		}
	}
	query := make(toolList)
	for _, dir := range inQuery {
		query.add(t, dir)
	}
	for _, sentence := range []string{
		"Proved with the names of " + byHash.String() + ".",
		"Proved with the queries of " + query.String() + ".",
		"Proved with " + byManifest.String() + ".",
		"Proved with the directories of " + byDirectory.String() + ".",
	} {
		if !strings.Contains(manual, sentence) {
			t.Errorf("docs/reference/versioned_assets.md, Evidence, lacks: %s", sentence)
		}
	}
}

// toolList holds versions by the name of the tool.
type toolList map[string][]string

// add adds the tool of a directory such as webpack-5.112.2-xxhash64.
func (l toolList) add(t *testing.T, dir string) {
	t.Helper()
	for tool, name := range toolNames {
		version, is := strings.CutPrefix(dir, tool+"-")
		if !is || version[0] < '0' || version[0] > '9' {
			continue
		}
		version, _, _ = strings.Cut(version, "-")
		if !slices.Contains(l[name], version) {
			l[name] = append(l[name], version)
		}
		return
	}
	t.Fatalf("%s: the tool has no name", dir)
}

func (l toolList) String() string {
	var tools []string
	for _, name := range slices.SortedFunc(maps.Keys(l), func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }) {
		slices.Sort(l[name])
		tools = append(tools, name+" "+strings.Join(l[name], " and "))
	}
	return strings.Join(tools, ", ")
}
