package versionedassets_test

import (
	"crypto/md5"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/scan2food/usher/internal/testsite"
)

// compressedFiles returns the compressed files on disk and their modification times.
func compressedFiles(t *testing.T, directory string) map[string]time.Time {
	t.Helper()
	files := make(map[string]time.Time)
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(path, "/compressed/blobs/") {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s can be read by others: %s", path, info.Mode())
		}
		files[path] = info.ModTime()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Compressed files survive a restart. The next process sends them from memory, or with sendfile if memory is too small. An
// earlier version is sent with the coding and tag that it had.
func TestCompressedAssetsOutliveTheProcess(t *testing.T) {
	t.Parallel()
	first, second := "", "" // compresses badly
	for i := range 1000 {
		first += fmt.Sprintf("console.log('first', '%x')\n", md5.Sum([]byte{byte(i), byte(i >> 8)}))
	}
	second = strings.ReplaceAll(first, "first", "second")
	root, kept := testsite.WriteTree(t, map[string]string{"main.js": first}), t.TempDir()
	config := func(words string) string {
		return fmt.Sprintf("http://127.0.0.1\nversioned_assets {\nserve /static/ %s\nsettle 50ms 100ms\nkeep_directory %s\n%s\n}", root, kept, words)
	}
	encoded := func(site *testsite.Site, path string) (coding, etag string) {
		response, _ := testsite.Fetch(t, site, "GET", path, "Accept-Encoding", "gzip, deflate, br, zstd")
		return response.Header.Get("Content-Encoding"), response.Header.Get("Etag")
	}
	site := testsite.Start(t, config(""))
	testsite.Eventually(t, "main.js in three codings", func() bool { return len(compressedFiles(t, kept)) == 3 })
	testsite.Eventually(t, "main.js in br", func() bool { coding, _ := encoded(site, "/static/main.js"); return coding == "br" })
	_, etag := encoded(site, "/static/main.js")
	site.Unload()
	made := compressedFiles(t, kept)

	small, listener := serveWatched(t, config("memory 1KiB"))
	testsite.Eventually(t, "main.js in gzip again", func() bool {
		response, _ := testsite.Fetch(t, small, "GET", "/static/main.js", "Accept-Encoding", "gzip")
		return response.Header.Get("Content-Encoding") == "gzip"
	})
	listener.take()
	response, body := testsite.Fetch(t, small, "GET", "/static/main.js", "Accept-Encoding", "gzip")
	if copied, nested := listener.take(); response.Header.Get("Content-Encoding") != "gzip" || unzip(t, body) != first ||
		copied < int64(len(body))-512 || nested != 0 { // net/http sniffs the first 512 bytes
		t.Errorf("%v; the kernel copied %d bytes of %d, and %d copies went without it", response.Header, copied, len(body), nested)
	}
	testsite.Eventually(t, "main.js in br with the entity tag that it had", func() bool {
		coding, again := encoded(small, "/static/main.js")
		return coding == "br" && again == etag
	})
	for path, at := range compressedFiles(t, kept) {
		if before, known := made[path]; !known || !before.Equal(at) {
			t.Errorf("%s was written again", path)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "main.js"), []byte(second), 0o644); err != nil {
		t.Fatal(err)
	}
	testsite.Eventually(t, "the second version in br", func() bool {
		coding, now := encoded(small, "/static/main.js")
		return coding == "br" && now != etag
	})
	if coding, earlier := encoded(small, "/static/main.js?v="+testsite.Version(first)); coding != "br" || earlier != etag {
		t.Errorf("the earlier version is sent in %q with the entity tag %s, want br with %s", coding, earlier, etag)
	}
	small.Unload()

	without := testsite.Start(t, config("keep off"))
	testsite.Eventually(t, "main.js in br without a disk", func() bool { coding, _ := encoded(without, "/static/main.js"); return coding == "br" })
	if got := compressedFiles(t, kept); len(got) != 6 {
		t.Errorf("there are %d files, want the six that were there", len(got))
	}
}
