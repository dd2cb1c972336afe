//go:build linux

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// server is one of those that are compared.
type server struct {
	name  string
	dir   string
	write func(settings) (file string, content string)
	run   func(file string) []string
}

// settles is how long its memory takes to settle: no longer than a few seconds where no garbage is collected.
func (s server) settles(withGarbage time.Duration) time.Duration {
	if s.isCaddy() {
		return withGarbage
	}
	return min(withGarbage, 5*time.Second)
}

func (s server) isCaddy() bool {
	return strings.HasPrefix(s.name, "usher") || strings.HasPrefix(s.name, "Caddy")
}

// settings are what a configuration says of this run.
type settings struct {
	Port        int
	Application string
	Secure      bool
	Dir         string
}

// installed are the servers that there are, or those of them that only names.
func installed(dir, only string) []server {
	writeCertificate(dir)
	caddy := filepath.Join(dir, "caddy")
	if out, err := exec.Command("go", "build", "-o", caddy, "./cmd/caddy").CombinedOutput(); err != nil {
		fatalf("building cmd/caddy: %v\n%s", err, out)
	}
	runCaddy := func(file string) []string { return []string{caddy, "run", "--adapter", "caddyfile", "--config", file} }
	servers := []server{
		{"usher", dir, caddyfile("", "websocket_tunnel unix/%s"), runCaddy},
		{"usher below TLS", dir, caddyfile(belowTLS, "websocket_tunnel unix/%s"), runCaddy},
		{"Caddy", dir, caddyfile("", "reverse_proxy unix/%s"), runCaddy},
		{"Caddy, 4 KB buffers", dir, caddyfile("", "reverse_proxy unix/%s {\n\t\tstream_buffer_size 4KiB\n\t}"), runCaddy},
	}
	if nginx := find("nginx"); nginx != "" {
		servers = append(servers, server{"nginx", dir, nginxConfig, func(file string) []string { return []string{nginx, "-c", file} }})
	}
	if haproxy := find("haproxy"); haproxy != "" {
		servers = append(servers, server{"HAProxy", dir, haproxyConfig, func(file string) []string { return []string{haproxy, "-f", file} }})
	}
	if only == "" {
		return servers
	}
	names := strings.Split(only, ",")
	return slices.DeleteFunc(servers, func(s server) bool { return !slices.Contains(names, s.name) })
}

func find(name string) string {
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	return ""
}

// belowTLS has the tunnel's listener wrapper in the server.
const belowTLS = `
	servers {
		listener_wrappers {
			websocket_tunnel
			tls
		}
	}`

func caddyfile(global, handler string) func(settings) (string, string) {
	return func(s settings) (string, string) {
		site, tls := "http", ""
		if s.Secure {
			site, tls = "https", fmt.Sprintf("tls %s/cert.pem %[1]s/key.pem", s.Dir)
		}
		return "Caddyfile", fmt.Sprintf(`{
	admin off
	persist_config off
	auto_https off
	log {
		output discard
	}%s
}
%s://localhost:%d {
	%s
	%s
}
`, global, site, s.Port, tls, fmt.Sprintf(handler, s.Application))
	}
}

func nginxConfig(s settings) (string, string) {
	tls := ""
	if s.Secure {
		tls = fmt.Sprintf("ssl_certificate %s/cert.pem; ssl_certificate_key %[1]s/key.pem;", s.Dir)
	}
	return "nginx.conf", fmt.Sprintf(`
daemon off;
master_process off;
pid %s/nginx.pid;
error_log /dev/null crit;
events { worker_connections 200000; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen 127.0.0.1:%[2]d %[3]s;
		%[4]s
		location / {
			proxy_pass http://unix:%[5]s;
			proxy_http_version 1.1;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection upgrade;
			proxy_read_timeout 1h;
		}
	}
}
`, s.Dir, s.Port, map[bool]string{true: "ssl"}[s.Secure], tls, s.Application)
}

func haproxyConfig(s settings) (string, string) {
	tls := ""
	if s.Secure {
		tls = fmt.Sprintf("ssl crt %s/both.pem", s.Dir)
	}
	return "haproxy.cfg", fmt.Sprintf(`
global
	maxconn %d
	nbthread 1
defaults
	mode http
	timeout connect 10s
	timeout client 1h
	timeout server 1h
	timeout tunnel 1h
frontend site
	bind 127.0.0.1:%d %s
	default_backend application
backend application
	server one unix@%s
`, mostSockets(), s.Port, tls, s.Application)
}

// start runs the server on one core, and waits until it answers.
func (s server) start(application string, secure bool) *running {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fatalf("%v", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close()
	name, content := s.write(settings{port, application, secure, s.dir})
	file := filepath.Join(s.dir, fmt.Sprintf("%d-%s", port, name))
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		fatalf("%v", err)
	}
	command := exec.Command("taskset", append([]string{"-c", "0"}, s.run(file)...)...)
	command.Env = append(os.Environ(), "GOMAXPROCS=1", "HOME="+s.dir, "GODEBUG=http2xconnect=1")
	r := &running{process: startProcess(s.name, command), address: fmt.Sprintf("127.0.0.1:%d", port), secure: secure}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		conn, err := r.tryOpen()
		if err == nil {
			conn.Close()
			return r
		}
		if time.Now().After(deadline) {
			fatalf("%s does not answer: %v", s.name, err)
		}
	}
}

// writeCertificate makes a certificate for localhost in the forms that the servers want.
func writeCertificate(dir string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fatalf("%v", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		fatalf("%v", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		fatalf("%v", err)
	}
	certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	private = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	for name, content := range map[string][]byte{
		"cert.pem": certificate, "key.pem": private, "both.pem": slices.Concat(certificate, private),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			fatalf("%v", err)
		}
	}
}
