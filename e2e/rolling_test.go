//go:build unix

package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

const rollingPage = `<!DOCTYPE html><title>rolling</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/styles.css">
<script src="/static/main.js"></script>
<script type="module" src="/static/module.js"></script>
<script>globalThis.work = new Promise((done) => { globalThis.worked = done; });</script>`

// rollingReference matches a reference of the page to a static file.
var rollingReference = regexp.MustCompile(`/static/([a-z]+\.(?:js|css))(?:\?v=([0-9a-f]+))?`)

// Two servers behind one address share nothing, and are deployed one after the other. No response is immutable under the version of
// other bytes, each page gets all files, and after the deploy the browser runs the new release.
func TestRollingDeployWithoutSharedStorage(t *testing.T) {
	need(t, "haproxy", "chromium")
	var machines [2]*node
	var dirs [2]string
	deploy := func(machine int, release string) {
		t.Helper()
		writeFiles(t, filepath.Join(dirs[machine], "static"), map[string]string{
			"main.js": fmt.Sprintf(`globalThis.main = %q; const worker = new Worker("/static/worker.js");
worker.onmessage = ({ data }) => worked(data);`, release),
			"worker.js":  fmt.Sprintf("postMessage(%q);", release),
			"module.js":  fmt.Sprintf("globalThis.module = %q;", release),
			"styles.css": fmt.Sprintf(":root { --release: %s }", release),
		})
	}
	for i := range machines {
		dirs[i] = t.TempDir()
		deploy(i, "1")
		writeFiles(t, dirs[i], map[string]string{"site/index.html": rollingPage})
		machines[i] = &node{port: testsite.FreePort(t)}
		startUsherAt(t, machines[i].port, fmt.Sprintf(`
	versioned_assets {
		serve /static/ %s
		stamp html css js
		keep_directory %s
		settle 50ms 100ms
	}
	root * %s
	file_server`, filepath.Join(dirs[i], "static"), filepath.Join(dirs[i], "kept"), filepath.Join(dirs[i], "site")))
	}
	url := startHAProxy(t, machines[0], machines[1])
	direct := func(machine int) string { return fmt.Sprintf("http://localhost:%d", machines[machine].port) }

	// expectTrue requests all that a page refers to, four times: the servers take turns.
	expectTrue := func(when string) {
		t.Helper()
		for range 4 {
			for _, match := range rollingReference.FindAllStringSubmatch(page(t, url), -1) {
				response, err := http.Get(url + match[0])
				if err != nil {
					t.Fatal(err)
				}
				content, err := io.ReadAll(response.Body)
				_ = response.Body.Close()
				if err != nil || response.StatusCode != http.StatusOK {
					t.Fatalf("%s: %s: %s, %v", when, match[0], response.Status, err)
				}
				sum := sha256.Sum256(content)
				isTrue := match[2] != "" && hex.EncodeToString(sum[:])[:len(match[2])] == match[2]
				isImmutable := response.Header.Get("Cache-Control") == "public, max-age=31536000, immutable"
				if isImmutable != isTrue {
					t.Errorf("%s: %s is %q, and its version is that of the bytes: %v", when, match[0], response.Header.Get("Cache-Control"), isTrue)
				}
			}
		}
	}
	ctx := browser(t)
	seen := observe(t, ctx)
	visit := func(when string) string {
		t.Helper()
		seen.visit(t, url)
		got := script[string](t, ctx, `
			const worker = await work;
			return [globalThis.main, worker, globalThis.module, getComputedStyle(document.documentElement).getPropertyValue("--release").trim()].join()`)
		seen.expectOnce(t, when)
		return got
	}
	if got := visit("before the deploy"); got != "1,1,1,1" {
		t.Errorf("before the deploy the browser runs %s", got)
	}
	for i := range machines {
		before := page(t, direct(i))
		deploy(i, "2")
		waitFor(t, "the machine has the deploy", func() bool { return page(t, direct(i)) != before })
		expectTrue(fmt.Sprintf("after %d of 2 machines", i+1))
		if i == 0 {
			for range 4 {
				t.Logf("between the machines the browser runs %s", visit("between the machines"))
			}
		}
	}
	for range 4 {
		if got := visit("after the deploy"); got != "2,2,2,2" {
			t.Errorf("after the deploy the browser runs %s, want release 2 of all", got)
		}
	}
}
