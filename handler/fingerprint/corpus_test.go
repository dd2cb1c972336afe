package fingerprint

import (
	"errors"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// built is when every tree of the corpus was written: a checkout keeps no times.
var built = time.Date(2026, 2, 11, 12, 0, 0, 0, time.UTC)

// tree is a Tree in memory.
type tree map[string]entry

type entry struct {
	content string
	written time.Time
}

func (t tree) Has(path string) bool { return t[path] != entry{} }

func (t tree) Files() iter.Seq2[string, time.Time] {
	return func(yield func(string, time.Time) bool) {
		for path, file := range t {
			if !yield(path, file.written) {
				return
			}
		}
	}
}

// survey reads what looks like a manifest in the tree.
func (t tree) survey(test *testing.T) *Survey {
	test.Helper()
	var manifests []ManifestFile
	for _, path := range slices.Sorted(maps.Keys(t)) {
		if !IsManifestName(path) {
			continue
		}
		m, err := ReadManifest(path, []byte(t[path].content))
		if errors.Is(err, ErrNoManifest) {
			continue
		}
		if err != nil {
			test.Fatalf("%s: %v", path, err)
		}
		manifests = append(manifests, ManifestFile{m, path, t[path].written})
	}
	return NewSurvey(t, manifests)
}

func (t tree) file(path string) File {
	content := Of([]byte(t[path].content))
	proof, _ := content.ProveName(path)
	return File{Path: path, Size: int64(len(t[path].content)), Written: t[path].written, Proof: proof, Content: content}
}

func readTree(t *testing.T, dir string) tree {
	t.Helper()
	files := make(tree)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		relative, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(relative)] = entry{string(content), built}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("reading %s: %v, %d files", dir, err, len(files))
	}
	return files
}

// expectation is the evidence that all files have whose path matches.
type expectation struct{ pattern, evidence string }

// corpus says what the outputs of each tool must be known by. The first pattern that matches counts; the files of
// site/public, which every tree holds under their own names, and the pages match none.
var corpus = map[string][]expectation{
	"django-3.2.25": {{`\.[0-9a-f]{12}\.\w+$`, "md5"}},
	"vite-4.5.14": {
		{`^assets/.*\.(css|svg|woff2)$`, "sha256"}, {`^assets/(index|lazy)-.*\.js$`, "manifest"},
		{`^assets/worker-`, ""}, // its manifest lists no workers
	},
	"vite-5.4.21": {
		{`^assets/.*\.(svg|woff2)$`, "xxh3"}, {`^assets/(index|lazy)-.*\.(js|css)$`, "manifest"},
		{`^assets/worker-`, ""}, // its manifest lists no workers
	},
	"vite-8.3.8":                 {{`^assets/.*\.(svg|woff2)$`, "xxh3"}, {`^assets/(index|lazy|worker)-.*\.(js|css)$`, "manifest"}},
	"webpack-5.112.2":            {{`\.[0-9a-f]{20}\.`, "md4"}},
	"webpack-5.112.2-source-map": {{`\.map$`, ""}, {`\.([0-9a-f]{8}|[0-9a-f]{20})\.`, "md4"}},
	"webpack-5.112.2-xxhash64":   {{`\.[0-9a-f]{16}\.`, "xxhash64"}},
	"esbuild-0.28.2":             {{`-[A-Z2-7]{8}\.(svg|woff2)$`, "xxhash64-base32"}, {`-[A-Z2-7]{8}\.(js|css)$`, "manifest"}},
	"rollup-4.68.7":              {{`/assets/`, "xxh3"}, {`\.js$`, ""}}, // no manifest, so nothing for its scripts
	"parcel-2.16.4":              {{`\.[0-9a-f]{8}\.`, ""}},             // neither manifest nor digest of the bytes
	"sveltekit-2.70.4":           {{`^_app/immutable/.*\.(svg|woff2)$`, "xxh3"}, {`^_app/immutable/`, "directory"}},
	"astro-5.18.2":               {{`^_astro/.*\.(svg|woff2)$`, "xxh3"}, {`^_astro/`, "directory"}},
	"nuxt-4.4.5": {
		{`^_nuxt/.*\.(svg|woff2)$`, "xxh3"}, {`^_nuxt/builds/`, ""}, {`^_nuxt/`, "directory"},
	},
	"mix-6.0.49":  {}, // its versions stand in the query
	"next-16.4.6": {{`^_next/static/`, "directory"}},
}

func TestCorpus(t *testing.T) {
	t.Parallel()
	dirs, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		if dir.IsDir() && dir.Name() != "site" && dir.Name() != "fuzz" && corpus[dir.Name()] == nil {
			t.Errorf("nothing is expected of testdata/%s", dir.Name())
		}
	}
	for name, expectations := range corpus {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := readTree(t, filepath.Join("testdata", name))
			survey := files.survey(t)
			met := make(map[string]bool)
			for path := range files {
				want := ""
				for _, e := range expectations {
					if regexp.MustCompile(e.pattern).MatchString(path) {
						met[e.pattern] = true
						want = e.evidence
						break
					}
				}
				file := files.file(path)
				finding := survey.Judge(file)
				got := string(finding.Evidence)
				if finding.Evidence == ByDigest {
					got = file.Proof.Convention
				}
				if got != want || finding.Doubt != NoDoubt {
					t.Errorf("%s: %+v %+v, want %q", path, finding, file.Proof, want)
				}
			}
			for _, e := range expectations {
				if !met[e.pattern] {
					t.Errorf("no file matches %s", e.pattern)
				}
			}
			for path, plain := range readTree(t, "testdata/site/public") {
				if !strings.HasPrefix(name, "rollup") && files[path].content != plain.content {
					t.Errorf("%s is not in the tree", path)
				}
			}
		})
	}
}

// What is known by its bytes is not known any more when they change, unless a manifest or a directory speaks for it
// that cannot know of the change.
func TestCorpusChanged(t *testing.T) {
	t.Parallel()
	for name := range corpus {
		files := readTree(t, filepath.Join("testdata", name))
		survey := files.survey(t)
		proved := 0
		for path, original := range files {
			before := files.file(path)
			if before.Proof == (Proof{}) {
				continue
			}
			proved++
			files[path] = entry{original.content + "\n", built}
			if after := files.file(path); after.Proof != (Proof{}) {
				t.Errorf("%s/%s: changed, and still %v", name, path, after.Proof)
			} else if finding := survey.Judge(after); strings.HasPrefix(name, "vite") && isAsset(path) && finding.Doubt != OtherBytes {
				t.Errorf("%s/%s: changed, and %+v", name, path, finding)
			} else if strings.HasPrefix(name, "django") && finding.Doubt != OtherBytes {
				t.Errorf("%s/%s: changed, and %+v", name, path, finding)
			}
			files[path] = original
		}
		if proved == 0 && name != "parcel-2.16.4" && name != "next-16.4.6" && name != "mix-6.0.49" {
			t.Errorf("%s: nothing is proved", name)
		}
	}
}

// Mix's versions are proved, and those of other bytes are doubted.
func TestCorpusMix(t *testing.T) {
	t.Parallel()
	files := readTree(t, "testdata/mix-6.0.49")
	m, err := ReadManifest("mix-manifest.json", []byte(files["mix-manifest.json"].content))
	if err != nil || len(m.Versions) != 2 {
		t.Fatalf("%+v, %v, want two versions", m, err)
	}
	for path, token := range m.Versions {
		proof, ok := files.file(path).Content.ProveToken(token)
		if !ok || proof.Convention != "md5" {
			t.Errorf("%s?id=%s: %v %v, want md5", path, token, proof, ok)
		}
		files[path] = entry{"edited", built}
		if finding := files.survey(t).Judge(files.file(path)); finding.Doubt != OtherBytes {
			t.Errorf("%s, edited: %+v", path, finding)
		}
	}
}

// A manifest that is older than the files knows nothing of them.
func TestCorpusOlderManifest(t *testing.T) {
	t.Parallel()
	for name := range corpus {
		files := readTree(t, filepath.Join("testdata", name))
		vouched := make(map[string]bool)
		survey := files.survey(t)
		for path := range files {
			vouched[path] = survey.Judge(files.file(path)).Evidence == ByManifest
		}
		for path, file := range files {
			if !IsManifestName(path) {
				files[path] = entry{file.content, built.Add(time.Hour)}
			}
		}
		survey = files.survey(t)
		for path := range files {
			finding := survey.Judge(files.file(path))
			if finding.Evidence == ByManifest || vouched[path] && finding.Doubt != ManifestOlder {
				t.Errorf("%s/%s: %+v, want the doubt that the manifest is older", name, path, finding)
			}
		}
	}
}

// Without the marks of a framework, its directory is one like any other.
func TestCorpusWithoutMarks(t *testing.T) {
	t.Parallel()
	for name, mark := range map[string]string{"sveltekit-2.70.4": "_app/version.json", "next-16.4.6": "_ssgManifest.js", "nuxt-4.4.5": "latest.json"} {
		files := readTree(t, filepath.Join("testdata", name))
		maps.DeleteFunc(files, func(path string, _ entry) bool { return strings.HasSuffix(path, mark) })
		survey := files.survey(t)
		for path := range files {
			if finding := survey.Judge(files.file(path)); finding.Evidence == ByDirectory {
				t.Errorf("%s/%s: %+v without %s", name, path, finding, mark)
			}
		}
	}
}
