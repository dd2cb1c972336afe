package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// viteFiles are the sources of an application with a chunk, a stylesheet, a picture and a worker.
var viteFiles = map[string]string{
	"index.html": `<!DOCTYPE html><html><head><title>vite</title><link rel="icon" href="data:,"><script type="module" src="/src/main.js"></script></head>
<body><img id="picture"></body></html>`,
	"src/main.js": `import "./styles.css"; import picture from "./picture.svg"; import { release } from "./release.js";
document.getElementById("picture").src = picture;
(globalThis.runs ??= []).push(release);
globalThis.late = async () => (await import("./late.js")).text;
globalThis.work = () => new Promise((done) => {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => done(data);
});`,
	"src/late.js":     `import { release } from "./release.js"; import "./late.css"; export const text = "late " + release;`,
	"src/worker.js":   `import { release } from "./release.js"; postMessage("worker " + release);`,
	"src/release.js":  `export const release = "RELEASE";`,
	"src/styles.css":  `:root { --release: RELEASE }`,
	"src/late.css":    `:root { --late: RELEASE }`,
	"src/picture.svg": `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><!-- RELEASE --></svg>`,
}

// Vite's output runs once, and its new release runs with the next visit. With a manifest its names are immutable, and an open
// page finds its chunk after the deploy.
func TestVite(t *testing.T) {
	need(t, "chromium")
	packages := installPackages(t, "vite@8.3.8")
	for name, manifest := range map[string]bool{"with manifest": true, "without manifest": false} {
		t.Run(name, func(t *testing.T) {
			sources, dist := filepath.Join(packages, strings.ReplaceAll(name, " ", "-")), filepath.Join(t.TempDir(), "dist")
			deploy := func(release string) {
				t.Helper()
				files := make(map[string]string)
				for path, content := range viteFiles {
					files[path] = strings.ReplaceAll(content, "RELEASE", release)
				}
				writeFiles(t, sources, files)
				options := []string{"--logLevel", "error"}
				if manifest {
					options = append(options, "--manifest")
				}
				runNode(t, sources, append([]string{filepath.Join(packages, "node_modules/vite/bin/vite.js"), "build", "--outDir", dist, "--emptyOutDir", "--assetsInlineLimit", "0"},
					options...)...)
			}
			deploy("1")
			url := startUsherWith(t, fmt.Sprintf(`
	versioned_assets {
		serve / %s
		stamp html css js
		fallback /index.html
		keep_directory %s
		settle 100ms 200ms
	}`, dist, t.TempDir())).url
			ctx := browser(t)
			seen := observe(t, ctx)
			visit := func(release string) {
				t.Helper()
				seen.visit(t, url)
				got := script[string](t, ctx, `
					await document.getElementById("picture").decode();
					return [runs.join(), getComputedStyle(document.documentElement).getPropertyValue("--release"), await late(), await work()].join()`)
				if want := strings.ReplaceAll("R,R,late R,worker R", "R", release); got != want {
					t.Errorf("the visit runs %s, want %s", got, want)
				}
			}
			visit("1")
			main := script[string](t, ctx, `return document.querySelector("script[src]").src`)
			if manifest {
				waitFor(t, "the script immutable", func() bool { return cacheControl(t, main) == "public, max-age=31536000, immutable" })
			} else if got := cacheControl(t, main); got != "no-cache" {
				t.Errorf("%s is %q, want no-cache: nothing proves its name", main, got)
			}
			seen.visit(t, url)
			before := page(t, url)
			deploy("2")
			waitFor(t, "the deploy published", func() bool { return page(t, url) != before })
			if manifest {
				got := script[string](t, ctx, `return [await late(), await work()].join()`)
				if got != "late 1,worker 1" {
					t.Errorf("the open page gets %s, want its own release", got)
				}
			}
			for range 2 {
				visit("2")
				seen.expectOnce(t, "after the deploy")
			}
		})
	}
}

func cacheControl(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.Header.Get("Cache-Control")
}
