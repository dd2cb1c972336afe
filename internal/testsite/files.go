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

// writeTree makes files below a new directory.
func WriteTree(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		WriteFile(t, root, name, content)
	}
	return root
}

// writeFile puts a file where it belongs when it is whole: on a busy machine one that is truncated and then written can be
// empty for longer than the settle times of these tests, which is a generation of its own.
func WriteFile(t testing.TB, root, name, content string) {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(t.TempDir(), "whole")
	if err := os.WriteFile(whole, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(whole, path); err != nil {
		t.Fatal(err)
	}
}

func StartAssets(t testing.TB, root, words string) *Site {
	t.Helper()
	return Start(t, fmt.Sprintf(`
		http://127.0.0.1 http://localhost
		versioned_assets {
			serve /static/ %s
			settle 50ms 400ms
			%s
		}
		respond "the application" 200
	`, root, words))
}

// fetch asks for a path with headers (name, value, ...), without decoding or following anything.
func Fetch(t testing.TB, site *Site, method, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, site.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
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

func MD5Name(content string) string {
	sum := md5.Sum([]byte(content))
	return hex.EncodeToString(sum[:])[:12]
}

func Version(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:8])
}

// eventually asks until the answer satisfies. The limit is far above what an idle machine needs: CI's is not idle.
func Eventually(t *testing.T, what string, satisfied func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testwait.Limit); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if satisfied() {
			return
		}
	}
	t.Errorf("after %s: not %s", testwait.Limit, what)
}
