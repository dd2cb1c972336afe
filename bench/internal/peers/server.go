package peers

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// Server is a server that is measured.
type Server struct {
	Name    string
	Command func(Site) *exec.Cmd
}

// Site is the address and the directory of a server on this machine.
type Site struct {
	Dir    string // holds the configuration, the data and the certificate
	Port   int
	Secure bool // TLS
}

// Address returns the host and the port.
func (s Site) Address() string { return fmt.Sprintf("127.0.0.1:%d", s.Port) }

// URL returns the URL without a path.
func (s Site) URL() string {
	scheme := "http"
	if s.Secure {
		scheme = "https"
	}
	return fmt.Sprintf("%s://localhost:%d", scheme, s.Port)
}

// write writes a configuration to a file that no other site uses.
func (s Site) write(name, content string) string {
	file := filepath.Join(s.Dir, fmt.Sprintf("%d-%s", s.Port, name))
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		Fatalf("%v", err)
	}
	return file
}

// OnServersCore returns a command that runs on the first core. Only the measured server runs there.
func OnServersCore(home string, program ...string) *exec.Cmd {
	command := exec.Command("taskset", append([]string{"-c", "0"}, program...)...)
	command.Env = append(os.Environ(), "HOME="+home)
	return command
}

// FreePort returns a free port outside the range of client ports, since closed connections still occupy many of those.
func FreePort() int {
	for {
		port := 20_000 + rand.IntN(10_000)
		if listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			_ = listener.Close()
			return port
		}
	}
}

// Find returns the path of an installed program, or an empty string.
func Find(name string) string {
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	return ""
}
