//go:build unix

package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scan2food/usher/internal/testsite"
	"github.com/scan2food/usher/internal/testwait"
)

var stampedURL = regexp.MustCompile(`/static/[a-z]+\.js\?v=([0-9a-f]+)`)

const (
	deployClients = 1000
	deployWorkers = 20  // of the clients, so many load something at the same time
	deploySockets = 200 // of the clients, so many have a socket
)

// Two machines deploy one after the other, under a thousand clients and in a browser, behind HAProxy. Every URL of every page gets the
// bytes that the page means, on whichever machine, also in tabs that loaded their page before the deploy. No socket ends.
func TestClusterRollingDeploy(t *testing.T) {
	need(t, "redis-server", "haproxy", "chromium")
	redis := startRedis(t, testsite.FreePort(t))
	first, second := startNodes(t, redis.port, "rolling")
	front := startHAProxy(t, first, second)
	clients := startDeployClients(t, front)
	port, err := strconv.Atoi(front[strings.LastIndex(front, ":")+1:])
	if err != nil {
		t.Fatal(err)
	}
	through := &node{t: t, port: port}
	var open []*watched
	for range deploySockets {
		open = append(open, through.open("/ws/open/?key="+clusterKey, nil))
	}
	clients.wait("every client has seen the first release")
	ctx := browser(t)
	var chunks []string
	for _, release := range []string{"release 2", "release 3"} {
		for _, machine := range []*node{first, second} {
			before := page(t, machine.url())
			chunks = append(chunks, deployRelease(t, machine.static, release))
			waitFor(t, release+" is published", func() bool { return page(t, machine.url()) != before })
			for range 2 { // one visit to each machine, while they have different releases
				visitCluster(t, ctx, front)
			}
		}
		clients.wait("every client has seen " + release)
	}
	requests, stale, failed := clients.end()
	if stale != 0 || failed != 0 {
		t.Errorf("of %d requests %d got the bytes of another version, and %d failed, want none", requests, stale, failed)
	}
	for _, chunk := range chunks { // the names of all releases, on both machines
		for _, machine := range []*node{first, second} {
			if status := statusOf(t, machine.url()+"/static/"+chunk); status != http.StatusOK {
				t.Errorf("%s: %d", chunk, status)
			}
		}
	}
	ended := 0
	for _, w := range open {
		if w.hasEnded() {
			ended++
		}
	}
	if ended != 0 {
		t.Errorf("%d of %d sockets ended, want none: only files were deployed", ended, len(open))
	}
	t.Logf("%d requests of %d clients, %d sockets", requests, deployClients, len(open))
}

// deployLoad is the load of many clients during a deploy. The clients visit the site one after the other. Each client keeps the URLs of its last
// page, as an open tab does.
type deployLoad struct {
	t                       *testing.T
	front                   string
	client                  http.Client
	tabs                    [deployClients][][]string // the URLs and versions of the client's last page
	visits                  atomic.Int64
	requests, stale, failed atomic.Int64
	stop                    chan struct{}
	workers                 sync.WaitGroup
}

func startDeployClients(t *testing.T, front string) *deployLoad {
	l := &deployLoad{t: t, front: front, stop: make(chan struct{})}
	l.client.Transport = &http.Transport{MaxIdleConnsPerHost: deployWorkers}
	for worker := range deployWorkers {
		l.workers.Go(func() {
			for client := worker; ; client = (client + deployWorkers) % deployClients {
				select {
				case <-l.stop:
					return
				default:
				}
				l.load(client) // what an open tab loads late
				l.tabs[client] = stampedURL.FindAllStringSubmatch(l.get("/"), -1)
				l.load(client)
				l.visits.Add(1)
			}
		})
	}
	t.Cleanup(func() { l.end() })
	return l
}

// load loads everything that the client's page names.
func (l *deployLoad) load(client int) {
	for _, found := range l.tabs[client] {
		body := l.get(found[0])
		sum := sha256.Sum256([]byte(body))
		if !strings.HasPrefix(hex.EncodeToString(sum[:]), found[1]) && l.stale.Add(1) <= 5 {
			l.t.Errorf("%s has the bytes of another version: %.60q", found[0], body)
		}
		if _, after, ok := strings.Cut(body, `chunkName = "`); ok {
			name, _, _ := strings.Cut(after, `"`)
			l.get("/static/" + name)
		}
	}
}

func (l *deployLoad) get(url string) string {
	l.requests.Add(1)
	response, err := l.client.Get(l.front + url)
	if err != nil {
		if l.failed.Add(1) <= 5 {
			l.t.Errorf("%s: %v", url, err)
		}
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if (err != nil || response.StatusCode != http.StatusOK) && l.failed.Add(1) <= 5 {
		l.t.Errorf("%s: %d, %v", url, response.StatusCode, err)
	}
	return string(body)
}

// wait waits until every client has begun and ended a visit.
func (l *deployLoad) wait(what string) {
	l.t.Helper()
	until := l.visits.Load() + deployClients + deployWorkers
	for deadline := time.Now().Add(10 * testwait.Limit); l.visits.Load() < until; time.Sleep(50 * time.Millisecond) { // there are many visits
		if time.Now().After(deadline) {
			l.t.Fatalf("after %s: not %s", 10*testwait.Limit, what)
		}
	}
}

func (l *deployLoad) end() (requests, stale, failed int64) {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.workers.Wait()
	l.client.CloseIdleConnections()
	return l.requests.Load(), l.stale.Load(), l.failed.Load()
}
