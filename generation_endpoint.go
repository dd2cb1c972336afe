package usher

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// generationURL answers with the current generation, for pages that want to learn of the next one.
const generationURL = "/.well-known/usher/generation"

// A request that waits costs a goroutine. Those that are one too many are answered at once.
const (
	longestWait = time.Minute
	maxWaiting  = 1000
)

var waitingForGeneration atomic.Int64

// generationEndpoint is that of one configuration.
type generationEndpoint struct {
	*generations
	closing chan struct{} // closed when its server shuts down
	once    sync.Once
}

// end has whoever waits be answered: the server waits for them.
func (e *generationEndpoint) end() { e.once.Do(func() { close(e.closing) }) }

// ServeHTTP answers with the generation, or with 304 to who has it already: after a while, if that is preferred (RFC 7240,
// 4.3, `Prefer: wait=50`), and at once when there is another.
func (e *generationEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		header.Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	current, changed := e.now()
	if hasGeneration(r, current) && !e.wait(r, changed) {
		header.Set("Retry-After", "30")
	}
	current, _ = e.now()
	if current == "" {
		header.Set("Retry-After", "1")
		header.Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	header.Set("Etag", `"`+current+`"`)
	header.Set("Cache-Control", "no-cache")
	if hasGeneration(r, current) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"generation": current})
}

func hasGeneration(r *http.Request, generation string) bool {
	for tag := range strings.SplitSeq(strings.Join(r.Header["If-None-Match"], ","), ",") {
		if strings.TrimPrefix(strings.TrimSpace(tag), "W/") == `"`+generation+`"` {
			return true
		}
	}
	return false
}

// wait waits as long as the client prefers. False: there is no room, or no time, for it to wait.
func (e *generationEndpoint) wait(r *http.Request, changed <-chan struct{}) bool {
	limit := preferredWait(r.Header["Prefer"])
	if limit == 0 {
		return true
	}
	defer waitingForGeneration.Add(-1)
	if waitingForGeneration.Add(1) > maxWaiting {
		return false
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-r.Context().Done():
	case <-e.closing:
		return false
	}
	return true
}

func preferredWait(lines []string) time.Duration {
	for preference := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(preference), "=")
		if !strings.EqualFold(name, "wait") {
			continue
		}
		seconds, err := strconv.ParseUint(value, 10, 32)
		if err == nil {
			return min(time.Duration(seconds)*time.Second, longestWait)
		}
	}
	return 0
}
