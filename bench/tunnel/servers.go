//go:build linux

package main

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/scan2food/usher/bench/internal/peers"
)

// server is a measured server.
type server struct {
	peers.Server
	dir string
}

func (s server) isCaddy() bool {
	return strings.HasPrefix(s.Name, "usher") || strings.HasPrefix(s.Name, "Caddy")
}

// installed returns the installed servers whose names are in only. Empty: all installed servers.
func installed(dir, application, only string) []server {
	peers.WriteCertificate(dir)
	caddy := peers.BuildCaddy(dir)
	discard := peers.LogTo("discard")
	site := func(global, directives string) func(peers.Site) *exec.Cmd {
		return peers.Caddy(caddy, global, fmt.Sprintf(directives, application))
	}
	servers := []server{
		{peers.Server{Name: "usher", Command: site(discard, "websocket_tunnel unix/%s")}, dir},
		{peers.Server{Name: "usher below TLS", Command: site(discard+belowTLS, "websocket_tunnel unix/%s")}, dir},
		{peers.Server{Name: "Caddy", Command: site(discard, "reverse_proxy unix/%s")}, dir},
		{peers.Server{Name: "Caddy, 4 KB buffers", Command: site(discard, "reverse_proxy unix/%s {\n\t\tstream_buffer_size 4KiB\n\t}")}, dir},
	}
	if nginx := peers.Find("nginx"); nginx != "" {
		servers = append(servers, server{peers.Server{Name: "nginx", Command: peers.Nginx(nginx, "", "ssl", fmt.Sprintf(nginxLocation, application))}, dir})
	}
	if haproxy := peers.Find("haproxy"); haproxy != "" {
		servers = append(servers, server{peers.Server{Name: "HAProxy", Command: peers.HAProxy(haproxy, maxSockets(), application)}, dir})
	}
	if only == "" {
		return servers
	}
	names := strings.Split(only, ",")
	return slices.DeleteFunc(servers, func(s server) bool { return !slices.Contains(names, s.Name) })
}

// belowTLS is the global option that puts the listener wrapper of the tunnel below TLS.
const belowTLS = `
	servers {
		listener_wrappers {
			websocket_tunnel
			tls
		}
	}`

const nginxLocation = `location / {
			proxy_pass http://unix:%s;
			proxy_http_version 1.1;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection upgrade;
			proxy_read_timeout 1h;
		}`

// start runs the server on one core, and waits until it accepts a handshake.
func (s server) start(secure bool) *running {
	site := peers.Site{Dir: s.dir, Port: peers.FreePort(), Secure: secure}
	command := s.Command(site)
	command.Env = append(command.Env, "GOMAXPROCS=1", "GODEBUG=http2xconnect=1")
	r := &running{Process: peers.Start(s.Name, command), address: site.Address(), secure: secure}
	r.WaitFor(func() error {
		conn, err := r.tryOpen()
		if err == nil {
			err = conn.Close()
		}
		return err
	})
	return r
}
