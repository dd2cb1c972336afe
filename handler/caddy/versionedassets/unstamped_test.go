package versionedassets_test

import (
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// References by which scripts find files keep their URLs, in pages and in stylesheets.
func TestUnstamped(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"main.js": "1", "jquery-3.7.1.min.js": "2", "live-dashboard.js": "3", // names without a hash
		"index-DdCDtH1A.css": "4", "app.0123456789ab.js": "5", "chunk-VKOUCIKH.js": "6", // names with an unproved hash
		"index-BSIylbRd.css": "8", "main.27203f26.js": "9", "4.1449771d.chunk.js": "10", "theme-settings.js": "11", "report-20260211.js": "12",
		"leaflet/leaflet.css": "a { background: url(images/marker-icon.png) }", "leaflet/images/marker-icon.png": "icon",
		"site.css": "@import 'leaflet/leaflet.css'; b { background: url(leaflet/images/marker-icon.png) url(logo.png) }", "logo.png": "logo",
		"shop/ngsw.json":   `{"configVersion":1,"hashTable":{"/index.html":"0","/favicon.ico":"0"}}`,
		"shop/index.html":  `<link rel="icon" href="favicon.ico"><script src="../main.js"></script>`,
		"shop/favicon.ico": "icon", "shop/late.js": "7",
	}
	site, app, _ := stampedSite(t, files, "stamp html css integrity\nunstamped /static/leaflet/* /print/*")
	for path, stamped := range map[string]bool{
		"main.js": true, "jquery-3.7.1.min.js": true, "live-dashboard.js": true, "shop/late.js": true,
		"index-DdCDtH1A.css": false, "app.0123456789ab.js": false, "chunk-VKOUCIKH.js": false,
		"index-BSIylbRd.css": false, "main.27203f26.js": false, "4.1449771d.chunk.js": false, "theme-settings.js": true, "report-20260211.js": true,
		"leaflet/leaflet.css": false, "shop/favicon.ico": false,
	} {
		page := `<script src="/static/` + path + `"></script>`
		app.answers(page)
		if _, body := testsite.Fetch(t, site, "GET", "/"); strings.Contains(body, "?v=") != stamped || !stamped && body != page {
			t.Errorf("%s becomes %s, want stamped: %v", path, body, stamped)
		}
	}
	app.answers(incident)
	if _, body := testsite.Fetch(t, site, "GET", "/print/5"); body != incident {
		t.Errorf("a page that is unstamped becomes %s", body)
	}
	if _, body := testsite.Fetch(t, site, "GET", "/static/leaflet/leaflet.css"); body != files["leaflet/leaflet.css"] {
		t.Errorf("an unstamped stylesheet is served as %s", body)
	}
	app.answers(`<link rel=stylesheet href="/static/site.css">`)
	_, page := testsite.Fetch(t, site, "GET", "/")
	_, after, _ := strings.Cut(page, `href="`)
	href, _, _ := strings.Cut(after, `"`)
	want := "@import 'leaflet/leaflet.css'; b { background: url(leaflet/images/marker-icon.png) url(logo.png?v=" + testsite.Version("logo") + ") }"
	if _, body := testsite.Fetch(t, site, "GET", href); body != want {
		t.Errorf("%s is %s, want %s", href, body, want)
	}
	if _, body := testsite.Fetch(t, site, "GET", "/static/shop/index.html?ngsw-cache-bust=0.5"); body != files["shop/index.html"] {
		t.Errorf("a page of the hash table is served as %s, want the bytes that were hashed", body)
	}
}
