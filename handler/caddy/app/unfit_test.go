//go:build unix

package app_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/certmagic"

	"github.com/scan2food/usher/handler/caddy/cluster"
	"github.com/scan2food/usher/handler/shared"
	"github.com/scan2food/usher/internal/testsite"
)

func init() {
	caddy.RegisterModule(new(unlisted))
	caddy.RegisterModule(new(closing))
}

// closing is a storage that fails after its Cleanup, as one with a connection does.
type closing struct {
	certmagic.FileStorage
	closed atomic.Bool
}

func (*closing) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.storage.test_closing", New: func() caddy.Module { return new(closing) }}
}

func (c *closing) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if !d.Args(&c.Path) {
		return d.ArgErr()
	}
	return nil
}

func (c *closing) CertMagicStorage() (certmagic.Storage, error) { return c, nil }

func (c *closing) Cleanup() error {
	c.closed.Store(true)
	return nil
}

func (c *closing) Delete(ctx context.Context, key string) error {
	if c.closed.Load() {
		return errors.New("closed")
	}
	return c.FileStorage.Delete(ctx, key)
}

// Caddy cleans up the modules of a configuration in any order, so the test repeats the reload.
func TestReloadWithoutSharedRemovesTheNode(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "shared")
	p := &testsite.Process{Addr: testsite.FreeAddress(t), Admin: testsite.FreeAddress(t), Stopped: make(chan error, 1)}
	_, port, _ := net.SplitHostPort(p.Addr)
	p.Config = func(options string) string {
		return fmt.Sprintf("{\nadmin %s\npersist_config off\n%s\n}\nhttp://localhost:%s {\nbind 127.0.0.1\nrespond ok\n}", p.Admin, options, port)
	}
	shares := fmt.Sprintf("usher {\nshared {\nstorage test_closing %s\nprefix site\n}\n}", directory)
	nodes := func() int {
		objects, _ := filepath.Glob(filepath.Join(directory, "site", "nodes", "????????????????"))
		return len(objects)
	}
	p.Run(t, p.Adapted(t, shares))
	for range 6 {
		testsite.Eventually(t, "the node shows itself", func() bool { return nodes() == 1 })
		p.Reload(t, "")
		if n := nodes(); n != 0 {
			t.Fatalf("%d nodes are left, want none: each counts for 5 s", n)
		}
		p.Reload(t, shares)
	}
}

// unlisted is a storage that lists nothing, so that a ticket could be used on each machine.
type unlisted struct{ certmagic.FileStorage }

func (*unlisted) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.storage.test_unlisted", New: func() caddy.Module { return new(unlisted) }}
}

func (u *unlisted) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if !d.Args(&u.Path) {
		return d.ArgErr()
	}
	return nil
}

func (u *unlisted) CertMagicStorage() (certmagic.Storage, error) { return u, nil }

func (*unlisted) List(context.Context, string, bool) ([]string, error) { return nil, nil }

const onceSite = `{
	admin off
	usher {
		shared {
			storage %s
			prefix %s
		}
	}
}
http://localhost {
	websocket_gate {
		route once /ws/once/ {
			ticket {
				secret a-ticket-secret-of-32-characters
				once
			}
		}
		route a /ws/a/ {
			key %s
			max_open 100000 per_client 100000
		}
	}
	reverse_proxy %s
}`

func TestStorageThatDoesNotListDoesNotLoad(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	_, err := testsite.Provision(t, fmt.Sprintf(onceSite, "test_unlisted "+directory, "unlisted", testsite.GoodKey, "127.0.0.1:1"))
	if err == nil || !strings.Contains(err.Error(), "it does not list a key that was just stored: use another storage") {
		t.Errorf("loading: %v, want an error that names the fault", err)
	}
}

// A storage that is away at the start may be fit. Its configuration loads, `once` rejects, and one line says why.
func TestSingleUseTicketsWithoutAStorageAtTheStart(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "shared")
	if err := os.WriteFile(directory, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := startMachine(t, startAnsweringApplication(t), directory, "site")
	used := ticket(t, "at the start", "1")
	testsite.Eventually(t, "the failure is logged", func() bool {
		if _, status := handshake(t, p, "/ws/once/", used); status != http.StatusServiceUnavailable {
			t.Errorf("status %d for a single-use ticket, want 503", status)
		}
		return strings.Contains(p.Stderr.String(), "shared storage fails")
	})
	if err := os.Remove(directory); err != nil {
		t.Fatal(err)
	}
	testsite.Eventually(t, "the storage is reached", func() bool { return status(t, p).Shared.OK })
	open(t, p, "/ws/once/", used)
	log := p.Stderr.String()
	if failed := strings.Count(log, "shared storage fails"); failed != 1 || strings.Count(log, "shared storage works again") != 1 {
		t.Errorf("%d failures in the log, want one, and its end\n%s", failed, log)
	}
}

// startCounting starts a site in this process, with another node that counts sockets of its routes. Without a directory it shares nothing.
func startCounting(b testing.TB, application, directory string) *testsite.Site {
	b.Helper()
	if directory == "" {
		config := fmt.Sprintf(onceSite, "", "", testsite.GoodKey, application)
		from, to := strings.Index(config, "	usher {"), strings.Index(config, "}\nhttp://")
		return testsite.Start(b, config[:from]+config[to:])
	}
	site := testsite.Start(b, fmt.Sprintf(onceSite, "file_system "+directory, "counting", testsite.GoodKey, application))
	other, err := shared.New(shared.Config{Prefix: "counting", Random: rand.Reader, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	other.Use(&certmagic.FileStorage{Path: directory}, 0)
	other.Contribute(func(key *shared.Key, add func(shared.Count, int)) { add(key.Count('r', "another route", ""), 1) })
	other.Start()
	b.Cleanup(other.Stop)
	node := cluster.Current()
	node.Start()
	testsite.Eventually(b, "the node counts those of the other", node.HasElsewhere)
	return site
}

// BenchmarkHandshake measures a whole handshake: a connection, the gate with limits, the proxy, the application, and the close.
func BenchmarkHandshake(b *testing.B) {
	application := testsite.StartApplication(b)
	for _, c := range []struct{ name, directory string }{{"alone", ""}, {"shared", b.TempDir()}} {
		b.Run(c.name, func(b *testing.B) {
			site := startCounting(b, application.Addr, c.directory)
			request := testsite.Get(testsite.Keyed, testsite.Upgrade)
			b.ReportAllocs()
			for b.Loop() {
				conn, response := testsite.ExchangeOpen(b, site.Addr, request)
				if response.StatusCode != http.StatusSwitchingProtocols {
					b.Fatalf("status %d, want 101", response.StatusCode)
				}
				conn.Close()
			}
		})
	}
}

// A handshake allocates nothing for the limits of all machines. What the rounds allocate is far below one for each handshake.
func TestHandshakeCostsTheSameWithOtherMachines(t *testing.T) {
	application := testsite.StartApplication(t)
	request := testsite.Get(testsite.Keyed, testsite.Upgrade)
	const handshakes = 300
	allocations := func(directory string) float64 {
		site := startCounting(t, application.Addr, directory)
		var before, after runtime.MemStats
		for i := range handshakes + 20 {
			if i == 20 { // allocated once
				runtime.ReadMemStats(&before)
			}
			conn, response := testsite.ExchangeOpen(t, site.Addr, request)
			if response.StatusCode != http.StatusSwitchingProtocols {
				t.Fatalf("status %d, want 101", response.StatusCode)
			}
			conn.Close()
		}
		runtime.ReadMemStats(&after)
		site.Unload()
		return float64(after.Mallocs-before.Mallocs) / handshakes
	}
	alone, sharing := allocations(""), allocations(t.TempDir())
	t.Logf("%.1f allocations alone, %.1f with another machine", alone, sharing)
	if sharing > alone*1.1 {
		t.Errorf("%.1f allocations with another machine, %.1f alone, want the same", sharing, alone)
	}
}
