package peers

import (
	"fmt"
	"os/exec"
)

// HAProxy returns the command of HAProxy for a site that forwards to a Unix socket.
func HAProxy(binary string, maxConnections int, socket string) func(Site) *exec.Cmd {
	return func(s Site) *exec.Cmd {
		tls := ""
		if s.Secure {
			tls = fmt.Sprintf("ssl crt %s/both.pem", s.Dir)
		}
		file := s.write("haproxy.cfg", fmt.Sprintf(`global
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
`, maxConnections, s.Port, tls, socket))
		return OnServersCore(s.Dir, binary, "-f", file)
	}
}
