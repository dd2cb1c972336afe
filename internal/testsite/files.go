package testsite

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/scan2food/usher/internal/testwait"
)

// WriteTree writes files below a new directory and returns the directory.
func WriteTree(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		WriteFile(t, root, name, content)
	}
	return root
}

// WriteFile writes a complete file and then renames it. On a busy machine a truncated file could stay empty for longer than
// the settle times of the tests, which would publish a generation.
func WriteFile(t testing.TB, root, name, content string) {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	complete := filepath.Join(t.TempDir(), "complete")
	if err := os.WriteFile(complete, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(complete, path); err != nil {
		t.Fatal(err)
	}
}

// StartAssets starts a site that serves root at /static/, with more options.
func StartAssets(t testing.TB, root, options string) *Site {
	t.Helper()
	return Start(t, fmt.Sprintf(`
		http://127.0.0.1 http://localhost
		versioned_assets {
			serve /static/ %s
			settle 50ms 400ms
			%s
		}
		respond "the application" 200
	`, root, options))
}

// Fetch requests a path with header fields (name, value, ...). It does not decode bodies or follow redirects.
func Fetch(t testing.TB, site *Site, method, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, site.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	request.Host = request.Header.Get("Host") // "" is that of the URL
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// MD5Name returns the hash that Django's ManifestStaticFilesStorage puts into file names.
func MD5Name(content string) string {
	sum := md5.Sum([]byte(content))
	return hex.EncodeToString(sum[:])[:12]
}

// Version returns the version that usher gives to content.
func Version(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:8])
}

// Eventually waits until a condition is true, and fails the test after testwait.Limit.
func Eventually(t testing.TB, what string, satisfied func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testwait.Limit); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if satisfied() {
			return
		}
	}
	t.Errorf("after %s: not %s", testwait.Limit, what)
}
