package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/scan2food/usher/bench/internal/peers"
)

// server is a server with its configuration for a directory.
type server struct {
	name    string
	command func(site peers.Site, root string) *exec.Cmd
	// settled is how long after a deploy the server serves it as it will from then on.
	settled time.Duration
}

func (s server) settle() { time.Sleep(s.settled) }

// settle and vanished are usher's `settle`. Its defaults are 1s and 10s: files that only a manifest vouches for are revalidated for
// so long.
const settle, vanished = 200 * time.Millisecond, time.Second

// servers returns the servers that are installed.
func servers(caddy string) []server {
	found := []server{
		{"usher", usher(caddy, ""), 5 * time.Second},
		{"usher, deltas", usher(caddy, "deltas"), 5 * time.Second},
		{"Caddy file_server, precompressed", fileServer(caddy), 0},
	}
	if nginx := peers.Find("nginx"); nginx != "" {
		found = append(found, server{"nginx, gzip_static", nginxStatic(nginx), 0})
	}
	if gunicorn := peers.Find("gunicorn"); gunicorn != "" && exec.Command("/usr/bin/python3", "-c", "import whitenoise").Run() == nil {
		found = append(found, server{"WhiteNoise, autorefresh", whiteNoise(gunicorn), 0})
	}
	return found
}

// usher takes the operator's word for the names in /assets/, as its peers do: esbuild's hash is none of the final bytes.
func usher(caddy, options string) func(peers.Site, string) *exec.Cmd {
	return func(site peers.Site, root string) *exec.Cmd {
		return peers.Caddy(caddy, peers.LogTo("discard"), fmt.Sprintf(`versioned_assets {
		serve / %s
		immutable /assets/*
		settle %s %s
		keep_directory %s
		%s
	}`, root, settle, vanished, filepath.Join(site.Dir, "archive"), options))(site)
	}
}

func fileServer(caddy string) func(peers.Site, string) *exec.Cmd {
	return func(site peers.Site, root string) *exec.Cmd {
		return peers.Caddy(caddy, peers.LogTo("discard"), fmt.Sprintf(`root * %s
	header /assets/* Cache-Control "public, max-age=31536000, immutable"
	header /index.html Cache-Control no-cache
	header / Cache-Control no-cache
	file_server {
		precompressed br zstd gzip
	}`, root))(site)
	}
}

func nginxStatic(nginx string) func(peers.Site, string) *exec.Cmd {
	return func(site peers.Site, root string) *exec.Cmd {
		const types = "types { text/html html; text/javascript js; text/css css; application/json json; } gzip_static on;"
		return peers.Nginx(nginx, types, "", fmt.Sprintf(`root %s;
		location / { add_header Cache-Control no-cache; }
		location /assets/ { add_header Cache-Control "public, max-age=31536000, immutable"; }`, root))(site)
	}
}

// whiteNoise looks files up with each request. Otherwise a deploy would need a restart.
func whiteNoise(gunicorn string) func(peers.Site, string) *exec.Cmd {
	return func(site peers.Site, root string) *exec.Cmd {
		write(filepath.Join(site.Dir, "visits.py"), fmt.Sprintf(`from whitenoise import WhiteNoise
def missing(environ, start_response):
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"404"]
application = WhiteNoise(missing, root=%q, index_file=True, autorefresh=True, max_age=0,
                         immutable_file_test=lambda path, url: url.startswith("/assets/"))
`, root))
		return exec.Command("/usr/bin/python3", gunicorn, "--chdir", site.Dir, "--bind", site.Address(), "--threads", "8", "visits:application")
	}
}
