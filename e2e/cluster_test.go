//go:build unix

package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

var stampedURL = regexp.MustCompile(`/static/[a-z]+\.js\?v=([0-9a-f]+)`)

// Two machines deploy one after the other, under load and in a browser, behind HAProxy. Every URL of every page gets the bytes that the
// page means, on whichever machine.
func TestClusterRollingDeploy(t *testing.T) {
	need(t, "redis-server", "haproxy", "chromium")
	redis := startRedis(t, freePort(t))
	first, second := startNodes(t, redis.port, "rolling")
	front := startHAProxy(t, first, second)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	var requests, pagesSeen atomic.Int64
	chunks := make(chan string, 16)
	check := func(url string) string {
		response, err := http.Get(front + url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			return ""
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		requests.Add(1)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("%s: %d, %v", url, response.StatusCode, err)
		}
		return string(body)
	}
	for range 20 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for _, found := range stampedURL.FindAllStringSubmatch(check("/"), -1) {
					body := check(found[0])
					sum := sha256.Sum256([]byte(body))
					if !strings.HasPrefix(hex.EncodeToString(sum[:]), found[1]) {
						t.Errorf("%s has the bytes of another version: %.60q", found[0], body)
					}
					if _, after, ok := strings.Cut(body, `chunkName = "`); ok {
						name, _, _ := strings.Cut(after, `"`)
						check("/static/" + name)
					}
				}
				pagesSeen.Add(1)
			}
		})
	}
	ctx := browser(t)
	for _, release := range []string{"release 2", "release 3"} {
		for _, machine := range []*node{first, second} {
			before := page(t, machine.url())
			chunk := deployRelease(t, machine.static, release)
			waitFor(t, release+" is published", func() bool { return page(t, machine.url()) != before })
			select {
			case chunks <- chunk:
			default:
			}
			for range 2 { // one visit to each machine, while they have different releases
				visitCluster(t, ctx, front)
			}
		}
	}
	seen := pagesSeen.Load()
	waitFor(t, "clients have seen the last release", func() bool { return pagesSeen.Load() > seen+40 })
	close(stop)
	clients.Wait()
	close(chunks)
	for chunk := range chunks { // the names of all releases, on both machines
		for _, machine := range []*node{first, second} {
			if status := statusOf(t, machine.url()+"/static/"+chunk); status != http.StatusOK {
				t.Errorf("%s: %d", chunk, status)
			}
		}
	}
	t.Logf("%d requests, no error", requests.Load())
}

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
	port := freePort(t)
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
	redis := startRedis(t, freePort(t))
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
	port := freePort(t)
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

// Two sites with one Redis and different prefixes hear nothing of each other.
func TestClusterPrefixesAreSeparate(t *testing.T) {
	need(t, "redis-server")
	redis := startRedis(t, freePort(t))
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
