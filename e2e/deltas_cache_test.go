package e2e

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/scan2food/usher/internal/testsite"
)

// cacheConfiguration is nginx as a cache. It stores what Cache-Control allows, once for each combination of the fields in Vary.
const cacheConfiguration = `
daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	proxy_cache_path %[1]s/cache keys_zone=cache:1m;
	server {
		listen 127.0.0.1:%[2]d;
		location / {
			proxy_pass %[3]s;
			proxy_set_header Host $http_host;
			proxy_cache cache;
			add_header X-Cache $upstream_cache_status always;
		}
	}
}
`

// startCache starts nginx as a cache in front of a site, and returns its URL.
func startCache(t *testing.T, upstream string) string {
	t.Helper()
	run, port := t.TempDir(), testsite.FreePort(t)
	configuration := filepath.Join(run, "nginx.conf")
	if err := os.WriteFile(configuration, fmt.Appendf(nil, cacheConfiguration, run, port, upstream), 0o600); err != nil {
		t.Fatal(err)
	}
	startProcess(t, run, nil, "nginx", "-c", configuration)
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	waitForStatus(t, url+"/", http.StatusOK)
	return url
}

// dictionaryOf is the Available-Dictionary of a client that holds a content.
func dictionaryOf(content []byte) string {
	sum := sha256.Sum256(content)
	return ":" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// decodeWith decodes a body as a client that holds a dictionary. Other clients hold nil.
func decodeWith(t *testing.T, coding string, body, dictionary []byte) []byte {
	t.Helper()
	var reader io.Reader = bytes.NewReader(body)
	var err error
	switch coding {
	case "":
	case "br":
		reader = brotli.NewReader(reader)
	case "gzip":
		reader, err = gzip.NewReader(reader)
	case "zstd":
		reader, err = zstd.NewReader(reader)
	case "dcz":
		sum := sha256.Sum256(dictionary)
		if !bytes.HasPrefix(body, append([]byte{0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0}, sum[:]...)) {
			t.Fatalf("a client got a delta to a dictionary that it does not hold")
		}
		reader, err = zstd.NewReader(bytes.NewReader(body[8+len(sum):]), zstd.WithDecoderDictRaw(0, dictionary))
	default:
		t.Fatalf("coding %q", coding)
	}
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		t.Fatalf("decoding %q: %v", coding, err)
	}
	return content
}

// A cache between keeps deltas and whole files apart, in whatever order clients come.
func TestCacheServesDeltasOnlyToTheirClients(t *testing.T) {
	need(t, "nginx")
	static, port := t.TempDir(), testsite.FreePort(t)
	deploy := func(release int) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(static, "main.js"), releaseScript(release), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	deploy(1)
	usher := startUsherAt(t, port, fmt.Sprintf(`
	versioned_assets {
		serve /static/ %s
		deltas
		settle 50ms 100ms
		keep_directory %s
	}
	respond ok`, static, t.TempDir()))
	cache := startCache(t, usher.url)
	fetch := func(site string, release int, headers map[string]string) (*http.Response, []byte) {
		t.Helper()
		sum := sha256.Sum256(releaseScript(release))
		request, err := http.NewRequest(http.MethodGet, fmt.Sprintf("%s/static/main.js?v=%x", site, sum[:8]), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = fmt.Sprintf("localhost:%d", port)
		for name, value := range headers {
			request.Header.Set(name, value)
		}
		response, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response, body
	}
	const codings = "gzip, deflate, br, zstd, dcb, dcz"
	for release := 2; release <= 3; release++ {
		deploy(release)
		for held := range release - 1 {
			waitFor(t, "the delta and the full codings made", func() bool {
				delta, _ := fetch(usher.url, release, map[string]string{"Accept-Encoding": "dcz", "Available-Dictionary": dictionaryOf(releaseScript(held + 1))})
				full, _ := fetch(usher.url, release, map[string]string{"Accept-Encoding": "br"})
				return delta.Header.Get("Content-Encoding") == "dcz" && full.Header.Get("Content-Encoding") == "br"
			})
		}
	}
	held := map[string][]byte{dictionaryOf(releaseScript(1)): releaseScript(1), dictionaryOf(releaseScript(2)): releaseScript(2)}
	for range 2 {
		response, _ := fetch(cache, 3, map[string]string{
			"Accept-Encoding": codings, "Available-Dictionary": dictionaryOf(releaseScript(1)), "Authorization": "Basic eA==",
		})
		if got := response.Header.Get("X-Cache"); got != "MISS" || response.Header.Get("Content-Encoding") != "dcz" {
			t.Errorf("a delta for a request with Authorization: %s, want MISS, since it is private", got)
		}
	}
	for round, status := range []string{"MISS", "HIT"} {
		for _, c := range []struct {
			why, codings, dictionary string
			delta                    bool
		}{
			{"holds release 1", codings, dictionaryOf(releaseScript(1)), true},
			{"holds nothing", codings, "", false},
			{"holds release 2", codings, dictionaryOf(releaseScript(2)), true},
			{"holds something else", codings, dictionaryOf([]byte("else")), false},
			{"holds release 1, and cannot decode a delta", "gzip, br", dictionaryOf(releaseScript(1)), false},
			{"decodes nothing", "identity", "", false},
			{"decodes nothing, and says that it holds release 2", "identity", dictionaryOf(releaseScript(2)), false},
		} {
			headers := map[string]string{"Accept-Encoding": c.codings}
			if c.dictionary != "" {
				headers["Available-Dictionary"] = c.dictionary
			}
			response, body := fetch(cache, 3, headers)
			coding := response.Header.Get("Content-Encoding")
			if got := response.Header.Get("X-Cache"); got != status || coding == "dcz" != c.delta {
				t.Errorf("round %d, a client that %s: %s with coding %q, want %s, and a delta: %t", round, c.why, got, coding, status, c.delta)
			}
			if !bytes.Equal(decodeWith(t, coding, body, held[c.dictionary]), releaseScript(3)) {
				t.Errorf("round %d, a client that %s gets other bytes than release 3", round, c.why)
			}
		}
	}
	response, _ := fetch(cache, 3, map[string]string{"Accept-Encoding": codings, "Available-Dictionary": dictionaryOf(releaseScript(1))})
	again, body := fetch(cache, 3, map[string]string{"Accept-Encoding": codings, "Available-Dictionary": dictionaryOf(releaseScript(1)),
		"If-None-Match": response.Header.Get("Etag")})
	if again.StatusCode != http.StatusNotModified || len(body) != 0 {
		t.Errorf("revalidation of a delta at the cache is %d with %d bytes, want 304", again.StatusCode, len(body))
	}
}
