package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is a program that this one has started.
type process struct{ command *exec.Cmd }

// start runs a program and waits until it listens.
func start(command *exec.Cmd, network, address string) (*process, error) {
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &process{command}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		conn, err := net.Dial(network, address)
		if err == nil {
			return p, conn.Close()
		}
		if time.Now().After(deadline) {
			p.stop()
			return nil, fmt.Errorf("%s does not start: %w", command, err)
		}
	}
}

func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(10*time.Second, func() { _ = p.command.Process.Kill() })
	defer kill.Stop()
	_ = p.command.Wait()
}

// usher is Caddy with usher.
type usher struct {
	*process
	address, admin, socket string
}

func startUsher(dir, socket string) (*usher, error) {
	binary := filepath.Join(dir, "caddy")
	if out, err := exec.Command("go", "build", "-o", binary, "./cmd/caddy").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building cmd/caddy: %w\n%s", err, out)
	}
	u := &usher{socket: socket}
	for _, address := range []*string{&u.address, &u.admin} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		*address = listener.Addr().String()
		if err := listener.Close(); err != nil {
			return nil, err
		}
	}
	file := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(u.caddyfile(0)), 0o600); err != nil {
		return nil, err
	}
	command := exec.Command(binary, "run", "--config", file, "--adapter", "caddyfile")
	command.Env = append(os.Environ(), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	var err error
	u.process, err = start(command, "tcp", u.address)
	return u, err
}

// caddyfile is a configuration that differs from every other.
func (u *usher) caddyfile(reload int) string {
	_, port, _ := net.SplitHostPort(u.address)
	return fmt.Sprintf(`{
	admin %s
	persist_config off
	auto_https off
	log {
		output discard
	}
}
http://:%s {
	bind 127.0.0.1
	header X-Reload %d
	websocket_tunnel /ws/* unix/%s {
		ping 10s
	}
}
`, u.admin, port, reload, u.socket)
}

// reload loads another configuration, as `caddy reload` does.
func (u *usher) reload(n int) error {
	request, err := http.NewRequest(http.MethodPost, "http://"+u.admin+"/load", strings.NewReader(u.caddyfile(n)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "text/caddyfile")
	request.Close = true // the next configuration has an admin endpoint of its own
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("reload %d: %w", n, err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("reload %d: %s: %s", n, response.Status, body)
	}
	return nil
}

func (u *usher) reloadEvery(every time.Duration, stop chan struct{}) (count int, err error) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return count, nil
		case <-ticker.C:
			count++
			if err := u.reload(count); err != nil {
				return count, err
			}
		}
	}
}

// usage is what the process holds.
type usage struct {
	goroutines, descriptors int
	heap                    int // bytes, after a collection
}

func (u usage) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, a heap of %.1f MB", u.goroutines, u.descriptors, float64(u.heap)/(1<<20))
}

func (u *usher) usage() (found usage, err error) {
	for range 2 { // what a sync.Pool holds survives one collection
		if _, err := u.get("/debug/pprof/heap?gc=1"); err != nil {
			return found, err
		}
	}
	vars, err := u.get("/debug/vars")
	if err != nil {
		return found, err
	}
	var memory struct{ Memstats struct{ HeapAlloc int } }
	if err := json.Unmarshal(vars, &memory); err != nil {
		return found, fmt.Errorf("/debug/vars: %w", err)
	}
	found.heap = memory.Memstats.HeapAlloc
	profile, err := u.get("/debug/pprof/goroutine?debug=1")
	if err != nil {
		return found, err
	}
	if _, err := fmt.Sscanf(string(profile), "goroutine profile: total %d", &found.goroutines); err != nil {
		return found, fmt.Errorf("/debug/pprof/goroutine: %w", err)
	}
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", u.command.Process.Pid))
	found.descriptors = len(descriptors)
	return found, err
}

func (u *usher) get(path string) ([]byte, error) {
	request, err := http.NewRequest(http.MethodGet, "http://"+u.admin+path, nil)
	if err != nil {
		return nil, err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}
