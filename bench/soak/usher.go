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
	"time"

	"github.com/scan2food/usher/bench/internal/peers"
)

// usher is a running Caddy with usher.
type usher struct {
	*peers.Process
	address, admin, socket string
}

func startUsher(dir, socket string) *usher {
	local := func() string { return fmt.Sprintf("127.0.0.1:%d", peers.FreePort()) }
	u := &usher{address: local(), admin: local(), socket: socket}
	binary, file := peers.BuildCaddy(dir), filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(u.caddyfile(0)), 0o600); err != nil {
		peers.Fatalf("%v", err)
	}
	command := exec.Command(binary, "run", "--config", file, "--adapter", "caddyfile")
	command.Env, command.Stderr = append(os.Environ(), "HOME="+dir), os.Stderr
	u.Process = peers.Start("usher", command)
	u.WaitForListener("tcp", u.address)
	return u
}

// caddyfile returns a configuration that is different for each reload.
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

// reload loads the configuration of a reload, as `caddy reload` does.
func (u *usher) reload(n int) error {
	request, err := http.NewRequest(http.MethodPost, "http://"+u.admin+"/load", strings.NewReader(u.caddyfile(n)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "text/caddyfile")
	request.Close = true // the reload replaces the admin endpoint
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

// usage is the resources of the process.
type usage struct {
	goroutines, descriptors int
	heap                    int // in bytes, after a garbage collection
}

func (u usage) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, heap of %.1f MB", u.goroutines, u.descriptors, float64(u.heap)/(1<<20))
}

func (u *usher) usage() (found usage, err error) {
	for range 2 { // memory of a sync.Pool survives one collection
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
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", u.Pid()))
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
