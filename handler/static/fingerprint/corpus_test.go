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

// built is the modification time of all corpus files, since a checkout keeps no times.
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

// survey reads the manifests of the tree, which the operator names. A script is no manifest that can be named: its name changes with
// each build.
func (t tree) survey(test *testing.T) *Survey {
	test.Helper()
	var manifests []ManifestFile
	for _, path := range slices.Sorted(maps.Keys(t)) {
		if !isManifest(path) {
			continue
		}
		m, err := ReadManifest(path, []byte(t[path].content))
		if errors.Is(err, ErrNoManifest) {
			continue
		}
		if err != nil {
			test.Fatalf("%s: %v", path, err)
		}
		manifests = append(manifests, ManifestFile{Manifest: m, Path: path, Written: t[path].written, Named: !strings.HasSuffix(path, ".js")})
	}
	return NewSurvey(t, manifests)
}

func isManifest(path string) bool { return IsManifestName(path) || path == "stats.json" }

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

// expectation is the evidence for all files whose path matches.
type expectation struct{ pattern, evidence string }

// corpus is the expected evidence for the outputs of each tool. The first matching pattern counts. Pages match no pattern. Files of
// site/public keep their names in each tree and are no evidence.
var corpus = map[string][]expectation{
	"angular-20.3.41":        {{`^media/.*-[A-Z2-7]{8}\.`, "xxhash64-base32"}, {`-[A-Z2-7]{8}\.(js|css)$`, "manifest"}},
	"asset-mapper-7.2.0-DEV": {{`-[\w-]{7}\.\w+$`, "xxh128"}},
	"astro-5.18.2":           {{`^_astro/.*\.(svg|woff2)$`, "xxh3"}, {`^_astro/`, "directory"}},
	"bun-1.4.5": {
		{`-[0-9a-z]{8}\.(svg|woff2)$`, "xxhash64-bun"}, {`^lazy-arnwygxd`, ""}, // the token looks like a word
		{`^(main|worker)-[0-9a-z]{8}\.(js|css)$`, "manifest"},
	},
	"cra-5.0.1":             {{`\.(map|txt)$`, ""}, {`^static/.*\.([0-9a-f]{8}|[0-9a-f]{20}|[0-9a-f]{32})\.`, "md4"}},
	"django-3.2.25":         {{`\.[0-9a-f]{12}\.\w+$`, "md5"}},
	"django-compressor-4.0": {{`^CACHE/.*\.[0-9a-f]{12}\.\w+$`, "sha256"}},
	"docusaurus-3.10.2":     {{`\.txt$`, ""}, {`^assets/.*\.[0-9a-f]{8}\.js$`, "xxhash64"}},
	"eleventy-3.1.8":        {{`^bundle/`, "sha256-base64"}},
	"encore-6.0.0":          {{`^build/.*\.[0-9a-f]{8}\.`, "md4"}},
	"esbuild-0.28.2":        {{`-[A-Z2-7]{8}\.(svg|woff2)$`, "xxhash64-base32"}, {`-[A-Z2-7]{8}\.(js|css)$`, "manifest"}},
	"gatsby-5.16.1":         {{`\.(map|txt)$`, ""}, {`[-.][0-9a-f]{20}\.(js|css)$`, "md4"}},
	"gulp-rev-12.0.0":       {{`-[0-9a-f]{10}\.\w+$`, "md5"}},
	"hugo-0.111.3":          {{`^sha384/`, "sha384"}, {`^sha512/`, "sha512"}, {`^md5/`, "md5"}, {`\.[0-9a-f]{64}\.`, "sha256"}},
	"jekyll-4.3.1":          {}, // no name depends on the content
	"mix-6.0.49":            {}, // the versions are in the query
	"next-16.4.6":           {{`^_next/static/`, "directory"}},
	"nuxt-4.4.5":            {{`^_nuxt/.*\.(svg|woff2)$`, "xxh3"}, {`^_nuxt/builds/`, ""}, {`^_nuxt/`, "directory"}},
	"parcel-2.16.4":         {{`\.css$`, ""}, {`\.[0-9a-f]{8}\.`, "xxh3"}}, // the token also depends on the files that the stylesheet names
	"phoenix-1.9.0-dev": {
		{`^css/style-`, ""}, // named by its source, then rewritten
		{`-[0-9a-f]{32}\.\w+$`, "md5"},
	},
	"plain-0.4.3": {
		{`^dist/.*\.(svg|woff2)$`, "xxh3"}, {`^dist/`, "manifest"}, {`\.[0-9a-f]{7}\.\w+$`, "manifest"},
	},
	"propshaft-1.3.2": {{`^css/style-[0-9a-f]{8}\.css$`, "manifest"}, {`-[0-9a-f]{8}\.\w+$`, "sha1"}},
	"react-router-7.18.4": {
		{`^assets/.*\.(svg|woff2)$`, "xxh3"},
		{`^assets/(root|home|style|main|lazy|worker)-`, ""}, // the manifest is beside them, and may be an upload
	},
	"rollup-4.68.7":    {{`/assets/`, "xxh3"}, {`\.js$`, ""}}, // without a manifest there is no evidence for scripts
	"rsbuild-2.3.2":    {{`^static/.*\.[0-9a-f]{10}\.`, "xxhash64"}},
	"rspack-2.3.3":     {{`\.([0-9a-f]{8}|[0-9a-f]{16})\.`, "xxhash64"}},
	"sprockets-3.7.2":  {{`\.gz$`, ""}, {`-[0-9a-f]{64}\.\w+$`, "sha256"}},
	"sprockets-4.4.0":  {{`\.gz$`, ""}, {`-[0-9a-f]{64}\.\w+$`, "sha256"}},
	"sveltekit-2.70.4": {{`^_app/immutable/.*\.(svg|woff2)$`, "xxh3"}, {`^_app/immutable/`, "directory"}},
	"vite-4.5.14": {
		{`^assets/.*\.(css|svg|woff2)$`, "sha256"}, {`^assets/(index|lazy)-.*\.js$`, "manifest"},
		{`^assets/worker-`, ""}, // the manifest lists no workers
	},
	"vite-5.4.21": viteSince5, "vite-6.4.6": viteSince5, "vite-7.3.8": viteSince5,
	"vite-8.3.8":       {{`^assets/.*\.(svg|woff2)$`, "xxh3"}, {`^assets/(index|lazy|worker)-.*\.(js|css)$`, "manifest"}},
	"vue-cli-5.0.9":    {{`^img/`, "xxhash64"}, {`^(js|css)/`, ""}}, // hashed before minification, and without a manifest
	"webassets-0.12.1": {{`^named/`, "md5"}, {`^query/`, ""}},
	"webpack-5.112.2":  {{`\.[0-9a-f]{20}\.`, "md4"}},
	"webpack-5.112.2-chunkhash": {
		{`^contenthash/.*\.js$`, "manifest"}, // of the content before a late plugin
		{`^(full|chunk)hash/.*\.js$`, ""},    // tokens of the build, without a manifest
	},
	"webpack-5.112.2-source-map": {{`\.map$`, ""}, {`\.([0-9a-f]{8}|[0-9a-f]{20})\.`, "md4"}},
	"webpack-5.112.2-xxhash64":   {{`\.[0-9a-f]{16}\.`, "xxhash64"}},
	"whitenoise-6.0.0":           {{`\.(br|gz)$`, ""}, {`\.[0-9a-f]{12}\.\w+$`, "md5"}},
}

// viteSince5 is the expected evidence for Vite 5 to 7. Their manifests list no workers.
var viteSince5 = []expectation{
	{`^assets/.*\.(svg|woff2)$`, "xxh3"}, {`^assets/(index|lazy)-.*\.(js|css)$`, "manifest"}, {`^assets/worker-`, ""},
}

// unproved are the tools whose names depend on more than the content, or whose versions are in the query.
var unproved = []string{"jekyll-4.3.1", "mix-6.0.49", "next-16.4.6", "webpack-5.112.2-chunkhash"}

func TestCorpus(t *testing.T) {
	t.Parallel()
	dirs, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		if dir.IsDir() && !slices.Contains([]string{"site", "make", "fuzz"}, dir.Name()) && corpus[dir.Name()] == nil {
			t.Errorf("corpus has no entry for testdata/%s", dir.Name())
		}
	}
	public := readTree(t, "testdata/site/public")
	for name, expectations := range corpus {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := readTree(t, filepath.Join("testdata", name))
			survey := files.survey(t)
			met := make(map[string]bool)
			for path := range files {
				want := ""
				for _, e := range expectations {
					if !public.Has(path) && regexp.MustCompile(e.pattern).MatchString(path) {
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
				if got != want || finding.Doubt != NoDoubt && finding.Doubt != MayBeUpload {
					t.Errorf("%s: %+v %+v, want %q", path, finding, file.Proof, want)
				}
			}
			for _, e := range expectations {
				if !met[e.pattern] {
					t.Errorf("no file matches %s", e.pattern)
				}
			}
			for path, plain := range public {
				if !strings.HasPrefix(name, "rollup") && files[path].content != plain.content {
					t.Errorf("%s is not in the tree", path)
				}
			}
		})
	}
}

// A proved name is not proved after its content changed. The manifests of Vite and Django cause a doubt then.
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
				t.Errorf("%s/%s: changed, and still proved: %v", name, path, after.Proof)
			} else if finding := survey.Judge(after); strings.HasPrefix(name, "vite") && isAsset(path) && finding.Doubt != OtherBytes {
				t.Errorf("%s/%s: changed: %+v, want the doubt OtherBytes", name, path, finding)
			} else if strings.HasPrefix(name, "django-3") && finding.Doubt != OtherBytes {
				t.Errorf("%s/%s: changed: %+v, want the doubt OtherBytes", name, path, finding)
			}
			files[path] = original
		}
		if (proved == 0) != slices.Contains(unproved, name) {
			t.Errorf("%s: %d files are proved; compare unproved", name, proved)
		}
	}
}

// The versions of Mix are proved by the content. Edited content causes a doubt.
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

// The page of webassets names all.js?f84f2010. The version in the query is a digest of the content.
func TestCorpusWebassets(t *testing.T) {
	t.Parallel()
	content := readTree(t, "testdata/webassets-0.12.1").file("query/all.js").Content
	if proof, ok := content.ProveToken("f84f2010"); !ok || proof.Convention != "md5" {
		t.Errorf("%v %v, want md5", proof, ok)
	}
}

// A manifest that is older than the files is no evidence.
func TestCorpusOlderManifest(t *testing.T) {
	t.Parallel()
	for name := range corpus {
		files := readTree(t, filepath.Join("testdata", name))
		listed := make(map[string]bool)
		survey := files.survey(t)
		for path := range files {
			listed[path] = survey.Judge(files.file(path)).Evidence == ByManifest
		}
		for path, file := range files {
			if !isManifest(path) {
				files[path] = entry{file.content, built.Add(time.Hour)}
			}
		}
		survey = files.survey(t)
		for path := range files {
			finding := survey.Judge(files.file(path))
			if finding.Evidence == ByManifest || listed[path] && finding.Doubt != ManifestOlder {
				t.Errorf("%s/%s: %+v, want the doubt ManifestOlder", name, path, finding)
			}
		}
	}
}

// Without the mark of a framework, its directory is no evidence.
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
