package peers

import (
	"fmt"
	"os/exec"
	"path/filepath"
)

// BuildCaddy builds Caddy with usher into the directory, and returns its path. It runs in the root of the module.
func BuildCaddy(dir string) string {
	binary := filepath.Join(dir, "caddy")
	if out, err := exec.Command("go", "build", "-o", binary, "./cmd/caddy").CombinedOutput(); err != nil {
		Fatalf("building cmd/caddy: %v\n%s", err, out)
	}
	return binary
}

// Caddy is the command for a site with these directives. Its log goes to the output, in Caddy's words (`discard`).
func Caddy(binary, output, directives string) func(Site) *exec.Cmd {
	return func(s Site) *exec.Cmd {
		tls := ""
		if s.Secure {
			tls = fmt.Sprintf("tls %s/cert.pem %[1]s/key.pem", s.Dir)
		}
		file := s.write("Caddyfile", fmt.Sprintf(`{
	admin off
	persist_config off
	auto_https off
	log {
		output %s
	}
}
%s {
	%s
	%s
}
`, output, s.URL(), tls, directives))
		return OnServersCore(s.Dir, binary, "run", "--adapter", "caddyfile", "--config", file)
	}
}
