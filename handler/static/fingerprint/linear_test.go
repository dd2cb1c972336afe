package fingerprint

import (
	"fmt"
	"iter"
	"testing"
	"time"
)

// countedTree counts the calls of Files and Has.
type countedTree struct {
	tree
	listed, lookups int
}

func (c *countedTree) Has(path string) bool { c.lookups++; return c.tree.Has(path) }

func (c *countedTree) Files() iter.Seq2[string, time.Time] { c.listed++; return c.tree.Files() }

// The work for a thousand builds, each with a manifest and a framework's directory, is linear in the number of files.
func TestSurveyOfManyBuildsIsLinear(t *testing.T) {
	t.Parallel()
	const builds = 1000
	files := &countedTree{tree: tree{}}
	var manifests []ManifestFile
	for i := range builds {
		directory := fmt.Sprintf("release-%d/", i)
		name := "js/app." + md5Of(directory)[:20] + ".js"
		files.tree[directory+name] = entry{"x", built.Add(time.Duration(i) * time.Second)}
		files.tree[directory+"_astro/y.BxqeNUpP.css"] = entry{"y", built}
		m, err := ReadManifest(".vite/manifest.json", []byte(`{"app.js":{"file":"`+name+`"}}`))
		if err != nil {
			t.Fatal(err)
		}
		manifests = append(manifests, ManifestFile{Manifest: m, Path: directory + ".vite/manifest.json", Written: built.Add(time.Duration(i) * time.Second)})
	}
	survey := NewSurvey(files, manifests)
	for path := range files.tree {
		if len(survey.listed[path]) > 1 {
			t.Fatalf("%d manifests list %s, want 1", len(survey.listed[path]), path)
		}
		if got := survey.Judge(files.file(path)); got.Evidence == NoEvidence {
			t.Fatalf("%s: %+v, want evidence", path, got)
		}
	}
	if files.listed > 3 || files.lookups > 3*builds {
		t.Errorf("Files was called %d times and Has %d times, want at most 3, and 3 for each build", files.listed, files.lookups)
	}
}
