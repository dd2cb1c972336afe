package versionedassets_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// `caddy validate` reads and writes no file.
func TestAssetsAreNotReadBeforeTheStart(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"main.js": "alert(1)"})
	kept := filepath.Join(t.TempDir(), "kept")
	config := fmt.Sprintf("http://localhost\nversioned_assets {\nserve /static/ %s\nkeep_directory %s\n}", root, kept)
	site, err := testsite.Provision(t, config)
	if err != nil {
		t.Fatal(err)
	}
	other := testsite.Start(t, fmt.Sprintf("http://localhost\nversioned_assets {\nserve /static/ %s\nkeep_directory %s\n}", root, t.TempDir()))
	testsite.Eventually(t, "a site that was started later is read", func() bool { return len(other.Logs.With("published assets")) == 1 })
	if lines := site.Logs.With("published assets"); len(lines) > 0 {
		t.Errorf("read during validation: %v", lines)
	}
	site.Unload()
	if _, err := os.Stat(kept); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("validation created a directory: %v", err)
	}
	if site, err = testsite.Provision(t, config); err != nil {
		t.Fatal(err)
	}
	site.Started()
	testsite.Eventually(t, "read after the start", func() bool { return len(site.Logs.With("published assets")) == 1 })
	if line := site.Logs.With("published assets")[0]; line["site"] != "localhost" || line["prefix"] != "/static/" {
		t.Errorf("%v, want a line that names the site and the prefix", line)
	}
}

func TestAssetsRootMustBeADirectory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(testsite.WriteTree(t, map[string]string{"file": "x"}), "file")
	_, err := testsite.Provision(t, "http://localhost\nversioned_assets {\n\tserve /static/ "+file+"\n}")
	if err == nil || !strings.Contains(err.Error(), "serve /static/") || !strings.Contains(err.Error(), "Caddyfile:3") {
		t.Errorf("provisioning = %v, want an error that names the word, file and line", err)
	}
}

// A directory that does not exist stops neither the site nor its other directories.
func TestAssetsRootThatDoesNotExist(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"a.txt": "a"})
	missing := filepath.Join(t.TempDir(), "nowhere")
	site := testsite.Start(t, fmt.Sprintf(`
		http://127.0.0.1
		versioned_assets {
			serve /static/ %s
			serve /media/ %s
			settle 50ms
			keep off
		}
	`, root, missing))
	if response, body := testsite.Fetch(t, site, "GET", "/static/a.txt"); response.StatusCode != 200 || body != "a" {
		t.Errorf("the other directory: %d %q", response.StatusCode, body)
	}
	if response, _ := testsite.Fetch(t, site, "GET", "/media/b.txt"); response.StatusCode != 404 {
		t.Errorf("the missing directory: %d, want 404", response.StatusCode)
	}
	if err := os.Mkdir(missing, 0o755); err != nil {
		t.Fatal(err)
	}
	testsite.WriteFile(t, missing, "b.txt", "b")
	testsite.Eventually(t, "served", func() bool {
		_, body := testsite.Fetch(t, site, "GET", "/media/b.txt")
		return body == "b"
	})
}

// With `serve /` and `pass_thru`, the application responds to paths without a file, and its pages are stamped.
func TestAssetsPassThru(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"robots.txt": "robots", "assets/app.js": "one"})
	site := testsite.Start(t, fmt.Sprintf(`
		http://127.0.0.1
		versioned_assets {
			serve / %s
			pass_thru
			stamp html
			settle 50ms 50ms
			keep_directory %s
		}
		header Content-Type text/html
		respond "<script src=/assets/app.js></script>{method}" 200
	`, root, t.TempDir()))
	const app = "/assets/app.js"
	version := testsite.Version("one")
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/robots.txt", "robots"},
		{"GET", "/orders", "<script src=" + app + "?v=" + version + "></script>"},
		{"POST", "/orders", "<script src=" + app + "?v=" + version + "></script>"},
	} {
		if response, body := testsite.Fetch(t, site, c.method, c.path); response.StatusCode != 200 || !strings.HasPrefix(body, c.want) {
			t.Errorf("%s %s: %d %q, want %q", c.method, c.path, response.StatusCode, body, c.want)
		}
	}
	testsite.WriteFile(t, root, "assets/app-2.js", "two")
	if err := os.Remove(filepath.Join(root, "assets", "app.js")); err != nil {
		t.Fatal(err)
	}
	testsite.Eventually(t, "the next generation", func() bool {
		_, body := testsite.Fetch(t, site, "GET", "/orders")
		return !strings.Contains(body, version)
	})
	if _, body := testsite.Fetch(t, site, "GET", app+"?v="+version); body != "one" {
		t.Errorf("a file of an open page: %q, want the archived file", body)
	}
}
