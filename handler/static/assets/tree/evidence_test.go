package tree

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestManifestsAreFound(t *testing.T) {
	t.Parallel()
	const name, digest = "app-0123456789abcdef.js", "0123456789abcdef"
	for _, c := range []struct{ name, path, content, asset string }{
		{"Propshaft", "assets/.manifest.json", `{"app.js":"` + name + `"}`, "assets/" + name},
		{"Sprockets", "assets/.sprockets-manifest-2e8e9a7c6b0aafa0c9bdeec90ea30213.json",
			`{"assets":{},"files":{"` + name + `":{"logical_path":"app.js","digest":"` + digest + `"}}}`, "assets/" + name},
		{"Vite 5", ".vite/manifest.json", `{"app.js":{"file":"assets/app-DdCDtH1A.js"}}`, "assets/app-DdCDtH1A.js"},
		{"Vite 4", "manifest.json", `{"app.js":{"file":"assets/app-a98456ab.js"}}`, "assets/app-a98456ab.js"},
		{"webpack", "webpack-stats.json", `{"status":"done","chunks":{},"assets":{"app-0828904584990b611fb8.js":{}}}`, "app-0828904584990b611fb8.js"},
		{"Create React App", "asset-manifest.json", `{"files":{"main.js":"/static/js/main.43ec809e.js"}}`, "static/js/main.43ec809e.js"},
		{"ASP.NET", "App.staticwebassets.endpoints.json",
			`{"Endpoints":[{"Route":"a.5y8w35dinf.js","AssetFile":"a.5y8w35dinf.js","EndpointProperties":[{"Name":"fingerprint","Value":"5y8w35dinf"}]}]}`, "a.5y8w35dinf.js"},
		{"Plain", "manifest.json", `{"dist/x-BZCg4Xy8.js":true}`, "dist/x-BZCg4Xy8.js"},
		{"esbuild", "meta.json", `{"inputs":{},"outputs":{"out/w-XH4UFCAH.js":{"bytes":1,"entryPoint":"w.js"}}}`, "w-XH4UFCAH.js"},
	} {
		s := NewStillTree(t, map[string]string{c.path: c.content, c.asset: "x"}, func(config *Config) {
			if c.name != "Vite 5" { // in a hidden directory
				config.Manifests = []string{c.path}
			}
		})
		if got := s.Evidence(c.asset); got != ByManifest {
			t.Errorf("%s: evidence %q", c.name, got)
		}
		if hidden := strings.Contains(c.path, "/."); hidden == (s.Read().Lookup(c.path) != nil) && c.name != "Vite 5" {
			t.Errorf("%s: %s is served: %v", c.name, c.path, hidden)
		}
		s.Write(c.asset, "y") // while the manifest stays the same
		if got := s.Evidence(c.asset); got != NoEvidence {
			t.Errorf("%s, changed: evidence %q", c.name, got)
		}
		if !s.Logged("unproved versions in file names") {
			t.Errorf("%s: no line reports the change", c.name)
		}
	}
}

// A file that changed under two manifests loses both as evidence, also after its time changes.
func TestChangedUnderTwoManifests(t *testing.T) {
	t.Parallel()
	const name = "app-0828904584990b611fb8.js"
	s := NewStillTree(t, map[string]string{
		"manifest.json": `{"app.js":"/` + name + `"}`, name: "old",
		"webpack-stats.json": `{"status":"done","chunks":{},"assets":{"` + name + `":{}}}`,
	}, func(config *Config) { config.Manifests = []string{"manifest.json", "webpack-stats.json"} })
	if got := s.Evidence(name); got != ByManifest {
		t.Fatalf("evidence %q", got)
	}
	s.Write(name, "new")
	if got := s.Evidence(name); got != NoEvidence {
		t.Errorf("changed: evidence %q", got)
	}
	if err := os.Chtimes(s.Path(name), time.Now(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := s.Evidence(name); got != NoEvidence {
		t.Errorf("changed and touched: evidence %q", got)
	}
	s.Write("manifest.json", `{"app.js":"/`+name+`","b.js":"b.js"}`)
	if got := s.Evidence(name); got != ByManifest {
		t.Errorf("built again: evidence %q", got)
	}
}

// Frameworks' directories need their marks, and no manifest.
func TestDirectoriesWithoutManifest(t *testing.T) {
	t.Parallel()
	s := NewStillTree(t, map[string]string{
		"_app/version.json": "{}", "_app/immutable/chunks/BZCg4Xy8.js": "x", "_nuxt/DzxpLpOu.js": "x",
		"_next/static/4-Qq_NeWkrV3OjWVQ4HWf/_buildManifest.js": "x", "_next/static/4-Qq_NeWkrV3OjWVQ4HWf/_ssgManifest.js": "x",
		"_next/static/chunks/0pftie_fqtvkv.js": "x", "_astro/index.BxqeNUpP.css": "x", "assets/index-DdCDtH1A.js": "x",
	})
	for name, want := range map[string]EvidenceKind{
		"_app/immutable/chunks/BZCg4Xy8.js": ByDirectory, "_app/version.json": NoEvidence, "_nuxt/DzxpLpOu.js": NoEvidence,
		"_next/static/chunks/0pftie_fqtvkv.js": ByDirectory, "_astro/index.BxqeNUpP.css": ByDirectory,
		"assets/index-DdCDtH1A.js": NoEvidence,
	} {
		if got := s.Evidence(name); got != want {
			t.Errorf("%s: evidence %q, want %q", name, got, want)
		}
	}
}

func TestNamedManifests(t *testing.T) {
	t.Parallel()
	const vite = `{"app.js":{"file":"assets/app-DdCDtH1A.js"}}`
	outside := filepath.Join(t.TempDir(), "build.json")
	if err := os.WriteFile(outside, []byte(vite), 0o644); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"assets/app-DdCDtH1A.js": "x", "assets/b-a98456ab.js": "x", ".build/vite.json": vite, "build/vite.json": vite,
		"manifest.json": `{"b.js":{"file":"assets/b-a98456ab.js"}}`, "link.json": vite,
	}
	for _, c := range []struct {
		name, manifest string
		app            EvidenceKind
		why            string
	}{
		{"outside", outside, ByManifest, "its paths are relative to the root"},
		{"hidden", ".build/vite.json", NoEvidence, "its paths are relative to its directory"},
		{"visible", "link.json", ByManifest, "recognised by its shape"},
		{"elsewhere", "build/vite.json", NoEvidence, "its paths are relative to its directory"},
		{"missing", "gone.json", NoEvidence, "reported, and no evidence"},
	} {
		s := NewStillTree(t, files, func(config *Config) { config.Manifests = []string{c.manifest} })
		if got := s.Evidence("assets/app-DdCDtH1A.js"); got != c.app {
			t.Errorf("%s: evidence %q, want %q (%s)", c.name, got, c.app, c.why)
		}
		if got := s.Evidence("assets/b-a98456ab.js"); got != NoEvidence {
			t.Errorf("%s: a manifest that is not configured counts as evidence: %q", c.name, got)
		}
		if (c.name == "missing") != s.Logged("gone.json") {
			t.Errorf("%s: logged %v", c.name, s.Logs.All())
		}
	}
	s := NewStillTree(t, files, func(config *Config) { config.Manifests = []string{outside} })
	s.Read()
	if err := os.WriteFile(outside, []byte(`{"b.js":{"file":"assets/b-a98456ab.js"}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := s.Evidence("assets/app-DdCDtH1A.js"); got != NoEvidence {
		t.Errorf("the manifest outside changed, and the evidence is %q", got)
	}
}

// A hostile manifest is reported, and the files are served. The test is not parallel, since it measures memory.
func TestHostileManifests(t *testing.T) {
	s := NewStillTree(t, map[string]string{
		"a/staticfiles.json": strings.Repeat(`{"a":`, 100_000), "c/staticfiles.json": `{"paths":{"a":"../../etc/a.27e20196a850.css"},"version":"1.1"}`,
		"main.js": "x",
	})
	s.Write("b/staticfiles.json", "")
	if err := os.Truncate(s.Path("b/staticfiles.json"), 1<<30); err != nil { // a sparse file
		t.Fatal(err)
	}
	before := LiveBytes()
	if Content(s.Read(), "main.js") != "x" {
		t.Error("main.js is not served")
	}
	if grown := LiveBytes() - before; grown > 64<<20 {
		t.Errorf("%d bytes more", grown)
	}
	for _, path := range []string{"a", "b", "c"} {
		if !s.Logged(path + "/staticfiles.json") {
			t.Errorf("nothing is logged of %s", path)
		}
	}
}

// A new manifest counts for large files too, although their bytes are not in memory.
func TestLargeFilesAreHeldAgainstManifests(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789abcdef", maxInMemory/16+1)
	s := NewStillTree(t, map[string]string{"app.js": large, "mix-manifest.json": `{"/app.js":"/app.js?id=` + MD5Of(large) + `"}`},
		func(config *Config) { config.Manifests = []string{"mix-manifest.json"} })
	file := s.Read().Lookup("app.js")
	if file.Content != nil || file.VersionEvidence(MD5Of(large)).Kind != ByManifest {
		t.Fatalf("in memory: %v, evidence %+v", file.Content != nil, file.VersionEvidence(MD5Of(large)))
	}
	lie := MD5Of("other")
	s.Write("mix-manifest.json", `{"/app.js":"/app.js?id=`+lie+`"}`)
	if file := s.Read().Lookup("app.js"); file.VersionEvidence(lie).Kind != NoEvidence || file.Denied.Detail == "" {
		t.Errorf("evidence for other bytes: %+v, %+v", file.VersionEvidence(lie), file.Denied)
	}
	s.Write("other.js", "x") // the next reading finds the large file unchanged
	if file := s.Read().Lookup("app.js"); file.VersionEvidence(lie).Kind != NoEvidence || file.Denied.Detail == "" {
		t.Errorf("and later: %+v, %+v", file.VersionEvidence(lie), file.Denied)
	}
}
