package versionedassets_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/internal/testsite"
)

// A reload keeps a tree whose settings are unchanged. Each site and prefix has its own tree and archive.
func TestReloadKeepsTrees(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"main.js": "alert(1)"})
	keep := "keep_directory " + t.TempDir()
	provision := func(prefix, words string) *testsite.Site {
		t.Helper()
		site, err := testsite.Provision(t, fmt.Sprintf("http://localhost\nversioned_assets {\nserve %s %s\n%s\n%s\n}", prefix, root, keep, words))
		if err != nil {
			t.Fatal(err)
		}
		return site
	}
	first, second := provision("/static/", ""), provision("/media/", "explain")
	tree := versionedassets.TreesOf(first.Server)[0]
	if versionedassets.TreesOf(second.Server)[0] == tree {
		t.Error("another prefix shares the tree, and with it the archive")
	}
	if versionedassets.TreesOf(provision("/static/", "explain").Server)[0] != tree {
		t.Error("a reload without changes creates another tree")
	}
	for _, words := range []string{"memory 1MiB", "keep off", "immutable *.woff2"} {
		if versionedassets.TreesOf(provision("/static/", words).Server)[0] == tree {
			t.Errorf("a reload with %s has no effect on the tree", words)
		}
	}
	if versionedassets.TreesOf(provision("/static/", "poll 1s").Server)[0] == tree {
		t.Error("another way of following shares the tree")
	}
	if versionedassets.TreesOf(provision("/static/", "stamp css").Server)[0] == tree {
		t.Error("rewritten files share the tree")
	}
	reloaded := provision("/static/", "")
	first.Unload()
	second.Unload()
	if versionedassets.TreesOf(reloaded.Server)[0] != tree {
		t.Error("a reload resets the history")
	}
}

func TestAssetsExplain(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"main.js": "alert(1)"})
	site := testsite.StartAssets(t, root, "explain")
	for path, want := range map[string]string{
		"/static/main.js?v=20260211":                        `usher; hit; key="main.js"; generation="`,
		"/static/main.js?v=" + testsite.Version("alert(1)"): `evidence="digest"; detail="the version is the file's stamp"`,
		"/static/.env":    `detail="no served file has such a path`,
		"/static/gone.js": `detail="there is no such file"`,
		"/static/main.js?v=" + testsite.Version("other content"): `detail="nothing proves that the URL names these bytes"`,
	} {
		response, _ := testsite.Fetch(t, site, "GET", path)
		if field := response.Header.Get("Cache-Status"); !strings.Contains(field, want) {
			t.Errorf("%s: %s, want %s", path, field, want)
		}
	}
	if response, _ := testsite.Fetch(t, site, "GET", "/other"); response.Header.Get("Cache-Status") != "" {
		t.Error("the application's response is explained")
	}
	if response, _ := testsite.Fetch(t, testsite.StartAssets(t, root, ""), "GET", "/static/main.js"); response.Header.Get("Cache-Status") != "" {
		t.Error("explained without the word")
	}
}

func TestAssetsManifestOutside(t *testing.T) {
	t.Parallel()
	build := testsite.WriteTree(t, map[string]string{"stats.json": `{"status":"done","chunks":{},"assets":{"app-0828904584990b611fb8.js":{}}}`})
	root := testsite.WriteTree(t, map[string]string{"app-0828904584990b611fb8.js": "app"})
	site := testsite.StartAssets(t, root, "manifest "+filepath.Join(build, "stats.json"))
	cache := func() string {
		response, _ := testsite.Fetch(t, site, "GET", "/static/app-0828904584990b611fb8.js")
		return response.Header.Get("Cache-Control")
	}
	testsite.Eventually(t, "the manifest vouches for a quiet file", func() bool { return cache() == yearLong })
	testsite.WriteFile(t, build, "stats.json", `{"status":"compile","chunks":{}}`)
	testsite.Eventually(t, "the manifest followed", func() bool { return cache() == revalidate })
}

func TestAssetsPoll(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"main.js": "old"})
	site := testsite.StartAssets(t, root, "poll 100ms")
	before, err := os.Stat(filepath.Join(root, "main.js"))
	if err != nil {
		t.Fatal(err)
	}
	if _, body := testsite.Fetch(t, site, "GET", "/static/main.js"); body != "old" {
		t.Fatalf("main.js is %q", body)
	}
	testsite.WriteFile(t, root, "main.js", "new")
	if err := os.Chtimes(filepath.Join(root, "main.js"), time.Time{}, before.ModTime()); err != nil {
		t.Fatal(err)
	}
	testsite.Eventually(t, "the new bytes, of the same size and date", func() bool {
		_, body := testsite.Fetch(t, site, "GET", "/static/main.js")
		return body == "new"
	})
	if lines := site.Logs.With("file system events unreliable; polling instead"); len(lines) > 0 {
		t.Errorf("a line repeats what the configuration says: %v", lines)
	}
}
