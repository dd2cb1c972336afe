package main

import (
	"fmt"
	"os/exec"
	"strings"

	"github.com/scan2food/usher/bench/internal/peers"
)

// names are the names of the servers, in the order of the rows.
var names = []string{
	"usher", "nginx", "nginx, gzip on", "Caddy file_server", "Caddy file_server, encode", "Caddy respond", "net/http",
}

// server is a measured server with the workloads that it serves.
type server struct {
	peers.Server
	measures func(workload) bool
}

func everything(workload) bool     { return true }
func onlyScript(w workload) bool   { return w.path == script }
func small(w workload) bool        { return w.path != script && !w.large }
func uncompressed(w workload) bool { return w.path != script }

// installed returns the servers that are installed.
func installed(dir string) []server {
	caddy := peers.BuildCaddy(dir)
	site := func(directives string) func(peers.Site) *exec.Cmd {
		return peers.Caddy(caddy, peers.LogTo("discard"), strings.ReplaceAll(directives, "DIR", dir))
	}
	servers := []server{
		{peers.Server{Name: names[0], Command: site("versioned_assets {\n\t\tserve /static/ DIR/plain\n\t\tkeep off\n\t}")}, everything},
		{peers.Server{Name: names[3], Command: site("handle_path /static/* {\n\t\troot * DIR/sidecars\n\t\tfile_server {\n\t\t\tprecompressed br zstd gzip\n\t\t}\n\t}")}, everything},
		{peers.Server{Name: names[4], Command: site("encode\n\thandle_path /static/* {\n\t\troot * DIR/plain\n\t\tfile_server\n\t}")}, onlyScript},
		{peers.Server{Name: names[5], Command: site(respondDirectives())}, small},
		{peers.Server{Name: names[6], Command: minimal}, uncompressed},
	}
	nginx := peers.Find("nginx")
	if nginx == "" {
		return servers
	}
	return append(servers,
		server{peers.Server{Name: names[1], Command: nginxFor(nginx, dir+"/sidecars", "gzip_static on;")}, everything},
		server{peers.Server{Name: names[2], Command: nginxFor(nginx, dir+"/plain", "gzip on; gzip_types text/javascript application/javascript;")}, onlyScript})
}

// nginxFor returns the command of nginx for a directory.
func nginxFor(nginx, root, compression string) func(peers.Site) *exec.Cmd {
	const fileOptions = `types { text/javascript js; }
	sendfile on;
	tcp_nopush on;
	keepalive_requests 100000000;
	open_file_cache max=1000 inactive=20s;
	open_file_cache_valid 30s;`
	return peers.Nginx(nginx, fileOptions, "ssl http2", fmt.Sprintf("location /static/ { alias %s/; %s }", root, compression))
}

// respondDirectives returns a respond directive for each small file, with a body of the same size. A large body would make the
// heap so large that garbage is rarely collected.
func respondDirectives() string {
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

// running is a started server.
type running struct {
	*peers.Process
	client  client
	address string // the URL without a path
}

func (s server) start(dir string, client client) *running {
	site := peers.Site{Dir: dir, Port: peers.FreePort(), Secure: client.secure}
	return &running{peers.Start(s.Name, s.Command(site)), client, site.URL()}
}
