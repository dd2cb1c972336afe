package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/scan2food/usher/internal/testsite"
)

// collector is a Django project with static files only.
type collector struct{ dir, sources, static, site string }

const collectorSettings = `
import os
import django
BASE = os.path.dirname(__file__)
SECRET_KEY = "of no use"
INSTALLED_APPS = ["django.contrib.staticfiles"]
STATIC_URL = "/static/"
STATIC_ROOT = os.path.join(BASE, "static")
STATICFILES_DIRS = [os.path.join(BASE, "sources")]
STORAGE = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
if django.VERSION < (4, 2):
    STATICFILES_STORAGE = STORAGE
else:
    STORAGES = {"staticfiles": {"BACKEND": STORAGE}}
`

func newCollector(t *testing.T) *collector {
	t.Helper()
	dir := t.TempDir()
	c := &collector{dir, filepath.Join(dir, "sources"), filepath.Join(dir, "static"), filepath.Join(dir, "site")}
	for _, directory := range []string{c.sources, c.site} {
		if err := os.Mkdir(directory, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c.write(t, filepath.Join(dir, "settings.py"), collectorSettings)
	return c
}

func (c *collector) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// deploy replaces the collected static files, and the page that contains their URLs. It returns the name of the chunk.
func (c *collector) deploy(t *testing.T, release string) (chunk string) {
	t.Helper()
	c.write(t, filepath.Join(c.sources, "chunk.js"), fmt.Sprintf("export const release = %q;", release))
	c.write(t, filepath.Join(c.sources, "late.js"), fmt.Sprintf("globalThis.lateRelease = %q;", release))
	if err := os.RemoveAll(c.static); err != nil {
		t.Fatal(err)
	}
	collect := exec.Command(python, "-m", "django", "collectstatic", "--noinput", "--verbosity", "0")
	collect.Dir, collect.Env = c.dir, append(os.Environ(), "DJANGO_SETTINGS_MODULE=settings", "PYTHONPATH="+c.dir, "PYTHONDONTWRITEBYTECODE=1")
	if out, err := collect.CombinedOutput(); err != nil {
		t.Fatalf("collectstatic: %v\n%s", err, out)
	}
	content, err := os.ReadFile(filepath.Join(c.static, "staticfiles.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct{ Paths map[string]string }
	if err := json.Unmarshal(content, &manifest); err != nil {
		t.Fatal(err)
	}
	chunk = manifest.Paths["chunk.js"]
	c.write(t, filepath.Join(c.site, "index.html"), fmt.Sprintf(`<!DOCTYPE html><title>%s</title>
<script>globalThis.importChunk = () => import("/static/%s");</script>
<template id="late"><script src="/static/late.js"></script></template>`, release, chunk))
	return chunk
}

// TestOldPageGetsItsChunk deploys while a page is open. When the page then requests files that were deleted from the disk, it
// gets the files of its own release, by hashed name and by version.
func TestOldPageGetsItsChunk(t *testing.T) {
	need(t, "chromium")
	c := newCollector(t)
	chunk := c.deploy(t, "release 1")
	port, kept := testsite.FreePort(t), t.TempDir()
	start := func() *usher {
		return startUsherAt(t, port, fmt.Sprintf(`
	versioned_assets {
		serve /static/ %s
		stamp html
		keep_directory %s
		settle 200ms 1s
	}
	root * %s
	file_server`, c.static, kept, c.site))
	}
	caddy := start()
	url := caddy.url
	ctx := browser(t)
	titleOf := func() string { return script[string](t, ctx, `return document.title`) }
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	stamped := script[string](t, ctx, `return document.getElementById("late").content.querySelector("script").src`)
	if !strings.Contains(stamped, "late.js?v=") {
		t.Fatalf("the page refers to %s", stamped)
	}
	for _, release := range []string{"release 2", "release 3"} {
		if release == "release 3" { // the server is not running during this deployment
			caddy.stop()
		}
		next := c.deploy(t, release)
		if next == chunk {
			t.Fatalf("two releases have %s", chunk)
		}
		if release == "release 3" {
			start()
		}
		waitFor(t, "the deploy is seen", func() bool { return statusOf(t, url+"/static/"+next) == http.StatusOK })
	}
	if _, err := os.Stat(filepath.Join(c.static, chunk)); !os.IsNotExist(err) {
		t.Fatalf("%s is still on the disk: %v", chunk, err)
	}
	if title := titleOf(); title != "release 1" {
		t.Fatalf("the open page is that of %s", title)
	}
	got := script[[]string](t, ctx, `
		const { release } = await importChunk();
		const late = document.createElement("script");
		late.src = document.getElementById("late").content.querySelector("script").src;
		await new Promise((done, fail) => { late.onload = done; late.onerror = fail; document.head.append(late); });
		return [release, lateRelease];`)
	if len(got) != 2 || got[0] != "release 1" || got[1] != "release 1" {
		t.Errorf("the open page got %q, want its own release", got)
	}
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	if got := script[string](t, ctx, `return (await importChunk()).release`); got != "release 3" {
		t.Errorf("the next visit got %q", got)
	}
	response, err := http.Get(url + "/static/chunk.0123456789ab.js")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusNotFound || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("a file that was never deployed: %d with %q", response.StatusCode, response.Header.Get("Cache-Control"))
	}
}

func statusOf(t *testing.T, url string) int {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}
