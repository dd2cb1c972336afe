//go:build unix

package websocketgate_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// After a reload that fails, the lines of the running gate and of its open sockets go to the logs of the running configuration,
// whether the new configuration fails before or after its gate is in service.
func TestLogsAfterAFailedReload(t *testing.T) {
	t.Parallel()
	app := testsite.StartEcho(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	dir := t.TempDir()
	p := &testsite.Process{Addr: testsite.FreeAddress(t), Admin: testsite.FreeAddress(t), Stopped: make(chan error, 1)}
	site := func(addr, options string) string {
		_, port, _ := net.SplitHostPort(addr)
		return fmt.Sprintf("http://localhost:%s {\nbind 127.0.0.1\nlog access_%s {\noutput file %s\n}\nwebsocket_gate {\nroute a /ws/a/ {\nkey %s a\n%s\n}\n}\nwebsocket_tunnel %s\n}\n",
			port, port, filepath.Join(dir, "access.log"), testsite.GoodKey, options, app)
	}
	config := func(log, sites string) []byte {
		adapted, err := testsite.Adapt(fmt.Sprintf("{\nadmin %s\npersist_config off\nlog usher {\noutput file %s\ninclude http.handlers.websocket_gate\n}\n}\n%s",
			p.Admin, filepath.Join(dir, log), sites))
		if err != nil {
			t.Fatal(err)
		}
		return adapted
	}
	load := func(want int, config []byte) {
		t.Helper()
		var response *http.Response
		testsite.Eventually(t, "the answer of the admin endpoint", func() bool { // a reload replaces the endpoint
			var err error
			response, err = http.Post("http://"+p.Admin+"/load", "application/json", bytes.NewReader(config))
			return err == nil
		})
		defer response.Body.Close()
		if body, _ := io.ReadAll(response.Body); response.StatusCode != want {
			t.Fatalf("%s, want %d: %s", response.Status, want, body)
		}
	}
	p.Run(t, config("running.log", site(p.Addr, "")), "PRESENT=present-key-0123456789")
	lines := func(log, message string) int {
		content, _ := os.ReadFile(filepath.Join(dir, log))
		return bytes.Count(content, []byte(`"`+message+`"`))
	}
	refusedInAccessLog := func() int { // the line of an earlier handshake may come late
		content, _ := os.ReadFile(filepath.Join(dir, "access.log"))
		return bytes.Count(content, []byte(`"status":401`))
	}
	opened := 0
	open := func() net.Conn {
		t.Helper()
		conn, response := testsite.ExchangeOpen(t, p.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade))
		if response.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%s, want 101", response.Status)
		}
		opened++
		testsite.Eventually(t, "WSCONNECT", func() bool { return lines("running.log", "WSCONNECT") == opened })
		return conn
	}
	first := open() // of a configuration that is unloaded before the failure
	load(http.StatusOK, config("running.log", site(p.Addr, "max_age 1h")))
	ended := 0
	for name, broken := range map[string]string{
		"a placeholder without a value": site(p.Addr, "") + strings.Replace(site(testsite.FreeAddress(t), ""), testsite.GoodKey, "{env.ABSENT}", 1),
		"an address in use":             site(p.Addr, "") + site(busy.Addr().String(), ""),
	} {
		second := open()
		load(http.StatusBadRequest, config("failed.log", broken))
		rejected, refused := lines("running.log", "WSREJECT"), refusedInAccessLog()
		if got := testsite.Exchange(t, p.Addr, testsite.Get("/ws/a/?key=wrong-key-0123456789", testsite.Upgrade)).StatusCode; got != 401 {
			t.Fatalf("%s: %d, want 401", name, got)
		}
		testsite.Eventually(t, name+": WSREJECT", func() bool { return lines("running.log", "WSREJECT") == rejected+1 })
		testsite.Eventually(t, name+": the access line", func() bool { return refusedInAccessLog() == refused+1 })
		for _, conn := range []net.Conn{first, second} {
			if conn != nil {
				conn.Close()
				ended++
				testsite.Eventually(t, name+": WSDISCONNECT", func() bool { return lines("running.log", "WSDISCONNECT") == ended })
			}
		}
		first = nil
	}
	open().Close()
	if got := lines("failed.log", "WSCONNECT") + lines("failed.log", "WSREJECT") + lines("failed.log", "WSDISCONNECT"); got > 0 {
		t.Errorf("%d lines are in the log of the configuration that failed", got)
	}
}

// A handshake that the site itself answers, as `error 503` during maintenance does, is logged with the status that the client
// gets from Caddy, in WSREJECT and in the access line.
func TestMaintenanceIsLoggedWithItsStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, handler string
		status        int
		outcome       string
	}{
		{"maintenance", `error "maintenance" 503`, 503, "upstream_failed"},
		{"maintenance page", "error \"maintenance\" 503\nhandle_errors {\nrespond \"back soon\" {err.status_code}\n}", 503, "upstream_failed"},
		{"rejected", `error "members only" 403`, 403, "upstream_refused"},
		{"respond", `respond "maintenance" 503`, 503, "upstream_refused"},
		{"dead", "reverse_proxy 127.0.0.1:1", 502, "upstream_failed"},
		{"no upstream", "reverse_proxy 127.0.0.1:1 {\nmax_fails 1\nfail_duration 1h\n}", 503, "upstream_failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site := testsite.Start(t, "http://localhost {\nlog\nwebsocket_gate {\nroute a /ws/a/ {\nkey "+testsite.GoodKey+"\n}\n}\n"+c.handler+"\n}")
			ask := func() int {
				return testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade)).StatusCode
			}
			got, n := ask(), 1
			if c.name == "no upstream" {
				got, n = ask(), 2
			}
			if got != c.status {
				t.Fatalf("%d, want %d", got, c.status)
			}
			testsite.Eventually(t, "the lines", func() bool {
				return len(site.Logs.With("WSREJECT")) == n && len(site.Logs.With("handled request")) == n
			})
			rejected, access := site.Logs.With("WSREJECT")[n-1], site.Logs.With("handled request")[n-1]
			if rejected["status"] != float64(c.status) || rejected["outcome"] != c.outcome || access["status"] != float64(c.status) {
				t.Errorf("WSREJECT %v %v (%v), access line %v, want %s %d", rejected["outcome"], rejected["status"], rejected["reason"], access["status"], c.outcome, c.status)
			}
		})
	}
}
