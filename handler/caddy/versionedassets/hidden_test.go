package versionedassets_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// A file that becomes hidden is removed from the site, the archive and the compressed files, also if it is deleted from the
// directory meanwhile.
func TestHiddenFilesAreNotKept(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("a secret that everybody could read\n", 100)
	root := testsite.WriteTree(t, map[string]string{"dump.sql.txt": secret, "main.js": "main " + strings.Repeat("x", 1000)})
	directory := t.TempDir()
	keep := "keep_directory " + directory
	stored := func() (entries, contents int) {
		_ = filepath.WalkDir(directory, func(path string, file os.DirEntry, err error) error {
			if err != nil || file.IsDir() {
				return err
			}
			content, _ := os.ReadFile(path)
			if strings.Contains(string(content), "dump.sql") {
				entries++
			}
			if string(content) == secret {
				contents++
			}
			return nil
		})
		return entries, contents
	}
	blobs := func() int {
		files, _ := filepath.Glob(filepath.Join(directory, "*", "compressed", "blobs", "*"))
		return len(files)
	}
	site := keptSite(t, root, keep)
	versioned := "/static/dump.sql.txt?v=" + testsite.Version(secret)
	testsite.Fetch(t, site, "GET", versioned)
	testsite.Eventually(t, "the file in the archive", func() bool { entries, contents := stored(); return entries > 0 && contents > 0 })
	testsite.Eventually(t, "both files compressed in three codings", func() bool { return blobs() == 6 })
	site.Unload()

	site = keptSite(t, root, keep+"\nhide *.sql.txt")
	testsite.Eventually(t, "the file gone from the archive", func() bool { entries, contents := stored(); return entries == 0 && contents == 0 })
	testsite.Eventually(t, "only the compressed files of main.js", func() bool { return blobs() == 3 })
	if response, _ := testsite.Fetch(t, site, "GET", versioned); response.StatusCode != 404 {
		t.Errorf("the hidden file: %d, want 404", response.StatusCode)
	}
	if err := os.Remove(filepath.Join(root, "dump.sql.txt")); err != nil {
		t.Fatal(err)
	}
	testsite.WriteFile(t, root, "main.js", "next")
	testsite.Eventually(t, "the next generation", func() bool { _, body := testsite.Fetch(t, site, "GET", "/static/main.js"); return body == "next" })
	site.Unload()

	site = keptSite(t, root, keep)
	for _, path := range []string{versioned, "/static/dump.sql.txt"} {
		if response, _ := testsite.Fetch(t, site, "GET", path); response.StatusCode != 404 {
			t.Errorf("%s, not hidden any more: %d, want 404", path, response.StatusCode)
		}
	}
	if entries, contents := stored(); entries != 0 || contents != 0 {
		t.Errorf("the archive holds %d entries and %d contents of the deleted file", entries, contents)
	}
}

// A version would publish a part of the hash of a hidden file, and an integrity attribute the whole.
func TestReferencesToHiddenFilesAreNotStamped(t *testing.T) {
	t.Parallel()
	const hidden = "secret"
	hashed := "secret/main." + testsite.Version(hidden) + ".js"
	files := map[string]string{
		"secret/x.js": hidden, hashed: hidden, "secret/x.css": "a { background: url(../logo.png) }", "logo.png": "logo",
		"site.css": `@import "secret/x.css"; a { background: url(secret/x.js) url(logo.png) }`,
		"main.js":  `new Worker("/static/secret/x.js"); new Worker("/static/open.js")`, "open.js": "open",
	}
	site, app, _ := stampedSite(t, files, "stamp html css js integrity\nhide /static/secret")
	for _, name := range []string{"secret/x.js", hashed, "secret/x.css"} {
		page := `<script src="/static/` + name + `"></script><link rel=stylesheet href="/static/` + name + `">`
		app.answers(page)
		if _, body := testsite.Fetch(t, site, "GET", "/"); body != page {
			t.Errorf("%s becomes %s", page, body)
		}
	}
	for name, visible := range map[string]string{"site.css": "logo.png", "main.js": "open.js"} {
		app.answers(`<script src="/static/` + name + `"></script>`)
		_, page := testsite.Fetch(t, site, "GET", "/")
		_, after, _ := strings.Cut(page, `src="`)
		src, _, _ := strings.Cut(after, `"`)
		want := strings.Replace(files[name], visible, visible+"?v="+testsite.Version(files[visible]), 1)
		if _, body := testsite.Fetch(t, site, "GET", src); body != want {
			t.Errorf("%s is %s, want %s", src, body, want)
		}
	}
}
