package peers

import (
	"fmt"
	"os/exec"
)

// Nginx returns the command of nginx for a site with the given directives. The directives in http apply to the http block. The
// parameters in listen follow the `listen` directive of a site with TLS.
func Nginx(binary, http, listen, directives string) func(Site) *exec.Cmd {
	return func(s Site) *exec.Cmd {
		tls, parameters := "", ""
		if s.Secure {
			tls = fmt.Sprintf("ssl_certificate %s/cert.pem; ssl_certificate_key %[1]s/key.pem;", s.Dir)
			parameters = listen
		}
		file := s.write("nginx.conf", fmt.Sprintf(`daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log /dev/null crit;
events { worker_connections 200000; }
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	%[2]s
	server {
		listen 127.0.0.1:%[3]d %[4]s;
		server_name localhost;
		%[5]s
		%[6]s
	}
}
`, s.Dir, http, s.Port, parameters, tls, directives))
		return OnServersCore(s.Dir, binary, "-c", file)
	}
}
