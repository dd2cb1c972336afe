package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

const leafletPage = `<!DOCTYPE html><title>map</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/leaflet/leaflet.css">
<script src="/static/leaflet/leaflet.js"></script>
<div id="map" style="height: 300px"></div>
<script src="/static/map.js"></script>`

// Leaflet finds its marker by the end of a URL in its stylesheet. With unstamped it finds the marker before and after a deploy.
func TestLeaflet(t *testing.T) {
	need(t, "chromium")
	packages := installPackages(t, "leaflet@1.9.4")
	static, site := t.TempDir(), t.TempDir()
	writeFiles(t, site, map[string]string{"index.html": leafletPage})
	if err := os.CopyFS(filepath.Join(static, "leaflet"), os.DirFS(filepath.Join(packages, "node_modules/leaflet/dist"))); err != nil {
		t.Fatal(err)
	}
	deploy := func(release string) {
		t.Helper()
		writeFiles(t, static, map[string]string{"map.js": fmt.Sprintf("L.marker([48, 16]).addTo(L.map('map').setView([48, 16], 12)); globalThis.release = %q;", release)})
	}
	deploy("1")
	url := startUsherWith(t, fmt.Sprintf(`
	versioned_assets {
		serve /static/ %s
		stamp html css js
		unstamped /static/leaflet/*
		keep_directory %s
		settle 50ms 100ms
	}
	root * %s
	file_server`, static, t.TempDir(), site)).url
	ctx := browser(t)
	seen := observe(t, ctx)
	for _, release := range []string{"1", "2"} {
		if release == "2" {
			before := page(t, url)
			deploy(release)
			waitFor(t, "the deploy published", func() bool { return page(t, url) != before })
		}
		seen.visit(t, url)
		got := script[string](t, ctx, `
			const marker = document.querySelector(".leaflet-marker-icon");
			await marker.decode();
			return [globalThis.release, marker.naturalWidth, new URL(marker.src).pathname].join()`)
		if want := release + ",25,/static/leaflet/images/marker-icon.png"; got != want {
			t.Errorf("release, width and URL of the marker are %s, want %s", got, want)
		}
		seen.expectOnce(t, "release "+release)
	}
}
