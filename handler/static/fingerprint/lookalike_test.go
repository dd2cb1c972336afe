package fingerprint

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// unversioned are output names of builds without hashes. None holds a version.
var unversioned = strings.Fields(`PDFViewer.css ReactDOM.js OAuth2Login.css JSONEditor.js JSONEdit.css i18n-messages.css i18n-app.css
	a11y-styles.css mp4player.css base64url.js web3modal.css h264decoder.wasm app-es2015.js x-es2015.css HTMLRenderer.js
	FAQPages.js WebGL2Renderer.js sha256-worker.js x86_64-loader.wasm oauth2-callback.css UIKitCSS.css s3uploader.js
	k8s-dashboard.css B2BCheckout.js iOSInstall.css ES5Polyfill.js main.bundle.js main.production.min.js legacy-es2015.js
	toBase64.js isRegExp.js ToUint32.js I18nPlugin.js html4css1.css f16round.js toObjMap.js vcsGitAdHoc.js getAppIdAndApiKey.js
	base64js.min.js cmpUint8Array3.js _baseIsNaN.js cafe2024.css face2face.js photo-20240101.jpg logo-1200x800.png`)

// A build may write a manifest and unversioned names.
func TestUnversionedOutputs(t *testing.T) {
	t.Parallel()
	for _, name := range append(unversioned, lookalikes...) {
		stem, _, _ := strings.Cut(name, ".")
		for kind, manifest := range map[string]string{
			"manifest.json":                          `{"src/main.ts":{"file":"main.js","src":"src/main.ts","css":[%q]}}`,
			".vite/manifest.json":                    `{"src/main.ts":{"file":"main.js","src":"src/main.ts","name":"main","assets":[%q]}}`,
			"rollup/.vite/manifest.json":             `{"_x":{"file":%q}}`,
			"webpack-stats.json":                     `{"status":"done","chunks":{"main":[]},"assets":{%q:{}}}`,
			"meta.json":                              `{"inputs":{},"outputs":{%q:{"bytes":1,"inputs":{}}}}`,
			"asset-manifest.json":                    `{"files":{"x.js":%q}}`,
			"assets/manifest-9cfae50f.js":            `window.__reactRouterManifest={"entry":{"module":%q},"routes":{}};`,
			"staticfiles.json":                       `{"version":"1.1","paths":{"x.js":%q}}`,
			"x/.manifest.json":                       `{"x.js":%q}`,
			"y/manifest.json":                        `{"main.js":"/main.0a7ff8ec.js","x.js":%q}`,
			"z/manifest.json":                        `{` + quoted(stem+".js") + `:%q}`,
			"chunk/.vite/manifest.json":              `{"_c":{"file":%q,"name":` + quoted(stem) + `}}`,
			"hashed/assets/manifest-0cfae50f.js":     `window.__reactRouterManifest={"entry":{"module":"/a/root-CFknK8Y5.js"},"routes":{"root":{"id":"root","module":"/a/root-CFknK8Y6.js","css":[%q]}}};`,
			"dist/manifest.json":                     `{%q:true}`,
			"App.staticwebassets.endpoints.json":     `{"Endpoints":[]}`,
			"hashed/webpack-stats.json":              `{"status":"done","chunks":{"main":[]},"assets":{"main-0828904584990b611fb8.js":{},%q:{}}}`,
			"hashed/.vite/manifest.json":             `{"src/main.ts":{"file":"main-DdCDtH1A.js","src":"src/main.ts","name":"main","css":[%q]}}`,
			"hashed/below/esbuild-meta.json":         `{"inputs":{},"outputs":{"main-XH4UFCAH.js":{"bytes":1,"entryPoint":"main.js"},%q:{"bytes":1,"inputs":{}}}}`,
			"hashed/deeper/more/asset-manifest.json": `{"files":{"main.js":"/main.43ec809e.js","x.js":%q}}`,
		} {
			content := manifest
			if strings.Contains(manifest, "%q") {
				content = fmt.Sprintf(manifest, name)
			}
			m, err := ReadManifest(kind, []byte(content))
			if err != nil {
				continue // a file without versions is no manifest
			}
			if _, listed := m.Outputs[name]; listed {
				t.Errorf("%s lists %s as a versioned output", kind, name)
			}
		}
	}
}

func quoted(text string) string {
	written, _ := json.Marshal(text)
	return string(written)
}

// A token that several files share identifies the build, and is no evidence.
func TestSharedTokensAreNoEvidence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, manifest, content, want, why string }{
		{"a commit", "manifest.json", `{"main.js":"/main.3f2a81bc.js","late.js":"/late.3f2a81bc.js"}`, "", "a commit may be built twice"},
		{"fullhash and contenthash", "manifest.json", `{"main.js":"/main.3f2a81bc.js","late.js":"/late.3f2a81bc.js","x.js":"/x.0a7ff8ec.js"}`, "x.0a7ff8ec.js", ""},
		{"chunkhash", "manifest.json", `{"main.js":"/main.3f2a81bc.js","main.css":"/main.3f2a81bc.css"}`, "", "a script and a stylesheet share the token, as they would share a commit"},
		{"in the query", "manifest.json", `{"main.js":"/main.js?3f2a81bc","late.js":"/late.js?3f2a81bc","x.js":"/x.js?0a7ff8ec"}`, "x.js?0a7ff8ec", ""},
		{"twice the same file", "manifest.json", `{"main.js":"/main.3f2a81bc.js","again.js":"/main.3f2a81bc.js"}`, "main.3f2a81bc.js", ""},
		{"Vite", "manifest.json", `{"a.js":{"file":"a-3f2a81bc.js","src":"a.js"},"b.js":{"file":"b-3f2a81bc.js","src":"b.js"},"c.js":{"file":"c-0a7ff8ec.js","src":"c.js"}}`, "c-0a7ff8ec.js", ""},
	} {
		m, err := ReadManifest(c.manifest, []byte(c.content))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		files := make(tree)
		for _, p := range strings.Fields("main.3f2a81bc.js late.3f2a81bc.js main.3f2a81bc.css x.0a7ff8ec.js main.js late.js x.js a-3f2a81bc.js b-3f2a81bc.js c-0a7ff8ec.js") {
			files[p] = entry{"x", built}
		}
		survey := NewSurvey(files, []ManifestFile{{Manifest: m, Path: c.manifest, Written: built, Named: true}})
		var listed []string
		for p := range files {
			if survey.Judge(files.file(p)).Evidence == ByManifest {
				listed = append(listed, p)
			}
			for _, version := range survey.Versions(p) {
				if survey.JudgeVersion(files.file(p), version).Evidence == ByManifest {
					listed = append(listed, p+"?"+version)
				}
			}
		}
		slices.Sort(listed)
		if got := strings.Join(listed, " "); got != c.want {
			t.Errorf("%s is evidence for %q, want %q (%s)", c.name, got, c.want, c.why)
		}
	}
}

// A name that is not distinctive counts as versioned if other outputs of the build have tokens of the same form.
func TestOutputsOfTheSameForm(t *testing.T) {
	t.Parallel()
	const quiet = "assets/style-DmifnJTr.css" // the token could be a word
	for _, c := range []struct {
		name, others string
		want         bool
	}{
		{"no other output", ``, false},
		{"an output without a version", `"m.js":{"file":"assets/m.js","src":"m.js"},`, false},
		{"an output of the same form", `"m.js":{"file":"assets/m-DdCDtH1A.js","src":"m.js"},`, true},
		{"an output with another separator", `"m.js":{"file":"assets/m.DdCDtH1A.js","src":"m.js"},`, false},
		{"an output with a longer token", `"m.js":{"file":"assets/m-DdCDtH1AxY.js","src":"m.js"},`, false},
	} {
		m, err := ReadManifest("manifest.json", []byte(`{`+c.others+
			`"o.js":{"file":"o.js","src":"o.js","name":"my-JSONEdit","css":["`+quiet+`","other-carousel.css","my-JSONEdit.css"]}}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, listed := m.Outputs[quiet]; listed != c.want {
			t.Errorf("%s: %v, want listed: %v", c.name, m.Outputs, c.want)
		}
		for _, name := range []string{"other-carousel.css", "my-JSONEdit.css"} {
			if _, listed := m.Outputs[name]; listed {
				t.Errorf("%s: %s is listed", c.name, name)
			}
		}
	}
}

// These versions prove nothing, in names and in queries: dates, times, commits, telephone numbers, identifiers, releases, digests of
// other content, and digests of the content that are too short, too long or in capitals.
func TestTokensThatAreNoProof(t *testing.T) {
	t.Parallel()
	content := Of(hello)
	other := Of([]byte("other\n"))
	tokens := []string{
		"20260211", "1700000000", "1700000000000", "20260211T120000", "3f2a81bc", "958d24d1c0ffee00958d24d1c0ffee00958d24d1",
		"491701234567", "0be2e45e-9483-4bb2-89d6-29667c238740", "507f1f77bcf86cd799439011", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "V1StGXR8_Z5jdHi6B-myT",
		"dQw4w9WgXcQ", "3.7.1", "v20240101", "deadbeef", "cafebabe", "00000000", "ffffffff",
	}
	for d := range digestCount {
		if d == sha384Base64 || d == sha512Base64 {
			continue // used in integrity attributes, never in names
		}
		for _, sum := range content.sum(d) {
			tokens = append(tokens, sum[:6], "x"+sum, sum+"0", strings.Repeat("0", 200))
			if upper := strings.ToUpper(sum); upper != sum {
				tokens = append(tokens, upper)
			}
			if len(sum) > 20 { // from the middle
				tokens = append(tokens, sum[4:20], sum[len(sum)-12:])
			}
		}
		for _, sum := range other.sum(d) {
			tokens = append(tokens, sum, sum[:8])
		}
	}
	for _, token := range tokens {
		if proof, ok := content.ProveToken(token); ok {
			t.Errorf("?v=%s is proved: %v", token, proof)
		}
		for _, name := range []string{"app.%s.js", "app-%s.js", "%s.js", "app_%s.min.js", "%s/app.js"} {
			if proof, ok := content.ProveName(fmt.Sprintf(name, token)); ok {
				t.Errorf("%s is proved: %v", fmt.Sprintf(name, token), proof)
			}
		}
	}
}

// A framework can be configured to name outputs like their sources. Then its directory is no evidence.
func TestDirectoriesWithoutVersions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, files string
		want        Evidence // for the last file
	}{
		{"Astro", "_astro/BlogPost.DdCDtH1A.css _astro/index.e_IwNBSz.css _astro/FAQBlock.B1aXyz12.js", ByDirectory},
		{"Astro, a hash that looks like a word", "_astro/BlogPost.DdCDtH1A.css _astro/index.e_IwNBSz.css _astro/page.DmifnJTr.css", ByDirectory},
		{"Astro without hashes", "_astro/index.css _astro/hoisted.js _astro/logo.svg _astro/CTABlock.css", NoEvidence},
		{"Nuxt without hashes", "_nuxt/builds/latest.json _nuxt/entry.js _nuxt/ReactDOM.js", NoEvidence},
		{"Nuxt without hashes, and other versioned files", "_nuxt/builds/latest.json app/DdCDtH1A.js app/e_IwNBSz.js _nuxt/entry.js _nuxt/JSONEdit.js", NoEvidence},
		{"SvelteKit, a numeronym", "_app/version.json _app/immutable/chunks/DdCDtH1A.js _app/immutable/chunks/i18n-app.js", NoEvidence},
	} {
		files := make(tree)
		for p := range strings.FieldsSeq(c.files) {
			files[p] = entry{"x", built}
		}
		last := c.files[strings.LastIndexByte(c.files, ' ')+1:]
		if got := files.survey(t).Judge(files.file(last)); got.Evidence != c.want {
			t.Errorf("%s: %s: %+v, want %q", c.name, last, got, c.want)
		}
	}
}

// The package documentation states the probability that a token is a digest by chance. Each new convention raises it.
func TestFalseProofsAreRare(t *testing.T) {
	t.Parallel()
	const withoutItself = 2      // additional digests of a script that contains its own name
	digit := map[digest]float64{ // in bits
		sha256Base64URL: 6, xxh128Base64URL: 6, xxh64Base32: 5, bunBase32: 5, sha256Base36: 5,
		xxh3Base64: 44.0 / 8, xxh3Base36: 40.0 / 8, // the first digit of a large number has fewer bits
	}
	for _, c := range []struct {
		token string
		below float64
	}{
		{"20260211", -28}, {"3f2a81bc", -28}, {"3f2a81bc5", -32}, {"3f2a81bc5d6e", -44}, {"carousel", -38}, {"CAROUSEL", -38}, {"Carousel", -38},
		{"bundled", -41}, {"main-carousel", -60}, {"theatre123", -48},
	} {
		probability := 0.0
		for _, convention := range conventions {
			if len(c.token) < convention.least || len(c.token) > convention.most || !convention.shape(c.token) {
				continue
			}
			bits := digit[convention.digest]
			if bits == 0 {
				bits = 4
			}
			probability += float64(len(Of(hello).sum(convention.digest))) * math.Exp2(-bits*float64(len(c.token)))
		}
		if isHex(c.token) {
			probability += withoutItself * math.Exp2(-4*float64(len(c.token)))
		}
		if got := math.Log2(probability); got >= c.below {
			t.Errorf("%s is a digest by chance with 2^%.1f, want less than 2^%v", c.token, got, c.below)
		}
	}
}
