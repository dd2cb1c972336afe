package versionedassets_test

import (
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

func TestAssetsFallback(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"app/index.html": "<p>app"})
	site := testsite.StartAssets(t, root, "fallback /static/app/index.html")
	for _, c := range []struct {
		name    string
		headers []string
		want    int
	}{
		{"navigation", []string{"Sec-Fetch-Dest", "document"}, 200},
		{"older browser", []string{"Accept", "text/html,*/*"}, 200},
		{"script", []string{"Sec-Fetch-Dest", "script", "Accept", "*/*"}, 404},
		{"anything", []string{"Accept", "*/*"}, 404},
	} {
		response, _ := testsite.Fetch(t, site, "GET", "/static/orders/17", c.headers...)
		if response.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", c.name, response.StatusCode, c.want)
		}
	}
}

// A missing fallback is logged once.
func TestAssetsFallbackThatIsMissing(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"index.html": "<p>"})
	for fallback, want := range map[string]int{"/static/indx.html": 1, "/static/index.html": 0} {
		site := testsite.StartAssets(t, root, "fallback "+fallback)
		testsite.Fetch(t, site, "GET", "/static/index.html")
		warnings := func() int { return len(site.Logs.With("fallback page missing; navigations get 404")) }
		if want > 0 {
			testsite.Eventually(t, "the warning of "+fallback, func() bool { return warnings() > 0 })
		}
		if got := warnings(); got != want {
			t.Errorf("%s: logged %d times, want %d", fallback, got, want)
		}
	}
}
