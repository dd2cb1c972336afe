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
)

// workerPage is a page with a service worker. Its scripts and its stylesheet have no versions in their names.
const workerPage = `<!DOCTYPE html><html><head><base href="BASE"><title>worker</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="styles.css"></head><body><script src="app.js"></script><script src="late.js"></script>
<script>navigator.serviceWorker.register("WORKER");</script></body></html>`

// workerFiles are the files of a release. The page is the same in all releases: only what it refers to changes.
func workerFiles(base, worker, release string) map[string]string {
	return map[string]string{
		"index.html": strings.NewReplacer("BASE", base, "WORKER", worker).Replace(workerPage),
		"app.js":     fmt.Sprintf("globalThis.release = %q;", release),
		"late.js":    fmt.Sprintf("globalThis.late = %q;", release),
		"styles.css": fmt.Sprintf(":root { --release: %s }", release),
	}
}

// releases returns the releases of the two scripts and the stylesheet of a page.
func releases(t *testing.T, ctx context.Context) string {
	t.Helper()
	return script[string](t, ctx, `return [globalThis.release, globalThis.late, getComputedStyle(document.documentElement).getPropertyValue("--release").trim()].join()`)
}

// startWorkerSite serves the files at the root, or in a directory below it.
func startWorkerSite(t *testing.T, base, public string) *usher {
	t.Helper()
	if base != "/" {
		writeFiles(t, public, map[string]string{"index.html": "<!DOCTYPE html>root"})
	}
	return startUsherWith(t, fmt.Sprintf(`
	versioned_assets {
		serve / %s
		stamp html css js
		keep_directory %s
		settle 50ms 100ms
	}`, public, t.TempDir()))
}

// checkForUpdates asks Angular's service worker for the next release, as Angular's SwUpdate does, and waits for the answer. Without this
// message the worker looks five seconds after the last request, and thirty seconds after the first.
func checkForUpdates(t *testing.T, ctx context.Context) {
	t.Helper()
	script[bool](t, ctx, `
		const done = new Promise((resolve) => {
			navigator.serviceWorker.addEventListener("message", ({ data }) => { if (data.type === "OPERATION_COMPLETED" && data.nonce === 1) resolve(); });
			navigator.serviceWorker.startMessages();
		});
		navigator.serviceWorker.controller.postMessage({ action: "CHECK_FOR_UPDATES", nonce: 1 });
		await done;
		return true;`)
}

// updateWorker has the browser look for a new service worker and waits until the new one is active. After a navigation a browser looks
// one second later, and the next navigation restarts that second.
func updateWorker(t *testing.T, ctx context.Context) {
	t.Helper()
	script[bool](t, ctx, `
		const registration = await navigator.serviceWorker.ready;
		await registration.update();
		const worker = registration.installing ?? registration.waiting;
		if (worker) await new Promise((resolve) => {
			worker.addEventListener("statechange", () => { if (worker.state === "activated") resolve(); });
			if (worker.state === "activated") resolve();
		});
		return true;`)
}

// goOffline stops the site, and expects the page from the worker.
func goOffline(t *testing.T, ctx context.Context, site *usher, url, release string) {
	t.Helper()
	site.stop()
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url)); err != nil {
		t.Fatalf("offline: %v", err)
	}
	if got, want := releases(t, ctx), strings.Repeat(","+release, 3)[1:]; got != want {
		t.Errorf("offline the page runs %s, want %s", got, want)
	}
}

// Angular's service worker installs a release, stays in order, and installs the next one after a deploy.
func TestAngularServiceWorker(t *testing.T) {
	need(t, "chromium")
	packages := installPackages(t, "@angular/service-worker@20.3.32")
	library := filepath.Join(packages, "node_modules/@angular/service-worker")
	for _, base := range []string{"/", "/shop/"} {
		t.Run("base "+base, func(t *testing.T) {
			public := t.TempDir()
			deploy := func(release string) {
				t.Helper()
				dir := filepath.Join(public, base)
				files := workerFiles(base, "ngsw-worker.js", release)
				files["ngsw-worker.js"] = "@" + filepath.Join(library, "ngsw-worker.js")
				writeFiles(t, dir, files)
				config := filepath.Join(t.TempDir(), "ngsw-config.json")
				if err := os.WriteFile(config, []byte(`{"index":"/index.html","assetGroups":[{"name":"app","installMode":"prefetch",
					"resources":{"files":["/index.html","/*.css","/*.js","!/ngsw-worker.js"]}}]}`), 0o644); err != nil {
					t.Fatal(err)
				}
				// The program joins its working directory and its arguments.
				configArgument, err := filepath.Rel(packages, config)
				if err != nil {
					t.Fatal(err)
				}
				dirArgument, err := filepath.Rel(packages, dir)
				if err != nil {
					t.Fatal(err)
				}
				runNode(t, packages, filepath.Join(library, "ngsw-config.js"), dirArgument, configArgument, base)
			}
			deploy("1")
			u := startWorkerSite(t, base, public)
			ctx := browser(t)
			seen := observe(t, ctx)
			url := u.url + base
			state := func() string {
				return script[string](t, ctx, `return await (await fetch("ngsw/state")).text()`)
			}
			installed := func() bool {
				text := state()
				return strings.Contains(text, "Driver state: NORMAL") && !strings.Contains(text, "Latest manifest hash: none")
			}
			seen.visit(t, url)
			waitFor(t, "the worker controls the page", func() bool {
				seen.visit(t, url)
				return script[bool](t, ctx, `return !!navigator.serviceWorker.controller`)
			})
			waitFor(t, "the release installed", installed)
			if got := releases(t, ctx); got != "1,1,1" {
				t.Errorf("the page runs %s, want release 1 of all", got)
			}
			before := page(t, url+"ngsw.json")
			deploy("2")
			waitFor(t, "the deploy published", func() bool { return page(t, url+"ngsw.json") != before })
			seen.visit(t, url)
			checkForUpdates(t, ctx)
			seen.visit(t, url)
			if got := releases(t, ctx); got != "2,2,2" {
				t.Errorf("after the update the page runs %s, want release 2 of all", got)
			}
			if !installed() {
				t.Errorf("the state of the worker is:\n%s", state())
			}
			seen.expectOnce(t, "after the deploy")
			goOffline(t, ctx, u, url, "2")
		})
	}
}

// Workbox's service worker precaches a release, serves it offline, and precaches the next one after a deploy.
func TestWorkboxServiceWorker(t *testing.T) {
	need(t, "chromium")
	packages := installPackages(t, "workbox-build@7.4.1")
	writeFiles(t, packages, map[string]string{"build.cjs": `
const { generateSW } = require("workbox-build");
const [globDirectory, base] = process.argv.slice(2);
generateSW({ globDirectory, globPatterns: ["*.{html,css,js}"], swDest: globDirectory + "/sw.js", sourcemap: false, mode: "production",
  skipWaiting: true, clientsClaim: true, modifyURLPrefix: base === "/" ? {} : { "": base } }).catch((error) => { console.error(error); process.exit(1); });
`})
	for _, base := range []string{"/", "/shop/"} {
		t.Run("base "+base, func(t *testing.T) {
			public := t.TempDir()
			dir := filepath.Join(public, base)
			deploy := func(release string) {
				t.Helper()
				for _, pattern := range []string{"sw.js", "workbox-*.js"} {
					old, _ := filepath.Glob(filepath.Join(dir, pattern))
					for _, name := range old {
						_ = os.Remove(name)
					}
				}
				writeFiles(t, dir, workerFiles(base, "sw.js", release))
				runNode(t, packages, "build.cjs", dir, base)
			}
			deploy("1")
			u := startWorkerSite(t, base, public)
			ctx := browser(t)
			seen := observe(t, ctx)
			url := u.url + base
			waitFor(t, "the worker controls the page", func() bool {
				seen.visit(t, url)
				return script[bool](t, ctx, `return !!navigator.serviceWorker.controller`)
			})
			if got := releases(t, ctx); got != "1,1,1" {
				t.Errorf("the page runs %s, want release 1 of all", got)
			}
			before := page(t, url+"sw.js")
			deploy("2")
			waitFor(t, "the deploy published", func() bool { return statusOf(t, url+"sw.js") == http.StatusOK && page(t, url+"sw.js") != before })
			seen.visit(t, url)
			updateWorker(t, ctx)
			seen.visit(t, url)
			if got := releases(t, ctx); got != "2,2,2" {
				t.Errorf("after the update the page runs %s, want release 2 of all", got)
			}
			seen.expectOnce(t, "after the deploy")
			goOffline(t, ctx, u, url, "2")
		})
	}
}
