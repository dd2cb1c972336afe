package versionedassets_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/scan2food/usher/internal/testsite"
)

func archivedSite(t *testing.T, root, kept, words string) *testsite.Site {
	t.Helper()
	return testsite.Start(t, fmt.Sprintf(
		"http://127.0.0.1\nversioned_assets {\nserve /static/ %s\nsettle 50ms 100ms\nkeep_directory %s\n%s\n}\nrespond \"the application\" 200", root, kept, words))
}

// Each release has a directory of its own. The archive belongs to the site and prefix.
func TestArchiveOfReleases(t *testing.T) {
	t.Parallel()
	kept := t.TempDir()
	first := testsite.WriteTree(t, map[string]string{"main.js": "first"})
	site := archivedSite(t, first, kept, "")
	url := "/static/main.js?v=" + testsite.Version("first")
	testsite.Eventually(t, "the first release archived", func() bool {
		testsite.Fetch(t, site, "GET", url)
		entries, _ := filepath.Glob(filepath.Join(kept, "*", "entries", "*"))
		return len(entries) > 0
	})
	next := archivedSite(t, testsite.WriteTree(t, map[string]string{"main.js": "second"}), kept, "")
	site.Unload()
	if response, body := testsite.Fetch(t, next, "GET", url); body != "first" || response.Header.Get("Cache-Control") != yearLong {
		t.Errorf("%q with %q, want the first release", body, response.Header.Get("Cache-Control"))
	}
	directories, err := os.ReadDir(kept)
	if err != nil || len(directories) != 1 {
		t.Fatalf("%d archives, want one (%v)", len(directories), err)
	}
	if name := directories[0].Name(); !regexp.MustCompile(`^127\.0\.0\.1.*-static-[0-9a-f]{8}$`).MatchString(name) {
		t.Errorf("the archive is named %q, want a name with the site and prefix", name)
	}
}

// Two roots with the same site and prefix are kept apart.
func TestRootsBehindMatchersHaveTheirOwnArchives(t *testing.T) {
	t.Parallel()
	kept := t.TempDir()
	a := testsite.WriteTree(t, map[string]string{"main.js": "a"})
	b := testsite.WriteTree(t, map[string]string{"main.js": "b"})
	site := testsite.Start(t, fmt.Sprintf("http://127.0.0.1\n@b header X-Site b\nhandle @b {\nversioned_assets {\nserve /static/ %s\nkeep_directory %s\n}\n}\n"+
		"handle {\nversioned_assets {\nserve /static/ %s\nkeep_directory %s\n}\n}", b, kept, a, kept))
	testsite.Fetch(t, site, "GET", "/static/main.js")
	testsite.Fetch(t, site, "GET", "/static/main.js", "X-Site", "b")
	testsite.Eventually(t, "two archives", func() bool {
		directories, _ := os.ReadDir(kept)
		return len(directories) == 2
	})
}

func TestReloadWithAnotherKeepDirectory(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"main.js": "first"})
	before, after := t.TempDir(), t.TempDir()
	site := archivedSite(t, root, before, "")
	testsite.Fetch(t, site, "GET", "/static/main.js")
	next := archivedSite(t, root, after, "")
	site.Unload()
	testsite.Fetch(t, next, "GET", "/static/main.js")
	testsite.Eventually(t, "the archive in the new directory", func() bool {
		entries, _ := filepath.Glob(filepath.Join(after, "*", "entries", "*"))
		return len(entries) > 0
	})
}

// Trees that survive a reload log by the new configuration.
func TestReloadWithAnotherLog(t *testing.T) {
	t.Parallel()
	root, kept := testsite.WriteTree(t, map[string]string{"main.js": "first"}), t.TempDir()
	site := archivedSite(t, root, kept, "")
	testsite.Fetch(t, site, "GET", "/static/main.js")
	next := archivedSite(t, root, kept, "")
	site.Unload()
	published := len(site.Logs.With("published assets"))
	testsite.WriteFile(t, root, "main.js", "second")
	testsite.Eventually(t, "a line in the new log", func() bool {
		testsite.Fetch(t, next, "GET", "/static/main.js")
		return len(next.Logs.With("published assets")) > 0
	})
	if got := len(site.Logs.With("published assets")); got != published {
		t.Errorf("%d lines in the old log, want %d", got, published)
	}
	line := next.Logs.With("published assets")[0]
	if line["logger"] != "http.handlers.versioned_assets" || line["root"] == "" {
		t.Errorf("the line is %v", line)
	}
}

// The archive of a removed site is deleted after keep. Its immutable URLs stay recorded, since browsers may hold them.
func TestArchivesOfGoneSitesAreRemoved(t *testing.T) {
	t.Parallel()
	root, kept := testsite.WriteTree(t, map[string]string{"main.js": "first"}), t.TempDir()
	gone, other := filepath.Join(kept, "gone.example-static-0123abcd"), filepath.Join(kept, "backup")
	for _, directory := range []string{gone, other} {
		for _, name := range []string{"entries/a", "blobs/b", "compressed/blobs/c", "promises"} {
			testsite.WriteFile(t, directory, name, "x")
		}
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(directory, old, old); err != nil {
			t.Fatal(err)
		}
	}
	site := archivedSite(t, root, kept, "keep 30m")
	testsite.Fetch(t, site, "GET", "/static/main.js")
	testsite.Eventually(t, "the archive removed", func() bool {
		_, err := os.Stat(filepath.Join(gone, "entries"))
		return os.IsNotExist(err) && len(site.Logs.With("removed archives of sites that are gone")) > 0
	})
	for _, path := range []string{filepath.Join(gone, "promises"), filepath.Join(other, "entries", "a")} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s was removed", path)
		}
	}
	testsite.Eventually(t, "the archive of this site", func() bool {
		entries, _ := filepath.Glob(filepath.Join(kept, "127*", "entries", "*"))
		return len(entries) > 0
	})
}
