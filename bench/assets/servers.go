package main

import (
	"fmt"
	"os/exec"
	"strings"

	"github.com/scan2food/usher/bench/internal/peers"
)

// names are the rows, in their order.
var names = []string{
	"usher", "nginx", "nginx, gzip on", "Caddy file_server", "Caddy file_server, encode", "Caddy respond", "net/http",
}

// server is one of those that are compared.
type server struct {
	peers.Server
	measures func(workload) bool
}

func everything(workload) bool     { return true }
func scriptAlone(w workload) bool  { return w.path == script }
func small(w workload) bool        { return w.path != script && !w.large }
func uncompressed(w workload) bool { return w.path != script }

func installed(dir string) []server {
	caddy := peers.BuildCaddy(dir)
	site := func(directives string) func(peers.Site) *exec.Cmd {
		return peers.Caddy(caddy, "discard", strings.ReplaceAll(directives, "DIR", dir))
	}
	servers := []server{
		{peers.Server{Name: names[0], Command: site("versioned_assets {\n\t\tserve /static/ DIR/plain\n\t\tkeep off\n\t}")}, everything},
		{peers.Server{Name: names[3], Command: site("handle_path /static/* {\n\t\troot * DIR/sidecars\n\t\tfile_server {\n\t\t\tprecompressed br zstd gzip\n\t\t}\n\t}")}, everything},
		{peers.Server{Name: names[4], Command: site("encode\n\thandle_path /static/* {\n\t\troot * DIR/plain\n\t\tfile_server\n\t}")}, scriptAlone},
		{peers.Server{Name: names[5], Command: site(responds())}, small},
		{peers.Server{Name: names[6], Command: minimal}, uncompressed},
	}
	nginx := peers.Find("nginx")
	if nginx == "" {
		return servers
	}
	return append(servers,
		server{peers.Server{Name: names[1], Command: serving(nginx, dir+"/sidecars", "gzip_static on;")}, everything},
		server{peers.Server{Name: names[2], Command: serving(nginx, dir+"/plain", "gzip on; gzip_types text/javascript application/javascript;")}, scriptAlone})
}

// serving is nginx with a directory.
func serving(nginx, root, compression string) func(peers.Site) *exec.Cmd {
	const ofFiles = `types { text/javascript js; }
	sendfile on;
	tcp_nopush on;
	keepalive_requests 100000000;
	open_file_cache max=1000 inactive=20s;
	open_file_cache_valid 30s;`
	return peers.Nginx(nginx, ofFiles, "ssl http2", fmt.Sprintf("location /static/ { alias %s/; %s }", root, compression))
}

// responds is a respond for each small file, with a body of its size. A large one would make the heap large, and garbage
// rarely collected.
func responds() string {
	var b strings.Builder
	for name, size := range sizes {
		if size > 100<<10 {
			continue
		}
		fmt.Fprintf(&b, "@cached%d {\n\t\tpath /static/%s\n\t\theader If-None-Match *\n\t}\n\trespond @cached%[1]d 304\n\t", size, name)
		fmt.Fprintf(&b, "header /static/%s ETag `\"%d\"`\n\trespond /static/%[1]s \"%[3]s\"\n\t", name, size, strings.Repeat("x", size))
	}
	return b.String()
}

// running is a server at work.
type running struct {
	*peers.Process
	client  client
	address string // its URL, without a path
}

func (s server) start(dir string, client client) *running {
	site := peers.Site{Dir: dir, Port: peers.FreePort(), Secure: client.secure}
	return &running{peers.Start(s.Name, s.Command(site)), client, site.URL()}
}
