package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/scan2food/usher/internal/testsite"
)

// Each module counts how often it runs, in the page or in its worker.
const countRun = `{ const runs = globalThis.runs ??= {}; const name = new URL(import.meta.url).pathname.replace(/^\/static\//, "");
(runs[name] ??= []).push(import.meta.url); }
`

var moduleFiles = map[string]string{
	"main.js":      `import "./shared.js"; import "lib"; import "names/one.js"; export const release = "release 1";`,
	"shared.js":    `export default 1;`,
	"late.js":      `import "./shared.js"; import "./main.js";`,
	"lib.js":       `import "./shared.js"; globalThis.late = import("./late.js");`,
	"names/one.js": `import "../shared.js";`,
	"worker.js":    `import "./shared.js"; postMessage(JSON.stringify(runs));`,
	"start.js": `import "./shared.js";
const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
worker.onmessage = ({ data }) => { globalThis.workerRuns = JSON.parse(data); };`,
	// A module that imports another one by absolute path.
	"fixed.js":    `import "./fixed-b.js"; import("/static/fixed-b.js");`,
	"fixed-b.js":  `import "./fixed-c.js";`,
	"fixed-c.js":  `export default 1;`,
	"picture.svg": `<svg xmlns="http://www.w3.org/2000/svg"/>`,
}

const modulesPage = `<!DOCTYPE html><title>modules</title>
<script type="importmap">{ "imports": { "lib": "/static/lib.js", "names/": "/static/names/" } }</script>
<link rel="modulepreload" href="/static/shared.js">
<script type="module" src="/static/main.js"></script>
<script type="module" src="/static/start.js"></script>
<script type="module" src="/static/fixed.js"></script>
<script type="module">import "/static/fixed-c.js"; import { release } from "/static/main.js"; globalThis.release = release;</script>
<script>globalThis.classic = import("/static/shared.js")</script>`

func writeModules(t *testing.T, dir, release string) {
	t.Helper()
	for name, content := range moduleFiles {
		if strings.HasSuffix(name, ".js") {
			content = countRun + strings.ReplaceAll(content, "release 1", release)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// startUsherWith runs Caddy with usher and one site.
func startUsherWith(t *testing.T, configuration string) *usher {
	t.Helper()
	return startUsherAt(t, testsite.FreePort(t), configuration)
}

func startUsherAt(t *testing.T, port int, configuration string) *usher {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "Caddyfile")
	content := fmt.Sprintf("{\n\tadmin off\n\tauto_https off\n}\nhttp://localhost:%d {\n\tbind 127.0.0.1\n%s\n}\n", port, configuration)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir}
	u := &usher{url: fmt.Sprintf("http://localhost:%d", port), env: env}
	u.process = startProcess(t, dir, env, usherBinary(t), "run", "--config", file)
	waitForStatus(t, u.url+"/", http.StatusOK)
	return u
}

type moduleRuns struct {
	Release      string
	Page, Worker map[string][]string
}

func visitModules(t *testing.T, ctx context.Context, url string) moduleRuns {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "all modules run", func() bool {
		return script[bool](t, ctx, `return !!(globalThis.late && globalThis.classic && globalThis.workerRuns && globalThis.release && runs["fixed.js"])`)
	})
	return script[moduleRuns](t, ctx, `await late; await classic; await new Promise((done) => setTimeout(done, 200));
		return { Release: release, Page: runs, Worker: workerRuns }`)
}

// No module runs twice, although entry points, an import map, a preload, inline and classic scripts, and a worker all import
// the same modules. After a deployment the next visit runs the new modules.
func TestModulesRunOnce(t *testing.T) {
	need(t, "chromium")
	static := t.TempDir()
	writeModules(t, static, "release 1")
	site := t.TempDir()
	if err := os.WriteFile(filepath.Join(site, "index.html"), []byte(modulesPage), 0o644); err != nil {
		t.Fatal(err)
	}
	url := startUsherWith(t, fmt.Sprintf(`
	versioned_assets {
		serve /static/ %s
		stamp html css js
	}
	root * %s
	file_server`, static, site)).url
	ctx := browser(t)
	for _, release := range []string{"release 1", "release 2"} {
		if release != "release 1" {
			writeModules(t, static, release)
			waitFor(t, "the deploy is seen", func() bool { return visitModules(t, ctx, url).Release == release })
		}
		got := visitModules(t, ctx, url)
		if got.Release != release {
			t.Errorf("it runs %q, want %q", got.Release, release)
		}
		for _, name := range []string{"main.js", "shared.js", "late.js", "lib.js", "names/one.js", "start.js", "fixed-b.js", "fixed-c.js", "fixed.js"} {
			runs := got.Page[name]
			if len(runs) != 1 {
				t.Errorf("%s: %s runs %d times, want once: %q", release, name, len(runs), runs)
				continue
			}
			if !strings.HasSuffix(runs[0], "/static/"+name) {
				t.Errorf("%s: %s runs as %s, want its plain URL", release, name, runs[0])
			}
		}
		for _, name := range []string{"worker.js", "shared.js"} {
			if runs := got.Worker[name]; len(runs) != 1 || !strings.HasSuffix(runs[0], "/static/"+name) {
				t.Errorf("%s: in the worker %s runs as %q, want once, under its plain URL", release, name, runs)
			}
		}
	}
}
