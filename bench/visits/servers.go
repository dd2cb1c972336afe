package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/scan2food/usher/bench/internal/peers"
)

// server is a server with its configuration for a directory.
type server struct {
	name    string
	command func(site peers.Site, root string) *exec.Cmd
	// immutable begins the paths that the server calls immutable, once it serves a release as it will from then on.
	immutable string
	// settled is how long the server works after that. It makes deltas.
	settled time.Duration
}

// references are the scripts and stylesheets of a page.
var references = regexp.MustCompile(`(?:src|href)="(/[^"]+\.(?:js|css))"`)

// waitUntilServed waits until the server has noticed a deploy.
func (s server) waitUntilServed(process *peers.Process, site peers.Site, release string) {
	page, err := os.ReadFile(filepath.Join(release, "index.html"))
	if err != nil {
		peers.Fatalf("%v", err)
	}
	process.WaitFor(func() error {
		body, _, err := get(site.URL() + "/")
		if err == nil && !bytes.Equal(body, page) {
			err = errors.New("it serves an earlier release")
		}
		return err
	})
	for _, reference := range references.FindAllSubmatch(page, -1) {
		path := string(reference[1])
		process.WaitFor(func() error {
			_, header, err := get(site.URL() + path)
			if cached := header.Get("Cache-Control"); err == nil && strings.HasPrefix(path, s.immutable) && !strings.Contains(cached, "immutable") {
				err = fmt.Errorf("%s has Cache-Control %q", path, cached)
			}
			return err
		})
	}
	time.Sleep(s.settled)
}

func get(url string) (body []byte, header http.Header, err error) {
	response, err := http.Get(url)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return body, response.Header, err
}

// settle and vanished are usher's `settle`. Its defaults are 1s and 10s: files that only a manifest vouches for are revalidated for
// so long.
const settle, vanished = 200 * time.Millisecond, time.Second

// servers returns the servers that are installed.
func servers(caddy string, b build) []server {
	found := []server{
		{"usher, deltas", usher(caddy, b, "deltas"), b.assets, 2 * time.Second},
		{"usher", usher(caddy, b, ""), b.assets, 0},
		{"Caddy file_server, precompressed", fileServer(caddy, b), b.assets, 0},
	}
	if nginx := peers.Find("nginx"); nginx != "" {
		found = append(found, server{"nginx, gzip_static", nginxStatic(nginx, b), b.assets, 0})
	}
	if gunicorn := peers.Find("gunicorn"); gunicorn != "" && exec.Command("/usr/bin/python3", "-c", "import whitenoise").Run() == nil {
		found = append(found, server{"WhiteNoise, autorefresh", whiteNoise(gunicorn, b), b.assets, 0})
	}
	return found
}

func usher(caddy string, b build, options string) func(peers.Site, string) *exec.Cmd {
	if b.byOperator {
		options += "\n\t\timmutable " + b.assets + "*"
	}
	return func(site peers.Site, root string) *exec.Cmd {
		return peers.Caddy(caddy, peers.LogTo("discard"), fmt.Sprintf(`versioned_assets {
		serve / %s
		settle %s %s
		keep_directory %s
		%s
	}`, root, settle, vanished, filepath.Join(site.Dir, "archive"), options))(site)
	}
}

func fileServer(caddy string, b build) func(peers.Site, string) *exec.Cmd {
	return func(site peers.Site, root string) *exec.Cmd {
		return peers.Caddy(caddy, peers.LogTo("discard"), fmt.Sprintf(`root * %[1]s
	@other not path %[2]s*
	header @other Cache-Control no-cache
	header %[2]s* Cache-Control "public, max-age=31536000, immutable"
	file_server {
		precompressed br zstd gzip
	}`, root, b.assets))(site)
	}
}

func nginxStatic(nginx string, b build) func(peers.Site, string) *exec.Cmd {
	return func(site peers.Site, root string) *exec.Cmd {
		const types = "types { text/html html; text/javascript js; text/css css; application/json json; } gzip_static on;"
		return peers.Nginx(nginx, types, "", fmt.Sprintf(`root %s;
		location / { add_header Cache-Control no-cache; }
		location %s { add_header Cache-Control "public, max-age=31536000, immutable"; }`, root, b.assets))(site)
	}
}

// whiteNoise looks files up with each request. Otherwise a deploy would need a restart.
func whiteNoise(gunicorn string, b build) func(peers.Site, string) *exec.Cmd {
	return func(site peers.Site, root string) *exec.Cmd {
		write(filepath.Join(site.Dir, "visits.py"), fmt.Sprintf(`from whitenoise import WhiteNoise
def missing(environ, start_response):
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"404"]
application = WhiteNoise(missing, root=%q, index_file=True, autorefresh=True, max_age=0,
                         immutable_file_test=lambda path, url: url.startswith(%q))
`, root, b.assets))
		return exec.Command("/usr/bin/python3", gunicorn, "--chdir", site.Dir, "--bind", site.Address(), "--threads", "8", "visits:application")
	}
}
