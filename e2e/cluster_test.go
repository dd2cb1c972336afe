//go:build unix

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/scan2food/usher/internal/testsite"
)

// visitCluster loads the page in the browser: its two scripts are of one release, and its module runs once.
func visitCluster(t *testing.T, ctx context.Context, url string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	got := script[[]string](t, ctx, `
		await new Promise((done) => document.readyState === "complete" ? done() : addEventListener("load", done));
		return [globalThis.mainRelease, globalThis.lateRelease, String(globalThis.moduleRuns)];`)
	if len(got) != 3 || got[0] == "" || got[0] != got[1] || got[2] != "1" {
		t.Errorf("the browser ran %q, want two scripts of one release, and a module once", got)
	}
}

const haproxyConfiguration = `
defaults
	mode http
	timeout connect 2s
	timeout client 1m
	timeout server 1m
	timeout tunnel 1h
	retries 3
	option redispatch 1
	retry-on conn-failure empty-response
listen site
	bind 127.0.0.1:%d
	balance roundrobin
	server first 127.0.0.1:%d
	server second 127.0.0.1:%d
`

func startHAProxy(t *testing.T, first, second *node) string {
	t.Helper()
	port := testsite.FreePort(t)
	configuration := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(configuration, fmt.Appendf(nil, haproxyConfiguration, port, first.port, second.port), 0o600); err != nil {
		t.Fatal(err)
	}
	startProcess(t, t.TempDir(), nil, "haproxy", "-f", configuration)
	url := fmt.Sprintf("http://localhost:%d", port)
	waitForStatus(t, url, http.StatusOK)
	return url
}

// The sockets of a machine that was killed do not count any more after 5 s.
func TestClusterKilledMachineFreesItsSockets(t *testing.T) {
	need(t, "redis-server")
	redis := startRedis(t, testsite.FreePort(t))
	first, second := startNodes(t, redis.port, "killed")
	const limited = "/ws/limited/?key=" + clusterKey
	for range 3 {
		first.open(limited, nil)
	}
	second.open(limited, nil)
	waitFor(t, "the limit counts the sockets of both machines", func() bool {
		conn, status := second.dial(limited, nil)
		if conn != nil {
			_ = conn.CloseNow()
		}
		return status == http.StatusTooManyRequests
	})
	if err := first.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the sockets of the killed machine are out of the limit", func() bool {
		conn, _ := second.dial(limited, nil)
		return conn != nil
	})
}

// The storage fails in every way. No honest client is refused meanwhile, and a logout reaches the other machine while the storage
// works, and when it is back.
func TestClusterSurvivesItsStorage(t *testing.T) {
	need(t, "redis-server")
	port := testsite.FreePort(t)
	redis := startRedis(t, port)
	first, second := startNodes(t, port, "storage")
	logoutArrives := func(what string, fail, recover func()) {
		t.Helper()
		value := "session-of-" + strings.ReplaceAll(what, " ", "-") + "-0123456789"
		away, bystander := first.open("/ws/me/", session(value)), first.open("/ws/me/", session("bystander-0123456789"))
		if fail != nil {
			fail()
			for range 5 {
				for _, machine := range []*node{first, second} {
					machine.open("/ws/open/?key="+clusterKey, nil)
					machine.open("/ws/me/", session("honest-0123456789"))
				}
			}
		}
		second.logout(value)
		back := time.Now()
		if recover != nil {
			time.Sleep(time.Second)
			if away.hasEnded() {
				t.Errorf("%s: the socket ended while the storage was away: the test does not test", what)
			}
			recover()
			back = time.Now()
		}
		waitFor(t, what+": the logout arrives", away.hasEnded)
		t.Logf("%s: the logout arrived after %s", what, away.at.Sub(back).Round(time.Millisecond))
		if bystander.hasEnded() {
			t.Errorf("%s: the socket of another session ended", what)
		}
	}
	ok := func() {
		waitFor(t, "both machines reach the storage", func() bool {
			return strings.Contains(metricsOf(t, first), "usher_shared_ok 1") && strings.Contains(metricsOf(t, second), "usher_shared_ok 1")
		})
	}
	logoutArrives("storage in order", nil, nil)
	logoutArrives("redis paused", func() { _ = redis.command.Process.Signal(syscall.SIGSTOP) }, func() { _ = redis.command.Process.Signal(syscall.SIGCONT) })
	ok()
	logoutArrives("network cut", func() { first.network.setCut(true) }, func() { first.network.setCut(false) })
	ok()
	logoutArrives("redis full", func() { redis.ask("config", "set", "maxmemory", "1") }, func() { redis.ask("config", "set", "maxmemory", "0") })
	ok()
	logoutArrives("redis killed", func() { _ = redis.command.Process.Kill(); <-redis.done }, func() { redis = startRedis(t, port) })
	ok()
	logoutArrives("storage in order again", nil, nil)
}

func metricsOf(t *testing.T, n *node) string {
	t.Helper()
	return page(t, fmt.Sprintf("http://localhost:%d/metrics", n.admin))
}

// The network between a machine and Redis drops everything for half a minute. The machine goes on alone, and then hears everything that
// it missed, as the others do.
func TestClusterNetworkIsCutForHalfAMinute(t *testing.T) {
	need(t, "redis-server")
	redis := startRedis(t, testsite.FreePort(t))
	first, second := startNodes(t, redis.port, "cut")
	const sessions = 20
	value := func(i int) string { return fmt.Sprintf("session-%02d-0123456789abcdef", i) }
	var onFirst, onSecond []*watched
	for i := range sessions {
		onFirst, onSecond = append(onFirst, first.open("/ws/me/", session(value(i)))), append(onSecond, second.open("/ws/me/", session(value(i))))
	}
	ended := func(all []*watched) (ended int) {
		for _, w := range all {
			if w.hasEnded() {
				ended++
			}
		}
		return ended
	}
	first.network.setCut(true)
	cut := time.Now()
	for i := range sessions / 4 { // a quarter ends at each machine
		first.logout(value(i))
		second.logout(value(sessions/4 + i))
	}
	waitFor(t, "each machine closes the sockets of its own logouts", func() bool { return ended(onFirst) == sessions/4 && ended(onSecond) == sessions/4 })
	admitted := 0
	for time.Since(cut) < 30*time.Second {
		for _, machine := range []*node{first, second} {
			machine.open("/ws/me/", session("honest-0123456789")) // fails the test if it is refused
			admitted++
		}
		time.Sleep(time.Second)
	}
	if !strings.Contains(metricsOf(t, first), "usher_shared_ok 0") || !strings.Contains(metricsOf(t, second), "usher_shared_ok 1") {
		t.Error("the gauges do not show which machine is cut off")
	}
	if onA, onB := ended(onFirst), ended(onSecond); onA != sessions/4 || onB != sessions/4 {
		t.Errorf("%d and %d sockets ended while the network was cut, want %d each: no event passes", onA, onB, sessions/4)
	}
	first.network.setCut(false)
	back := time.Now()
	waitFor(t, "the logouts of both machines arrive", func() bool { return ended(onFirst) == sessions/2 && ended(onSecond) == sessions/2 })
	t.Logf("%d honest clients, none refused; all logouts arrived %s after the network was back", admitted, time.Since(back).Round(10*time.Millisecond))
	waitFor(t, "the machine reaches the storage", func() bool { return strings.Contains(metricsOf(t, first), "usher_shared_ok 1") })
	for i := range sessions {
		if loggedOut := i < sessions/2; onFirst[i].hasEnded() != loggedOut || onSecond[i].hasEnded() != loggedOut {
			t.Errorf("session %d: ended %t and %t, want %t", i, onFirst[i].hasEnded(), onSecond[i].hasEnded(), loggedOut)
		}
	}
	for name, c := range map[string]struct {
		machine *node
		want    int
	}{"the machine that was cut off": {first, 1}, "the other machine": {second, 0}} {
		log := c.machine.output.String()
		const line = `"logger":"usher","msg":"shared storage ` // versioned_assets logs the same of its own calls
		if failed, healed := strings.Count(log, line+"fails"), strings.Count(log, line+"works again"); failed != c.want || healed != c.want {
			t.Errorf("%s logged %d failures and %d recoveries, want %d each", name, failed, healed, c.want)
		}
	}
}

// Two sites with one Redis and different prefixes hear nothing of each other.
func TestClusterPrefixesAreSeparate(t *testing.T) {
	need(t, "redis-server")
	redis := startRedis(t, testsite.FreePort(t))
	first, second := startNodes(t, redis.port, "shop")
	other := startNode(t, redis.port, "blog")
	const value = "the-same-session-0123456789"
	hears, deaf := first.open("/ws/me/", session(value)), other.open("/ws/me/", session(value))
	for range 4 {
		first.open("/ws/limited/?key="+clusterKey, nil)
	}
	waitFor(t, "the limit counts the machine of the same site", func() bool {
		_, status := second.dial("/ws/limited/?key="+clusterKey, nil)
		return status == http.StatusTooManyRequests
	})
	for range 4 {
		other.open("/ws/limited/?key="+clusterKey, nil)
	}
	second.logout(value)
	waitFor(t, "the logout arrives at the same site", hears.hasEnded)
	if deaf.hasEnded() {
		t.Error("the logout arrived at another site")
	}
}
