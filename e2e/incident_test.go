package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/scan2food/usher/internal/testsite"
	"github.com/scan2food/usher/internal/testwait"
)

// browser starts Chromium with an empty profile, and so with an empty cache. It limits the time of all steps together.
func browser(t *testing.T, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	profile, err := os.MkdirTemp("", "usher-chromium")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(profile) })
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(profile),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true))
	options = append(options, more...)
	allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocated)
	t.Cleanup(end)
	ctx, expire := context.WithTimeout(ctx, 5*testwait.Limit)
	t.Cleanup(expire)
	return ctx
}

// visit loads the page and waits for a message of the chat. It returns the releases of the scripts that ran.
func visit(t *testing.T, ctx context.Context, url string) (main, worker string) {
	t.Helper()
	err := chromedp.Do(ctx,
		chromedp.Navigate("about:blank"),
		chromedp.Navigate(url),
		chromedp.WaitVisible("#socket-chat"),
	)
	if err != nil {
		t.Fatalf("visiting %s: %v", url, err)
	}
	return textOf(t, ctx, "main"), textOf(t, ctx, "worker")
}

func textOf(t *testing.T, ctx context.Context, id string) string {
	t.Helper()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.getElementById("`+id+`").textContent`))
	if err != nil {
		t.Fatalf("reading #%s: %v", id, err)
	}
	return text
}

// nginxConfiguration is what such sites typically have.
const nginxConfiguration = `
worker_processes 1;
daemon off;
pid %[1]s/nginx.pid;
error_log %[1]s/nginx-error.log;
events {}
http {
	include /etc/nginx/mime.types;
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen 127.0.0.1:%[2]d;
		location /static/ {
			alias %[3]s/;
			%[6]s
		}
		location /ws/ {
			proxy_pass http://unix:%[4]s;
			proxy_http_version 1.1;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection "upgrade";
			proxy_set_header Host $http_host;
		}
		location / {
			proxy_pass http://unix:%[5]s;
			proxy_set_header Host $http_host;
		}
	}
}
`

// What nginx says of the caching of static files. Without a word, browsers keep a file for a tenth of its age.
const (
	forAYear = `expires 1y; add_header Cache-Control "public, immutable";`
	noWord   = ""
)

func startNginx(t *testing.T, d *django, port int, caching string) (*process, string) {
	t.Helper()
	run, err := os.MkdirTemp("", "usher-nginx")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	// Debian's nginx runs as an unprivileged user that needs access to the files.
	for _, dir := range []string{run, filepath.Dir(d.static)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, socket := range []string{d.daphne, d.gunicorn} {
		if err := os.Chmod(socket, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	configuration := filepath.Join(run, "nginx.conf")
	content := fmt.Sprintf(nginxConfiguration, run, port, d.static, d.daphne, d.gunicorn, caching)
	if err := os.WriteFile(configuration, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	nginx := startProcess(t, run, nil, "nginx", "-c", configuration)
	url := fmt.Sprintf("http://localhost:%d", port)
	waitForStatus(t, url+"/health/", http.StatusOK)
	return nginx, url
}

// TestIncidentBehindNginx shows the incident: a browser that visited before the deployment runs the old scripts.
func TestIncidentBehindNginx(t *testing.T) {
	need(t, "gunicorn", "nginx", "chromium")
	site := startDjango(t)
	_, url := startNginx(t, site, testsite.FreePort(t), forAYear)
	ctx := browser(t)
	if main, worker := visit(t, ctx, url); main != "release 1" || worker != "release 1" {
		t.Fatalf("the first visit runs %s and %s", main, worker)
	}
	site.deploy(t, "release 2")
	main, worker := visit(t, ctx, url)
	t.Logf("behind nginx, after the deployment, an ordinary visit runs main.js %s and worker.js %s", main, worker)
	if worker != "release 1" {
		t.Errorf("worker.js is fresh behind nginx: the test does not reproduce the incident")
	}
}

// TestIncidentBehindUsher runs the new scripts at the next ordinary visit.
func TestIncidentBehindUsher(t *testing.T) {
	need(t, "gunicorn", "chromium")
	site := startDjango(t)
	gateway := startUsher(t, site, testsite.FreePort(t))
	ctx := browser(t)
	if main, worker := visit(t, ctx, gateway.url); main != "release 1" || worker != "release 1" {
		t.Fatalf("the first visit runs %s and %s", main, worker)
	}
	deployAndWait(t, site, "release 2", gateway.url)
	if main, worker := visit(t, ctx, gateway.url); main != "release 2" || worker != "release 2" {
		t.Errorf("the next visit runs main.js %s and worker.js %s, want release 2 of both", main, worker)
	}
}

// TestPoisonedCacheBehindUsher has a browser whose cache holds the old scripts, from nginx with and without `expires 1y`. Its first visit
// behind usher runs the new scripts, because the page and the script that starts the worker contain new URLs. The templates are unchanged.
func TestPoisonedCacheBehindUsher(t *testing.T) {
	need(t, "gunicorn", "nginx", "chromium")
	for name, caching := range map[string]string{"expires 1y": forAYear, "no Cache-Control": noWord} {
		t.Run(name, func(t *testing.T) {
			site := startDjango(t)
			site.age(t)
			port := testsite.FreePort(t)
			nginx, url := startNginx(t, site, port, caching)
			ctx := browser(t)
			if main, worker := visit(t, ctx, url); main != "release 1" || worker != "release 1" {
				t.Fatalf("the first visit runs %s and %s", main, worker)
			}
			site.deploy(t, "release 2")
			if _, worker := visit(t, ctx, url); worker != "release 1" {
				t.Fatalf("behind nginx the worker is %s: the cache is not poisoned", worker)
			}
			nginx.stop()
			startUsher(t, site, port)
			if main, worker := visit(t, ctx, url); main != "release 2" || worker != "release 2" {
				t.Errorf("the first visit behind usher runs main.js %s and worker.js %s, want release 2 of both", main, worker)
			}
			deployAndWait(t, site, "release 3", url)
			if main, worker := visit(t, ctx, url); main != "release 3" || worker != "release 3" {
				t.Errorf("after the next deployment it runs main.js %s and worker.js %s, want release 3 of both", main, worker)
			}
		})
	}
}

// age makes the static files a year old.
func (d *django) age(t *testing.T) {
	t.Helper()
	old := time.Now().AddDate(-1, 0, 0)
	err := filepath.WalkDir(d.static, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return os.Chtimes(name, old, old)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// deployAndWait deploys a release and waits until the page contains other URLs.
func deployAndWait(t *testing.T, site *django, release, url string) {
	t.Helper()
	before := page(t, url)
	site.deploy(t, release)
	waitFor(t, "the URLs of "+release, func() bool { return page(t, url) != before })
}

func page(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
