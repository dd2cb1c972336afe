package fingerprint

import (
	"crypto/md5"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"path"
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
		survey := NewSurvey(files, []ManifestFile{{Manifest: m, Path: manifest, Written: built, Named: true}})
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
	}{
		{"same directory", "manifest.json", name, name},
		{"URL prefix", "manifest.json", "/static/" + name, name},
		{"URL prefix and directory", "manifest.json", "/static/js/" + name, "js/" + name},
		{"a CDN", "manifest.json", "https://cdn.example/v1/js/" + name, "js/" + name},
		{"manifest in a directory", "pack/manifest.json", "/static/pack/js/" + name, "pack/js/" + name},
		{"files in another directory of the root", "build/manifest.json", "/js/" + name, "js/" + name},
		{"manifest outside the root", "../manifest.json", "/static/js/" + name, "js/" + name},
		{"manifest at an absolute path", "/srv/manifest.json", "../static/js/" + name, "js/" + name},
	} {
		files := tree{c.path: {"x", built}}
		m, err := ReadManifest(c.manifest, []byte(`{"x.js":"`+c.written+`"}`))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		survey := NewSurvey(files, []ManifestFile{{Manifest: m, Path: c.manifest, Written: built, Named: true}})
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

// A file with the name of a manifest makes no upload immutable, whatever the names around it look like.
func TestUploadedManifestIsNoEvidence(t *testing.T) {
	t.Parallel()
	const photo, page = "photo-DdCDtH1A.jpg", "index-DnE9iayc.js"
	for _, c := range []struct {
		name, manifest, path string
		want                 Finding
		why                  string
	}{
		{"beside the upload", "uploads/manifest.json", "uploads/" + photo, Finding{Doubt: MayBeUpload}, "both are uploads"},
		{"at the root", "manifest.json", photo, Finding{Doubt: MayBeUpload}, "the root may be a directory of uploads"},
		{"above names with tokens", "uploads/manifest.json", "uploads/2026/" + photo, Finding{Doubt: MayBeUpload}, "storages of uploads write tokens into names too"},
		{"a build", "build/manifest.json", "build/assets/" + page, Finding{Doubt: MayBeUpload}, "no sign of it is beyond uploads: Laravel names its manifest"},
		{"a hidden name", "uploads/.manifest.json", "uploads/" + photo, Finding{Doubt: MayBeUpload}, "Django keeps the dot of an uploaded name"},
		{"a hidden directory", "uploads/.vite/manifest.json", "uploads/" + photo, Finding{Evidence: ByManifest}, "uploads do not come into hidden directories"},
		{"a hidden directory at the root", ".vite/manifest.json", "assets/" + page, Finding{Evidence: ByManifest}, "Vite 5 and later"},
	} {
		base, _, _ := strings.Cut(c.manifest, ".vite/")
		if base == c.manifest {
			base = c.manifest[:strings.LastIndex(c.manifest, "/")+1]
		}
		listed := strings.TrimPrefix(c.path, base)
		content := `{"photo":{"file":"` + listed + `"}}`
		if strings.HasSuffix(c.manifest, "/.manifest.json") {
			content = `{"photo":"` + listed + `"}`
		}
		files := tree{c.path: {"x", built}, path.Dir(c.path) + "/second-DnE9iayc.jpg": {"x", built}}
		m, err := ReadManifest(c.manifest, []byte(content))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		located := []ManifestFile{{Manifest: m, Path: c.manifest, Written: built}}
		file := files.file(c.path)
		file.Content = nil // Vite proves pictures
		if got := NewSurvey(files, located).Judge(file); got.Evidence != c.want.Evidence || got.Doubt != c.want.Doubt {
			t.Errorf("%s: %+v, want %+v (%s)", c.name, got, c.want, c.why)
		}
		located[0].Named = true
		if got := NewSurvey(files, located).Judge(file); got.Evidence != ByManifest {
			t.Errorf("%s, named by the operator: %+v, want evidence by the manifest", c.name, got)
		}
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
