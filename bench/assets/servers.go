package main

import (
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// names are the rows, in their order.
var names = []string{
	"usher", "nginx", "nginx, gzip on", "Caddy file_server", "Caddy file_server, encode", "Caddy respond", "net/http",
}

// server is one of those that are compared.
type server struct {
	name     string
	dir      string
	config   func(s server, port int, secure bool) string
	run      []string // the program, before its configuration file
	measures func(workload) bool
}

func everything(workload) bool     { return true }
func scriptAlone(w workload) bool  { return w.path == script }
func small(w workload) bool        { return w.path != script && !w.large }
func uncompressed(w workload) bool { return w.path != script }

func installed(dir string) []server {
	caddy := filepath.Join(dir, "caddy")
	if out, err := exec.Command("go", "build", "-o", caddy, "./cmd/caddy").CombinedOutput(); err != nil {
		log.Fatalf("building cmd/caddy: %v\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	runCaddy := []string{caddy, "run", "--adapter", "caddyfile", "--config"}
	servers := []server{
		{names[0], dir, caddyfile("versioned_assets {\n\t\tserve /static/ DIR/plain\n\t\tkeep off\n\t}"), runCaddy, everything},
		{names[3], dir, caddyfile("handle_path /static/* {\n\t\troot * DIR/sidecars\n\t\tfile_server {\n\t\t\tprecompressed br zstd gzip\n\t\t}\n\t}"), runCaddy, everything},
		{names[4], dir, caddyfile("encode\n\thandle_path /static/* {\n\t\troot * DIR/plain\n\t\tfile_server\n\t}"), runCaddy, scriptAlone},
		{names[5], dir, caddyfile(responds()), runCaddy, small},
		{names[6], dir, minimalConfig, []string{self, "-minimal"}, uncompressed},
	}
	for _, path := range []string{"nginx", "/usr/sbin/nginx"} {
		if nginx, err := exec.LookPath(path); err == nil {
			run := []string{nginx, "-c"}
			return append(servers,
				server{names[1], dir, nginxConfig("sidecars", "gzip_static on;"), run, everything},
				server{names[2], dir, nginxConfig("plain", "gzip on; gzip_types text/javascript application/javascript;"), run, scriptAlone})
		}
	}
	return servers
}

func caddyfile(directives string) func(server, int, bool) string {
	return func(s server, port int, secure bool) string {
		site, tls := "http", ""
		if secure {
			site, tls = "https", fmt.Sprintf("tls %s/cert.pem %[1]s/key.pem", s.dir)
		}
		return fmt.Sprintf("{\n\tadmin off\n\tpersist_config off\n\tauto_https off\n\tlog {\n\t\toutput discard\n\t}\n}\n"+
			"%s://localhost:%d {\n\t%s\n\t%s\n}\n", site, port, tls, strings.ReplaceAll(directives, "DIR", s.dir))
	}
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

func nginxConfig(root, compression string) func(server, int, bool) string {
	return func(s server, port int, secure bool) string {
		listen, tls := "", ""
		if secure {
			listen, tls = "ssl http2", fmt.Sprintf("ssl_certificate %s/cert.pem; ssl_certificate_key %[1]s/key.pem;", s.dir)
		}
		return fmt.Sprintf(`daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log /dev/null crit;
events { worker_connections 1024; }
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	types { text/javascript js; }
	sendfile on;
	tcp_nopush on;
	keepalive_requests 100000000;
	open_file_cache max=1000 inactive=20s;
	open_file_cache_valid 30s;
	server {
		listen 127.0.0.1:%[2]d %[3]s;
		server_name localhost;
		%[4]s
		location /static/ { alias %[1]s/%[5]s/; %[6]s }
	}
}
`, s.dir, port, listen, tls, root, compression)
	}
}

// running is a server at work.
type running struct {
	name    string
	client  client
	command *exec.Cmd
	address string // its URL, without a path
}

// start runs the server on one core.
func (s server) start(client client) *running {
	port := freePort()
	file := filepath.Join(s.dir, fmt.Sprintf("config-%d", port))
	if err := os.WriteFile(file, []byte(s.config(s, port, client.secure)), 0o600); err != nil {
		log.Fatal(err)
	}
	command := exec.Command("taskset", append(append([]string{"-c", "0"}, s.run...), file)...)
	command.Env = append(os.Environ(), "GOMAXPROCS=1", "HOME="+s.dir)
	if err := command.Start(); err != nil {
		log.Fatal(err)
	}
	scheme := map[bool]string{false: "http", true: "https"}[client.secure]
	return &running{s.name, client, command, fmt.Sprintf("%s://localhost:%d", scheme, port)}
}

// freePort is below those that clients get: their connections must not take it.
func freePort() int {
	for {
		port := 20000 + rand.IntN(10000)
		if listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = listener.Close()
			return port
		}
	}
}

// stop ends it, politely at first.
func (r *running) stop() {
	_ = r.command.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(2*time.Second, func() { _ = r.command.Process.Kill() })
	defer kill.Stop()
	_ = r.command.Wait()
}

func (r *running) fatalf(format string, args ...any) {
	r.stop()
	log.Fatalf(r.name+": "+format, args...)
}
