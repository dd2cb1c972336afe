package fingerprint

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestReadManifest(t *testing.T) {
	t.Parallel()
	const md5 = "b1946ac92492d2347c6235b4d2611184"
	for _, c := range []struct{ name, file, content, kind, outputs, why string }{
		{"Django 1.0", "staticfiles.json", `{"paths":{"a.css":"a.27e20196a850.css"},"version":"1.0"}`, "django", "a.27e20196a850.css", ""},
		{"Django 1.1", "staticfiles.json", `{"paths":{"a.css":"a.27e20196a850.css"},"version":"1.1","hash":"x"}`, "django", "a.27e20196a850.css", ""},
		{"Django by shape", "assets.json", `{"paths":{"a.css":"a.27e20196a850.css"},"version":"1.1","hash":"x"}`, "django", "a.27e20196a850.css", "the shape identifies the format"},
		{"Django unhashed", "staticfiles.json", `{"paths":{"a.css":"a.css"},"version":"1.1"}`, "django", "", "the output has no version"},
		{"Django bundle", "staticfiles.json", `{"paths":{"a.js":"a.bundle.js"},"version":"1.1"}`, "django", "", "the inserted text is no version"},
		{"Django future", "staticfiles.json", `{"paths":{},"version":"2.0"}`, "", "", "the version of the format is unknown"},
		{"Django under another name", "cache_manifest.json", `{"paths":{"a.css":"a.27e20196a850.css"},"version":"1.0"}`, "", "", "the name belongs to another tool"},
		{"Vite", ".vite/manifest.json", `{"a.js":{"file":"assets/a-DdCDtH1A.js","src":"a.js","css":["assets/a-DnE9iayc.css"],"assets":["assets/w-CSN6jzNC.js"]}}`,
			"vite", "assets/a-DdCDtH1A.js assets/a-DnE9iayc.css assets/w-CSN6jzNC.js", ""},
		{"Vite chunk", "manifest.json", `{"_shared-B7PI925R.js":{"file":"assets/shared-B7PI925R.js","name":"shared"}}`, "vite", "assets/shared-B7PI925R.js", "the record has no source"},
		{"Vite unhashed", "manifest.json", `{"main.js":{"file":"assets/main.js","src":"main.js","css":["assets/main-carousel.css"]}}`, "vite", "", "the names have no hash"},
		{"Laravel and Vite", "manifest.json", `{"resources/js/app.js":{"file":"assets/app-4ed993c7.js","isEntry":true,"src":"resources/js/app.js"}}`, "vite", "assets/app-4ed993c7.js", "Vite 4: hex"},
		{"PWA", "manifest.json", `{"name":"app","icons":[]}`, "", "", "a web application's manifest"},
		{"PWA of words", "manifest.json", `{"name":"app","start_url":"/?v=1"}`, "", "", "no value has a version"},
		{"list", "manifest.json", `[1]`, "", "", "the file holds no object"},
		{"empty", "manifest.json", `{}`, "", "", "the object is empty"},
		{"webpack", "manifest.json", `{"main.js":"/static/main.12c19cb38134d1dfcd8c.js","935.0a7ff8ec.chunk.js":"/static/935.0a7ff8ec.chunk.js","x.js":"https://cdn.example/s/x.3bd9a99f.js"}`,
			"webpack", "s/x.3bd9a99f.js static/main.12c19cb38134d1dfcd8c.js", "a chunk under its own name has no version"},
		{"webpack maps", "manifest.json", `{"main.js":"main.12c19cb38134d1dfcd8c.js","main.js.map":"main.12c19cb38134d1dfcd8c.js.map","main.js.LICENSE.txt":"main.12c19cb38134d1dfcd8c.js.LICENSE.txt"}`,
			"webpack", "main.12c19cb38134d1dfcd8c.js", "these files have the version of the script"},
		{"webpack query", "manifest.json", `{"main.js":"/static/main.js?12c19cb38134d1dfcd8c","main.js.map":"/static/main.js.map?12c19cb38134d1dfcd8c"}`, "webpack", "static/main.js?12c19cb38134d1dfcd8c", ""},
		{"webpack without extensions", "manifest.json", `{"main":"main.0a7ff8ec","x.js":"x.12c19cb38134d1dfcd8c.js"}`, "webpack", "x.12c19cb38134d1dfcd8c.js", "the text after the last dot is the extension"},
		{"webpack without versions", "manifest.json", `{"main.js":"/static/main.bundle.js"}`, "", "", "no name has a version"},
		{"Parcel", "parcel-manifest.json", `{"index.js":"/index.2959f6ef.js"}`, "webpack", "index.2959f6ef.js", "a plugin writes it"},
		{"CRA", "asset-manifest.json", `{"files":{"main.js":"/static/js/main.43ec809e.js","index.html":"/index.html"},"entrypoints":["static/js/main.43ec809e.js"]}`,
			"create-react-app", "static/js/main.43ec809e.js", ""},
		{"tracker", "webpack-stats.json", `{"status":"done","chunks":{"app":["app-0828904584990b611fb8.js"]},"assets":{"app-0828904584990b611fb8.js":{"name":"app-0828904584990b611fb8.js","path":"/x"},"logo-20240608.png":{"name":"logo-20240608.png"}}}`,
			"webpack-stats", "app-0828904584990b611fb8.js", "a date is no version"},
		{"tracker before 1.0", "webpack-stats.json", `{"status":"done","chunks":{"app":[{"name":"app-0828904584990b611fb8.js","path":"/x"},{"name":"app.js"}]}}`,
			"webpack-stats", "app-0828904584990b611fb8.js", "the file has no list of assets"},
		{"tracker compiling", "webpack-stats.json", `{"status":"compile","chunks":{},"assets":{"app-0828904584990b611fb8.js":{}}}`, "webpack-stats", "", "the build is not finished"},
		{"Propshaft old", ".manifest.json", `{"one.txt":"one-f2e1ec14.txt","two.txt":"two.txt"}`, "propshaft", "one-f2e1ec14.txt", ""},
		{"Propshaft new", ".manifest.json", `{"one.txt":{"digested_path":"one-f2e1ec14.txt","integrity":"sha384-x","app":true},"two.css":{"digested_path":"two-4137140a.css","integrity":null}}`,
			"propshaft", "one-f2e1ec14.txt two-4137140a.css", ""},
		{"Sprockets", ".sprockets-manifest-2e8e9a7c6b0aafa0c9bdeec90ea30213.json",
			`{"assets":{"a.js":"a-` + md5 + `.js"},"files":{"a-` + md5 + `.js":{"logical_path":"a.js","size":1,"digest":"` + md5 + `"},"b-0123456789abcdef.js":{"logical_path":"b.js","digest":"` + md5 + `"}}}`,
			"sprockets", "a-" + md5 + ".js", "the second name does not hold its listed digest"},
		{"Sprockets 4", ".sprockets-manifest-2e8e9a7c6b0aafa0c9bdeec90ea30213.json",
			`{"assets":{},"files":{"a-299c6f7aa3ae9953.js":{"logical_path":"a.js","digest":"` + md5 + `","integrity":"sha256-x"}}}`,
			"sprockets", "a-299c6f7aa3ae9953.js", "the name holds a digest of the listed digest and of the asset version"},
		{"Phoenix", "cache_manifest.json", `{"version":1,"latest":{"js/a.js":"js/a-` + md5 + `.js"},"digests":{"js/a-` + md5 + `.js":{"logical_path":"js/a.js","mtime":1,"size":6,"digest":"` + md5 + `"},"b-0123456789abcdef.js":{"digest":"` + md5 + `"}}}`,
			"phoenix", "js/a-" + md5 + ".js", ""},
		{"Phoenix future", "cache_manifest.json", `{"version":2,"latest":{},"digests":{}}`, "", "", "the version of the format is unknown"},
		{"Mix", "mix-manifest.json", `{"/js/app.js":"/js/app.js?id=8e5c48eadbfdd5458ec6","/css/a.css":"/css/a.css"}`, "mix", "js/app.js?8e5c48eadbfdd5458ec6", ""},
		{"Plain", "manifest.json", `{"css/a.css":"css/a.1a2b3c4.css","css/a.1a2b3c4.css":true,"dist/x-BZCg4Xy8.js":true,"robots.txt":false,"dist/carousel.js":true}`,
			"plain", "css/a.1a2b3c4.css dist/x-BZCg4Xy8.js", ""},
		{"esbuild", "meta.json", `{"inputs":{},"outputs":{"../out/w-XH4UFCAH.js":{"bytes":385,"entryPoint":"src/w.js","inputs":{}},"../out/plain.js":{"bytes":1}}}`,
			"esbuild", "out/w-XH4UFCAH.js", "the output directory is outside the project"},
		{"Angular", "stats.json", `{"inputs":{},"outputs":{"main-RJI3GZNO.js":{"bytes":342,"entryPoint":"src/start.ts","inputs":{}}}}`, "esbuild", "main-RJI3GZNO.js", ""},
		{"tracker's stats.json", "stats.json", `{"status":"done","chunks":{},"assets":{"app-0828904584990b611fb8.js":{}}}`, "webpack-stats", "app-0828904584990b611fb8.js", ""},
		{"webpack's stats.json", "stats.json", `{"hash":"x","assets":[],"outputPath":"/x"}`, "", "", "another file has the name"},
		{"React Router", "assets/manifest-9cfae50f.js",
			`window.__reactRouterManifest={"entry":{"module":"/assets/entry.client-CeIikQfx.js","imports":["/assets/jsx-runtime-Db4QKvah.js"],"css":[]},"routes":{"root":{"id":"root","module":"/assets/root-CFknK8Y5.js","css":["/assets/style-DmifnJTr.css#"]},"routes/about":{"id":"routes/about","module":"/assets/about.js"}},"url":"/assets/manifest-9cfae50f.js","version":"9cfae50f"};`,
			"react-router", "assets/entry.client-CeIikQfx.js assets/jsx-runtime-Db4QKvah.js assets/root-CFknK8Y5.js assets/style-DmifnJTr.css", "about.js has no version"},
		{"Remix", "manifest-0cfae50f.js", `window.__remixManifest={"entry":{"module":"/build/entry.client-C5IikQ_x.js"},"routes":{}};`, "react-router", "build/entry.client-C5IikQ_x.js", ""},
		{"a script", "manifest-deadbeef.js", `console.log("hello")`, "", "", "another file has the name"},
		{"a longer script", "manifest-deadbeef.js", `window.__x={"entry":{},"routes":{}};run()`, "", "", "the script does more than one assignment"},
		{"another assignment", "manifest-deadbeef.js", `window.__x={"routes":[]}`, "", "", "the value has another shape"},
		{"other meta.json", "meta.json", `{"title":"x"}`, "", "", "another program writes it"},
		{"ASP.NET", "App.staticwebassets.endpoints.json", `{"Version":1,"ManifestType":"Publish","Endpoints":[
			{"Route":"_framework/dotnet.5y8w35dinf.js","AssetFile":"_framework/dotnet.5y8w35dinf.js","Selectors":[],"EndpointProperties":[{"Name":"fingerprint","Value":"5y8w35dinf"},{"Name":"label","Value":"_framework/dotnet.js"}]},
			{"Route":"_framework/dotnet.js","AssetFile":"_framework/dotnet.5y8w35dinf.js","Selectors":[],"EndpointProperties":[{"Name":"fingerprint","Value":"5y8w35dinf"}]},
			{"Route":"app.70jlngu3el.css","AssetFile":"app.css","Selectors":[],"EndpointProperties":[{"Name":"fingerprint","Value":"70jlngu3el"}]}]}`,
			"aspnet", "_framework/dotnet.5y8w35dinf.js", "the application serves routes without a file"},
		{"no JSON", "staticfiles.json", `nope`, "", "", "not JSON"},
		{"escape", "staticfiles.json", `{"paths":{"a":"../../etc/a.27e20196a850.css"},"version":"1.1"}`, "django", "", "leaves the directory"},
		{"absolute", "manifest.json", `{"a.js":{"file":"/etc/a-DdCDtH1A.js"}}`, "vite", "", "leaves the directory"},
		{"backslash", "manifest.json", `{"a.js":{"file":"..\\a-DdCDtH1A.js"}}`, "vite", "", "leaves the directory on Windows"},
		{"inner", "manifest.json", `{"a.js":"/static/../../a.12c19cb38134d1dfcd8c.js","b.js":"b.12c19cb38134d1dfcd8c.js"}`, "webpack", "b.12c19cb38134d1dfcd8c.js", "leaves the directory in the middle"},
		{"out of the routes", "manifest-9cfae50f.js", `window.__reactRouterManifest={"entry":{"module":"/a/../../etc/a-DdCDtH1A.js"},"routes":{"x":{"module":"/b-DdCDtH1B.js"}}};`, "react-router", "b-DdCDtH1B.js", "leaves the directory in the middle"},
		{"out of Sprockets", ".sprockets-manifest-2e8e9a7c6b0aafa0c9bdeec90ea30213.json", `{"assets":{},"files":{"../a-299c6f7aa3ae9953.js":{"integrity":"sha256-x"}}}`, "sprockets", "", "leaves the directory"},
		{"long", "manifest.json", `{"a.js":"` + strings.Repeat("a/", maxPath/2) + `a.12c19cb38134d1dfcd8c.js","b.js":"b.12c19cb38134d1dfcd8c.js"}`, "webpack", "b.12c19cb38134d1dfcd8c.js", "the path is too long: it leaves the limit"},
		{"NUL", "manifest.json", `{"a.js":"a\u0000.12c19cb38134d1dfcd8c.js","b.js":"b.12c19cb38134d1dfcd8c.js"}`, "webpack", "b.12c19cb38134d1dfcd8c.js", "leaves the characters of file names"},
	} {
		m, err := ReadManifest(c.file, []byte(c.content))
		if c.kind == "" {
			if err == nil {
				t.Errorf("%s was read as %s: %v, want an error (%s)", c.name, m.Kind, m.Outputs, c.why)
			}
			continue
		}
		if err != nil || m.Kind != c.kind {
			t.Errorf("%s: %+v, %v", c.name, m, err)
			continue
		}
		listed := slices.Collect(maps.Keys(m.Outputs))
		for path, version := range m.Versions {
			listed = append(listed, path+"?"+version)
		}
		slices.Sort(listed)
		if got := strings.Join(listed, " "); got != c.outputs {
			t.Errorf("%s lists %q, want %q (%s)", c.name, got, c.outputs, c.why)
		}
		if leaves := strings.Contains(c.why, "leaves"); leaves != (m.Escapes > 0) {
			t.Errorf("%s: %d escapes (%s)", c.name, m.Escapes, c.why)
		}
	}
}

func TestReadManifestErrors(t *testing.T) {
	t.Parallel()
	if _, err := ReadManifest("manifest.json", []byte(`{"name":"app"}`)); !errors.Is(err, ErrNoManifest) {
		t.Errorf("a web application's manifest: %v, want ErrNoManifest", err)
	}
	for name, content := range map[string][]byte{
		"too large":       make([]byte, MaxManifest+1),
		"too many values": []byte("[" + strings.Repeat("0,", maxValues+1) + "0]"),
		"deeply nested":   []byte(strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000)),
		"cut off":         []byte(`{"paths":{"a.css":"a.27e201`),
	} {
		if _, err := ReadManifest("staticfiles.json", content); err == nil || errors.Is(err, ErrNoManifest) {
			t.Errorf("%s: %v, want an error other than ErrNoManifest", name, err)
		}
		script := append([]byte("window.__reactRouterManifest="), content...)
		if _, err := ReadManifest("manifest-9cfae50f.js", script); err == nil {
			t.Errorf("%s in a script: no error", name)
		}
	}
}

func TestIsManifestName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"staticfiles.json": true, "a/.vite/manifest.json": true, "assets/.manifest.json": true,
		"assets/.sprockets-manifest-2e8e9a7c6b0aafa0c9bdeec90ea30213.json": true, "App.staticwebassets.endpoints.json": true,
		"manifest.webmanifest": false, "sprockets-manifest.json": false, "data.json": false, "manifest.json/x": false,
	} {
		if got := IsManifestName(name); got != want {
			t.Errorf("IsManifestName(%s) = %v", name, got)
		}
	}
}

// Each list that a tool of the corpus writes without a hash in its name is a build list.
func TestIsBuildList(t *testing.T) {
	t.Parallel()
	lists, err := filepath.Glob("testdata/*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"testdata/*/*/*.json", "testdata/*/*/*/*.json"} {
		deeper, _ := filepath.Glob(pattern)
		lists = append(lists, deeper...)
	}
	if len(lists) < 20 {
		t.Fatalf("%d lists in the corpus", len(lists))
	}
	for _, list := range lists {
		switch base := filepath.Base(list); {
		case base == "page-data.json", base == "app-data.json": // Gatsby's data of a page
		case base == "stats.json": // Angular writes it beside the served directory, and the name is common
		case len(base) == len("0be2e45e-9483-4bb2-89d6-29667c238740.json"): // Nuxt names it for the build
		case !IsBuildList(filepath.ToSlash(list)):
			t.Errorf("%s is no build list", list)
		}
	}
	for name, want := range map[string]bool{
		"build/entrypoint.app.json": true, "ngsw.json": true, "importmap.json": true, "_app/version.json": true, "version.json": false,
		"entrypoint.3f2a9c1b.json": false, "rev-manifest.3f2a9c1b40d1.json": false, "manifest-3f2a9c1b40d1.json": false, "data.json": false,
	} {
		if got := IsBuildList(name); got != want {
			t.Errorf("IsBuildList(%s) = %v", name, got)
		}
	}
}

// The number of allocations grows linearly with the size of a manifest, also for a hostile manifest.
func TestReadManifestAllocatesLinearly(t *testing.T) {
	for name, write := range map[string]func(i int) (chunk, asset string){
		"one token for all outputs": func(i int) (string, string) {
			return fmt.Sprintf(`"c%d":[]`, i), fmt.Sprintf(`"a%d-0a7ff8ec1d.js":{}`, i)
		},
		"many forms": func(i int) (string, string) {
			return `"c":[]`, fmt.Sprintf(`"a%d-%s.js":{}`, i, strings.Repeat("0a", 4+i%50))
		},
		"all outputs undecided": func(i int) (string, string) { return `"c":[]`, fmt.Sprintf(`"DmifnJTr%d.js":{}`, i) },
		"a chunk for each output": func(i int) (string, string) {
			return fmt.Sprintf(`"c%d":["a%d-%08xa0.js"]`, i, i, i), fmt.Sprintf(`"a%d-%08xa0.js":{}`, i, i)
		},
	} {
		read := func(outputs int) float64 {
			chunks, assets := make([]string, outputs), make([]string, outputs)
			for i := range outputs {
				chunks[i], assets[i] = write(i)
			}
			content := []byte(`{"status":"done","chunks":{` + strings.Join(chunks, ",") + `},"assets":{` + strings.Join(assets, ",") + `}}`)
			return testing.AllocsPerRun(1, func() {
				if _, err := ReadManifest("webpack-stats.json", content); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			})
		}
		if small, large := read(1_000), read(8_000); large > 12*small { // 8 times the outputs; quadratic growth would be 64 times
			t.Errorf("%s: %v allocations for 8,000 outputs, %v for 1,000", name, large, small)
		}
	}
}
