package peers

import (
	"fmt"
	"os/exec"
	"path/filepath"
)

// BuildCaddy builds Caddy with usher into a directory and returns its path. It must run in the root of the module.
func BuildCaddy(dir string) string {
	binary := filepath.Join(dir, "caddy")
	if out, err := exec.Command("go", "build", "-o", binary, "./cmd/caddy").CombinedOutput(); err != nil {
		Fatalf("building cmd/caddy: %v\n%s", err, out)
	}
	return binary
}

// Caddy returns the command of Caddy for a site with the given directives and global options. See [LogTo].
func Caddy(binary, global, directives string) func(Site) *exec.Cmd {
	return func(s Site) *exec.Cmd {
		tls := ""
		if s.Secure {
			tls = fmt.Sprintf("tls %s/cert.pem %[1]s/key.pem", s.Dir)
		}
		file := s.write("Caddyfile", fmt.Sprintf(`{
	admin off
	persist_config off
	auto_https off
	%s
}
%s {
	%s
	%s
}
`, global, s.URL(), tls, directives))
		return OnServersCore(s.Dir, binary, "run", "--adapter", "caddyfile", "--config", file)
	}
}

// LogTo is the global option that writes Caddy's log to an output, such as discard.
func LogTo(output string) string { return "log {\n\t\toutput " + output + "\n\t}" }
