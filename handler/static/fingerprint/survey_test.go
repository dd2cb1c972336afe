package fingerprint

import (
	"crypto/md5"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"iter"
	"os"
	"strings"
	"testing"
	"time"
)

func md5Of(content string) string {
	sum := md5.Sum([]byte(content))
	return hex.EncodeToString(sum[:])
}

// A version of other content is no evidence, even if a manifest lists the name.
func TestJudgeOtherBytes(t *testing.T) {
	t.Parallel()
	const bytes = "hello\n"
	sum := sha512.Sum384([]byte(bytes))
	integrity := "sha384-" + base64.StdEncoding.EncodeToString(sum[:])
	digest := md5Of(bytes)
	for _, c := range []struct {
		name, manifest, content, path string
		want                          Evidence // for the original content; edited content always causes a doubt
	}{
		{"Django", "staticfiles.json", `{"paths":{"a.css":"a.` + digest[:12] + `.css"},"version":"1.1"}`, "a." + digest[:12] + ".css", ByDigest},
		{"Plain", "manifest.json", `{"a.css":"a.` + digest[:7] + `.css","a.` + digest[:7] + `.css":true}`, "a." + digest[:7] + ".css", ByManifest},
		{"Phoenix", "cache_manifest.json", `{"version":1,"latest":{},"digests":{"a-` + digest + `.js":{"logical_path":"a.js","digest":"` + digest + `"}}}`, "a-" + digest + ".js", ByDigest},
		{"Mix", "mix-manifest.json", `{"/a.js":"/a.js?id=` + digest + `"}`, "a.js", NoEvidence},
		{"Propshaft", ".manifest.json", `{"a.css":{"digested_path":"a-4137140a.css","integrity":"` + integrity + `"}}`, "a-4137140a.css", ByManifest},
		{"Sprockets", ".sprockets-manifest-2e8e9a7c6b0aafa0c9bdeec90ea30213.json",
			`{"assets":{},"files":{"a-0123456789abcdef.js":{"digest":"0123456789abcdef","integrity":"sha256-WJG1tSLV3whtD/CxEPvZ0huy9B/HFjrzTQgqLoRtUb4="}}}`, "a-0123456789abcdef.js", ByDigest},
		{"Sprockets 4", ".sprockets-manifest-2e8e9a7c6b0aafa0c9bdeec90ea30214.json",
			`{"assets":{},"files":{"a-299c6f7aa3ae9953.js":{"logical_path":"a.js","digest":"0","integrity":"sha256-` + sha256Base64(bytes) + `"}}}`, "a-299c6f7aa3ae9953.js", ByManifest},
		{"Phoenix with SHA-512", "cache_manifest.json", `{"version":1,"latest":{},"digests":{"a-` + md5Of("source") + `.css":{"logical_path":"a.css","digest":"` + md5Of("source") + `","sha512":"` + sha512Of(bytes) + `"}}}`,
			"a-" + md5Of("source") + ".css", NoEvidence},
		{"esbuild", "meta.json", `{"inputs":{},"outputs":{"out/a-XH4UFCAH.js":{"bytes":6,"entryPoint":"a.js"}}}`, "a-XH4UFCAH.js", ByManifest},
	} {
		if c.name == "Sprockets" {
			c.want = ByManifest
			c.content = strings.Replace(c.content, "WJG1tSLV3whtD/CxEPvZ0huy9B/HFjrzTQgqLoRtUb4=", sha256Base64(bytes), 1)
		}
		files := tree{c.manifest: {c.content, built}, c.path: {bytes, built}}
		if got := files.survey(t).Judge(files.file(c.path)); got.Evidence != c.want || got.Doubt != NoDoubt {
			t.Errorf("%s: %+v, want %q", c.name, got, c.want)
		}
		files[c.path] = entry{"hello, edited in place\n", built}
		got := files.survey(t).Judge(files.file(c.path))
		if got.Doubt != OtherBytes || got.Evidence != NoEvidence || !strings.Contains(got.Detail, c.manifest) {
			t.Errorf("%s, edited: %+v, want the doubt OtherBytes", c.name, got)
		}
	}
}

func sha256Base64(content string) string {
	sum := Of([]byte(content)).SHA256()
	return base64.StdEncoding.EncodeToString(sum[:])
}

func sha512Of(content string) string {
	sum := sha512.Sum512([]byte(content))
	return base64.StdEncoding.EncodeToString(sum[:])
}

const viteManifest = `{"a.js":{"file":"assets/a-DdCDtH1A.js","src":"a.js"},"b.js":{"file":"assets/b-DnE9iayc.js","src":"b.js"}}`

func TestJudgeAge(t *testing.T) {
	t.Parallel()
	const path = "assets/a-DdCDtH1A.js"
	for _, c := range []struct {
		name    string
		written time.Duration // after the manifest
		between int           // other files written in between, one each second
		want    Finding
	}{
		{"same time", 0, 0, Finding{Evidence: ByManifest}},
		{"earlier", -time.Hour, 0, Finding{Evidence: ByManifest}},
		{"bundlers write in parallel", time.Second, 0, Finding{Evidence: ByManifest}},
		{"an hour later", time.Hour, 0, Finding{Doubt: ManifestOlder}},
		{"a slow copy, the manifest first", 20 * time.Second, 19, Finding{Evidence: ByManifest}},
		{"an edit soon after a copy", 20 * time.Second, 10, Finding{Doubt: ManifestOlder}},
	} {
		files := tree{".vite/manifest.json": {viteManifest, built}, path: {"x", built.Add(c.written)}}
		for i := range c.between {
			files[fmt.Sprint(i)] = entry{"x", built.Add(time.Duration(i) * time.Second)}
		}
		got := files.survey(t).Judge(files.file(path))
		if got.Evidence != c.want.Evidence || got.Doubt != c.want.Doubt {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// If one manifest is older than the file, another manifest may be evidence.
func TestJudgeSecondManifest(t *testing.T) {
	t.Parallel()
	files := tree{
		"asset-manifest.json":       {`{"files":{"x.js":"/x.12c19cb38134d1dfcd8c.js"}}`, built.Add(-time.Hour)},
		"manifest.json":             {`{"x.js":"/x.12c19cb38134d1dfcd8c.js"}`, built},
		"x.12c19cb38134d1dfcd8c.js": {"x", built},
	}
	got := files.survey(t).Judge(files.file("x.12c19cb38134d1dfcd8c.js"))
	if got.Evidence != ByManifest || !strings.HasPrefix(got.Detail, "manifest.json") {
		t.Errorf("%+v, want evidence by the newer manifest", got)
	}
}

// If one manifest contradicts the content, no other manifest is evidence.
func TestJudgeContradiction(t *testing.T) {
	t.Parallel()
	const path = "_astro/a.XH4UFCAH.js"
	files := tree{
		"meta.json":     {`{"inputs":{},"outputs":{"` + path + `":{"bytes":6,"entryPoint":"a.js"}}}`, built},
		"manifest.json": {`{"a.js":"` + path + `"}`, built},
		path:            {"other", built},
	}
	if got := files.survey(t).Judge(files.file(path)); got.Doubt != OtherBytes {
		t.Errorf("%+v, want the doubt OtherBytes", got)
	}
}

// The paths of a Vite manifest are relative to its directory.
func TestJudgeBase(t *testing.T) {
	t.Parallel()
	for manifest, path := range map[string]string{
		"manifest.json": "assets/a-DdCDtH1A.js", "app/.vite/manifest.json": "app/assets/a-DdCDtH1A.js",
		"../build/manifest.json": "assets/a-DdCDtH1A.js", "/srv/manifest.json": "assets/a-DdCDtH1A.js",
	} {
		files := tree{"assets/a-DdCDtH1A.js": {"x", built}, "app/assets/a-DdCDtH1A.js": {"x", built}}
		m, err := ReadManifest(manifest, []byte(viteManifest))
		if err != nil {
			t.Fatal(err)
		}
		survey := NewSurvey(files, []ManifestFile{{Manifest: m, Path: manifest, Written: built}})
		for file := range files {
			if got := survey.Judge(files.file(file)); (got.Evidence == ByManifest) != (file == path) {
				t.Errorf("%s, listed by %s: %+v", file, manifest, got)
			}
		}
	}
}

// If a manifest lists URLs, the end of a URL is the path of the file.
func TestJudgeURLs(t *testing.T) {
	t.Parallel()
	const name = "x.12c19cb38134d1dfcd8c.js"
	for _, c := range []struct {
		name, manifest, written, path string
		named                         bool
	}{
		{"same directory", "manifest.json", name, name, true},
		{"URL prefix", "manifest.json", "/static/" + name, name, true},
		{"URL prefix and directory", "manifest.json", "/static/js/" + name, "js/" + name, false},
		{"a CDN", "manifest.json", "https://cdn.example/v1/js/" + name, "js/" + name, false},
		{"manifest in a directory", "pack/manifest.json", "/static/pack/js/" + name, "pack/js/" + name, false},
		{"files in another directory of the root", "build/manifest.json", "/js/" + name, "js/" + name, true},
		{"manifest outside the root", "../manifest.json", "/static/js/" + name, "js/" + name, true},
		{"manifest at an absolute path", "/srv/manifest.json", "../static/js/" + name, "js/" + name, true},
	} {
		files := tree{c.path: {"x", built}}
		m, err := ReadManifest(c.manifest, []byte(`{"x.js":"`+c.written+`"}`))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		survey := NewSurvey(files, []ManifestFile{{Manifest: m, Path: c.manifest, Written: built, Named: c.named}})
		if got := survey.Judge(files.file(c.path)); got.Evidence != ByManifest {
			t.Errorf("%s: %+v, want evidence by the manifest", c.name, got)
		}
		files["other/"+name] = entry{"x", built}
		if got := survey.Judge(files.file("other/" + name)); got != (Finding{}) {
			t.Errorf("%s: a file of the same name in another directory: %+v, want no evidence", c.name, got)
		}
	}
}

// A file with the name of a manifest may be an upload. It is evidence only for files below its own directory.
func TestManifestIsEvidenceForItsOwnDirectory(t *testing.T) {
	t.Parallel()
	const js, css, dll = "app.12c19cb38134d1dfcd8c.js", "assets/app-DdCDtH1A.css", "site.dd3p7ixpdi.css"
	for _, c := range []struct{ name, manifest, content, path string }{
		{"webpack, by the end of a path", "uploads/manifest.json", `{"app.js":"/static/` + js + `"}`, js},
		{"webpack, in another directory", "uploads/manifest.json", `{"app.js":"/js/` + js + `"}`, "js/" + js},
		{"bundle tracker", "uploads/webpack-stats.json", `{"status":"done","chunks":{},"assets":{"` + js + `":{}}}`, js},
		{"Create React App", "uploads/asset-manifest.json", `{"files":{"app.js":"/` + js + `"}}`, js},
		{"esbuild", "uploads/meta.json", `{"inputs":{},"outputs":{"dist/app-A7SLC5SZ.js":{"bytes":1}}}`, "app-A7SLC5SZ.js"},
		{"Mix", "uploads/mix-manifest.json", `{"/app.js":"/` + js + `"}`, js},
		{"Vite", "uploads/.vite/manifest.json", `{"app.css":{"file":"` + css + `"}}`, css},
		{"Vite, above its directory", "uploads/.vite/manifest.json", `{"app.css":{"file":"../` + css + `"}}`, css},
		{"ASP.NET", "uploads/App.staticwebassets.endpoints.json",
			`{"Endpoints":[{"Route":"` + dll + `","AssetFile":"` + dll + `","EndpointProperties":[{"Name":"fingerprint","Value":"dd3p7ixpdi"}]}]}`, dll},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, err := ReadManifest(c.manifest, []byte(c.content))
			if err != nil {
				t.Fatal(err)
			}
			files := tree{c.path: {"x", built}, "uploads/" + c.path: {"x", built}}
			survey := NewSurvey(files, []ManifestFile{{Manifest: m, Path: c.manifest, Written: built}})
			if got := survey.Judge(files.file(c.path)); got != (Finding{}) {
				t.Errorf("%s: %+v, want no evidence", c.path, got)
			}
			if by := survey.ListedBy(c.path); len(by) > 0 {
				t.Errorf("%s is listed by %q", c.path, by)
			}
			delete(files, "uploads/"+c.path)
			survey = NewSurvey(files, []ManifestFile{{Manifest: m, Path: c.manifest, Written: built}})
			if got := survey.Judge(files.file(c.path)); got != (Finding{}) {
				t.Errorf("%s, without a file of the same name in uploads/: %+v, want no evidence", c.path, got)
			}
		})
	}
}

// A file with the name of a manifest makes no upload immutable.
func TestUploadedManifestIsNoEvidence(t *testing.T) {
	t.Parallel()
	const photo = "photo-DdCDtH1A.jpg"
	for _, c := range []struct {
		name, manifest, path, beside string
		want                         Finding
		why                          string
	}{
		{"beside the upload", "uploads/manifest.json", "uploads/" + photo, "", Finding{Doubt: MayBeUpload}, "both are uploads"},
		{"at the root", "manifest.json", photo, "", Finding{Doubt: MayBeUpload}, "the root may be a directory of uploads"},
		{"among uploads in a directory below", "manifest.json", "2026/" + photo, "2026/cat.jpg 2026/dog.jpg 2026/IMG_2031.jpg", Finding{Doubt: MayBeUpload},
			"most names there have no version"},
		{"a build", "manifest.json", "assets/" + photo, "assets/logo.svg assets/index-BxqeNUpP.js", Finding{Evidence: ByManifest}, "build tools write below the manifest"},
		{"a build in a directory", "build/manifest.json", "build/assets/" + photo, "", Finding{Evidence: ByManifest}, "Laravel"},
		{"a hidden directory", "uploads/.vite/manifest.json", "uploads/" + photo, "", Finding{Evidence: ByManifest}, "uploads do not come into hidden directories"},
		{"a hidden name", ".manifest.json", photo, "", Finding{Evidence: ByManifest}, "Propshaft"},
	} {
		content := `{"photo.jpg":"/` + strings.TrimPrefix(c.path, "uploads/") + `"}`
		switch c.manifest {
		case ".manifest.json":
			content = `{"photo.jpg":"` + photo + `"}`
		case "build/manifest.json":
			content = `{"photo.jpg":"/build/assets/` + photo + `"}`
		case "uploads/.vite/manifest.json":
			content = `{"photo.css":{"file":"` + photo + `"}}`
		}
		files := tree{c.path: {"x", built}}
		for beside := range strings.FieldsSeq(c.beside) {
			files[beside] = entry{"x", built}
		}
		m, err := ReadManifest(c.manifest, []byte(content))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		located := []ManifestFile{{Manifest: m, Path: c.manifest, Written: built}}
		file := files.file(c.path)
		if c.manifest == "uploads/.vite/manifest.json" {
			file.Content = nil // Vite proves pictures
		}
		if got := NewSurvey(files, located).Judge(file); got.Evidence != c.want.Evidence || got.Doubt != c.want.Doubt {
			t.Errorf("%s: %+v, want %+v (%s)", c.name, got, c.want, c.why)
		}
		located[0].Named = true
		if got := NewSurvey(files, located).Judge(file); got.Evidence != ByManifest {
			t.Errorf("%s, named by the operator: %+v, want evidence by the manifest", c.name, got)
		}
	}
}

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
		m, err := ReadManifest("manifest.json", []byte(`{"app.js":"/`+name+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		manifests = append(manifests, ManifestFile{Manifest: m, Path: directory + "manifest.json", Written: built.Add(time.Duration(i) * time.Second)})
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
	if files.listed > 4 || files.lookups > 3*builds {
		t.Errorf("Files was called %d times and Has %d times, want at most 4 and 3 for each build", files.listed, files.lookups)
	}
}

func TestJudgeVersion(t *testing.T) {
	t.Parallel()
	files := tree{"manifest.json": {`{"a.js":"/static/a.js?12c19cb38134d1dfcd8c"}`, built}, "a.js": {"x", built}}
	survey := files.survey(t)
	if got := survey.JudgeVersion(files.file("a.js"), "12c19cb38134d1dfcd8c"); got.Evidence != ByManifest {
		t.Errorf("%+v, want evidence by the manifest", got)
	}
	for _, token := range []string{"", "20260211", "12c19cb38134d1df"} {
		if got := survey.JudgeVersion(files.file("a.js"), token); got != (Finding{}) {
			t.Errorf("JudgeVersion(%q) = %+v", token, got)
		}
	}
	if got := survey.Judge(files.file("a.js")); got != (Finding{}) {
		t.Errorf("without the version: %+v, want no evidence", got)
	}
	files["a.js"] = entry{"y", built.Add(time.Hour)}
	if got := survey.JudgeVersion(files.file("a.js"), "12c19cb38134d1dfcd8c"); got.Doubt != ManifestOlder {
		t.Errorf("edited: %+v, want the doubt ManifestOlder", got)
	}
}

func TestJudgeDirectory(t *testing.T) {
	t.Parallel()
	const nuxt, next = "app/_nuxt/builds/latest.json ", "4-Qq_NeWkrV3OjWVQ4HWf/_buildManifest.js 4-Qq_NeWkrV3OjWVQ4HWf/_ssgManifest.js "
	for _, c := range []struct {
		name, marks, path string
		want              Evidence
	}{
		{"Nuxt", nuxt, "app/_nuxt/entry.BxqeNUpP.css", ByDirectory},
		{"Nuxt's list of builds", nuxt, "app/_nuxt/builds/latest.json", NoEvidence},
		{"Nuxt without its mark", "", "app/_nuxt/entry.BxqeNUpP.css", NoEvidence},
		{"outside Nuxt's directory", nuxt, "_nuxt/entry.BxqeNUpP.css", NoEvidence},
		{"Next's own directory", next, "chunks/0pftie_fqtvkv.js", ByDirectory},
		{"Next, a file of the build", next, "4-Qq_NeWkrV3OjWVQ4HWf/_buildManifest.js", ByDirectory},
		{"Next, a build that the operator named", "_next/static/build/_buildManifest.js _next/static/build/_ssgManifest.js ", "_next/static/build/_buildManifest.js", NoEvidence},
		{"Next, a build named in words", "_next/static/production-build-main/_buildManifest.js _next/static/production-build-main/_ssgManifest.js ",
			"_next/static/production-build-main/_buildManifest.js", NoEvidence},
		{"Next's scripts in another directory", "x/build/_buildManifest.js x/build/_ssgManifest.js ", "x/chunks/0pftie_fqtvkv.js", NoEvidence},
		{"Astro", "", "docs/_astro/index.BxqeNUpP.css", ByDirectory},
		{"Astro's name in a name", "", "my_astro/index.BxqeNUpP.css", NoEvidence},
		{"a source map", "", "_astro/index.BxqeNUpP.js.map", NoEvidence},
		{"a compressed file", "", "_astro/index.BxqeNUpP.js.gz", NoEvidence},
		{"Vite's directory has no mark", "", "assets/index-DdCDtH1A.js", NoEvidence},
	} {
		files := tree{c.path: {"x", built}}
		for mark := range strings.FieldsSeq(c.marks) {
			files[mark] = entry{"x", built}
		}
		if got := files.survey(t).Judge(files.file(c.path)); got.Evidence != c.want || got.Doubt != NoDoubt {
			t.Errorf("%s: %+v, want %q", c.name, got, c.want)
		}
	}
}

// Names that look versioned are no evidence in the directories of frameworks and in manifests.
func TestLookalikesAreNotJudged(t *testing.T) {
	t.Parallel()
	files := tree{
		"_app/version.json": {"x", built}, "_nuxt/builds/latest.json": {"x", built},
		"_next/static/x/_buildManifest.js": {"x", built}, "_next/static/x/_ssgManifest.js": {"x", built},
	}
	listed := make([]string, 0, len(lookalikes))
	for _, name := range lookalikes {
		for _, dir := range []string{"", "_astro/", "_app/immutable/", "_nuxt/", "_next/static/chunks/"} {
			files[dir+name] = entry{"{}", built}
		}
		listed = append(listed, fmt.Sprintf(`"%s":{"file":"%s","src":"%s","css":["%s"]}`, name, name, name, name))
	}
	files[".vite/manifest.json"] = entry{"{" + strings.Join(listed, ",") + "}", built}
	survey := files.survey(t)
	for path := range files {
		if got := survey.Judge(files.file(path)); got != (Finding{}) {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

func TestAstroImages(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]Evidence{
		"_astro/photo.DHsk9fEB_Z1u8KSe.webp": ByDirectory, "_astro/photo.holidays_2024.webp": NoEvidence,
	} {
		files := tree{path: {"x", built}}
		if got := files.survey(t).Judge(files.file(path)); got.Evidence != want {
			t.Errorf("%s: %+v, want %q", path, got, want)
		}
	}
}

// Nearly all of 301 tokens by Vite 8 look like digests. A manifest is no evidence for the others.
func TestLooksLikeDigest(t *testing.T) {
	t.Parallel()
	samples, err := os.ReadFile("testdata/vite-8-hashes.txt")
	if err != nil {
		t.Fatal(err)
	}
	missed := 0
	for token := range strings.FieldsSeq(string(samples)) {
		if !looksLikeDigest(token) {
			missed++ // for example Cuytso_W
		}
	}
	if missed > 6 {
		t.Errorf("%d digests look like words, want at most 6", missed)
	}
}

// Two files with the same content have the same digest. An edit of one of them is detected.
func TestJudgeSharedDigest(t *testing.T) {
	t.Parallel()
	token := md5Of("hello\n")[:12]
	manifest := `{"version":"1.1","paths":{"a/x.css":"a/x.` + token + `.css","b/x.css":"b/x.` + token + `.css"}}`
	files := tree{"staticfiles.json": {manifest, built}, "a/x." + token + ".css": {"hello\n", built}, "b/x." + token + ".css": {"edited\n", built}}
	survey := files.survey(t)
	if got := survey.Judge(files.file("a/x." + token + ".css")); got.Evidence != ByDigest {
		t.Errorf("%+v, want evidence by digest", got)
	}
	if got := survey.Judge(files.file("b/x." + token + ".css")); got.Doubt != OtherBytes {
		t.Errorf("%+v, want the doubt OtherBytes", got)
	}
}
