//go:build unix

package admin_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// startMeasured starts a process whose metrics have all kinds of values.
func startMeasured(t *testing.T) (p *testsite.Process, root string) {
	t.Helper()
	root = testsite.WriteTree(t, map[string]string{"main.js": "first()", "page.html": `<script src="/static/main.js"></script>`})
	if err := os.Symlink("loop.js", filepath.Join(root, "loop.js")); err != nil {
		t.Fatal(err)
	}
	app := testsite.StartEcho(t)
	p = &testsite.Process{Addr: testsite.FreeAddress(t), Admin: testsite.FreeAddress(t), Stopped: make(chan error, 1)}
	p.Config = func(string) string {
		return fmt.Sprintf(`{
			admin %s
			persist_config off
		}
		http://%s {
			websocket_gate {
				route chat /ws/chat/ {
					key %s chat-2026
					max_open 10
				}
			}
			versioned_assets {
				serve /static/ %s
				keep_directory %s
				stamp html
				deltas
			}
			websocket_tunnel %s
		}`, p.Admin, p.Addr, chatKey, root, t.TempDir(), app)
	}
	p.Run(t, p.Adapted(t, ""))
	return p, root
}

// own returns the lines of the metrics that usher exports.
func own(metrics []byte) string {
	var lines strings.Builder
	for line := range strings.Lines(string(metrics)) {
		if strings.HasPrefix(line, "usher_") || strings.HasPrefix(line, "# HELP usher_") || strings.HasPrefix(line, "# TYPE usher_") {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

func TestMetricsOfAssetsCountResponses(t *testing.T) {
	p, _ := startMeasured(t)
	var tag string
	testsite.Eventually(t, "the directory is read", func() bool {
		response, err := http.Get("http://" + p.Addr + "/static/main.js")
		if err != nil {
			return false
		}
		response.Body.Close()
		tag = response.Header.Get("Etag")
		return response.StatusCode == http.StatusOK
	})
	get := func(path string, headers ...string) int {
		request, _ := http.NewRequest("GET", "http://"+p.Addr+path, nil)
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	for _, c := range []struct {
		path    string
		headers []string
		status  int
	}{
		{"/static/main.js", []string{"If-None-Match", tag}, 304},
		{"/static/main.js", []string{"If-None-Match", `"other", ` + tag}, 304}, // net/http decides
		{"/static/main.js", []string{"Range", "bytes=0-1"}, 206},
		{"/static/main.js", []string{"Range", "bytes=100-"}, 416},
		{"/static/main.js", []string{"If-Match", `"other"`}, 412},
		{"/static/missing.js", nil, 404},
		{"/static/page.html", nil, 200},
	} {
		if got := get(c.path, c.headers...); got != c.status {
			t.Errorf("%s with %q: %d, want %d", c.path, c.headers, got, c.status)
		}
	}
	metrics := own(p.Get(t, "/metrics"))
	for _, want := range []string{
		`usher_build_info{caddy="`, `goversion="` + runtime.Version() + `",version="(devel)"} 1`,
		`usher_assets_responses_total{code="304",prefix="/static/"} 2`, `usher_assets_responses_total{code="206",prefix="/static/"} 1`,
		`usher_assets_responses_total{code="416",prefix="/static/"} 1`, `usher_assets_responses_total{code="412",prefix="/static/"} 1`,
		`usher_assets_responses_total{code="404",prefix="/static/"} 1`, `usher_assets_stamped_pages_total 1`,
		`usher_assets_read_errors_total{prefix="/static/"} 1`, `usher_assets_unserved_files{prefix="/static/"} 1`,
		`usher_assets_files{class="page",prefix="/static/"} 1`, `usher_assets_archive_bytes{prefix="/static/"} `,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("%s is missing in\n%s", want, metrics)
		}
	}
	p.Stop(t)
}

// Names and help texts are as Prometheus wants them.
func TestPromtoolAcceptsTheMetrics(t *testing.T) {
	promtool := testsite.Tool(t, "promtool", "prometheus")
	p, _ := startMeasured(t)
	site := &testsite.Site{URL: "http://" + p.Addr, Addr: p.Addr}
	if conn := testsite.OpenSocket(t, site, chatKey); !testsite.StillOpen(t, conn) {
		t.Fatal("the socket does not work")
	}
	metrics := own(p.Get(t, "/metrics"))
	if strings.Count(metrics, "# TYPE") < 15 {
		t.Errorf("too few metrics:\n%s", metrics)
	}
	command := exec.Command(promtool, "check", "metrics")
	command.Stdin = strings.NewReader(metrics)
	if out, err := command.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
	p.Stop(t)
}
