package peers

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// Server is one of those that are compared.
type Server struct {
	Name    string
	Command func(Site) *exec.Cmd
}

// Site is where a server answers, on this machine.
type Site struct {
	Dir    string // of its configuration, of what it keeps, and of the certificate
	Port   int
	Secure bool // TLS
}

// Address is its host and port.
func (s Site) Address() string { return fmt.Sprintf("127.0.0.1:%d", s.Port) }

// URL is that of its root, without a path.
func (s Site) URL() string {
	scheme := "http"
	if s.Secure {
		scheme = "https"
	}
	return fmt.Sprintf("%s://localhost:%d", scheme, s.Port)
}

// write leaves a configuration in a file of its own.
func (s Site) write(name, content string) string {
	file := filepath.Join(s.Dir, fmt.Sprintf("%d-%s", s.Port, name))
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		Fatalf("%v", err)
	}
	return file
}

// OnServersCore is a command that has the first core, which is left to the server that is measured.
func OnServersCore(home string, program ...string) *exec.Cmd {
	command := exec.Command("taskset", append([]string{"-c", "0"}, program...)...)
	command.Env = append(os.Environ(), "HOME="+home)
	return command
}

// FreePort is below those that the system gives to clients: connections that were just closed hold many of these.
func FreePort() int {
	for {
		port := 20_000 + rand.IntN(10_000)
		if listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			_ = listener.Close()
			return port
		}
	}
}

// Find is the path of an installed program, or empty.
func Find(name string) string {
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	return ""
}
