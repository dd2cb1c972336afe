package admin_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/operate/report"
	"github.com/scan2food/usher/internal/testsite"
)

func TestStaleVersionsAndUnversionedChildrenAreListed(t *testing.T) {
	files := map[string]string{"main.js": "release 1", "worker.js": "work()"}
	for i := range 25 {
		files[fmt.Sprintf("starts%02d.js", i)] = `new Worker("/static/worker.js")`
	}
	root := testsite.WriteTree(t, files)
	site := testsite.Start(t, fmt.Sprintf(`
		http://127.0.0.1
		websocket_gate {
			route chat /ws/chat/ {
				key %s chat-2026
			}
		}
		versioned_assets {
			serve /static/ %s
			settle 50ms 100ms
			keep_directory %s
			stamp html
		}
		respond "page"
	`, chatKey, root, t.TempDir()))
	assets := func() report.Assets { return ask[[]report.Assets](t, "GET", "assets", "")[0] }
	testsite.Eventually(t, "the directory is read", func() bool { return assets().Ready })
	a := assets()
	if len(a.Unversioned) != 20 || a.UnversionedTotal != 25 || len(a.Stale) != 0 || a.StaleTotal != 0 {
		t.Errorf("%d of %d unversioned children, %d stale versions, want 20 of 25 and none", len(a.Unversioned), a.UnversionedTotal, a.StaleTotal)
	}
	if child := a.Unversioned[0]; child.Script != "/static/starts00.js" || child.Asset != "/static/worker.js" || child.How != "starts" {
		t.Errorf("the first child is %+v", child)
	}

	// A client chose a key as the version. The key is not listed.
	stale := "/static/main.js?v=" + url.QueryEscape(chatKey)
	visit := func(path string) {
		testsite.Fetch(t, site, http.MethodGet, path, "Referer", site.URL+"/live/"+chatKey+"?secret=hunter2")
	}
	for range 3 {
		visit(stale)
	}
	testsite.WriteFile(t, root, "main.js", "release 2")
	testsite.Eventually(t, "the stale version", func() bool { visit(stale); return assets().StaleTotal == 1 })
	found := assets().Stale[0]
	if !strings.HasPrefix(found.URL, "/static/main.js?v=") || !strings.HasPrefix(found.Page, "/live/") || found.Since.IsZero() {
		t.Errorf("the stale version is %+v", found)
	}
	for _, uri := range []string{"assets", "status"} {
		if _, answer := call(t, "GET", uri, ""); strings.Contains(answer, chatKey) || strings.Contains(answer, "hunter2") || !strings.Contains(answer, "/live/REDACTED") {
			t.Errorf("%s: %s", uri, answer)
		}
	}

	// The next content ends the stale version.
	testsite.WriteFile(t, root, "main.js", "release 3")
	testsite.Eventually(t, "the next content", func() bool { return assets().StaleTotal == 0 })
}
