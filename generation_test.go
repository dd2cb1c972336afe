package usher

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/scan2food/usher/internal/patience"
)

const generationSite = `
	http://127.0.0.1 http://localhost
	websocket_gate {
		route current /ws/current/ {
			key a-key-of-the-tests-1234
			min_generation current
		}
		route previous /ws/previous/ {
			key a-key-of-the-tests-1234
			min_generation previous
		}
	}
	versioned_assets {
		serve /static/ %s
		settle 50ms 100ms
		stamp html
	}
	reverse_proxy %s
`

func startGenerationSite(t *testing.T) (site *testSite, root, configuration string) {
	t.Helper()
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			w.WriteHeader(http.StatusTeapot) // it was admitted
			return
		}
		w.Header().Set("Content-Type", "text/html")
	}))
	t.Cleanup(application.Close)
	root = writeTree(t, map[string]string{"main.js": "1"})
	configuration = fmt.Sprintf(generationSite, root, strings.TrimPrefix(application.URL, "http://"))
	return startSite(t, configuration), root, configuration
}

// generationOfPage is what a page is told.
func generationOfPage(t *testing.T, site *testSite) string {
	t.Helper()
	response, _ := fetch(t, site, "GET", "/")
	_, after, _ := strings.Cut(response.Header.Get("Server-Timing"), `usher;desc="`)
	generation, _, _ := strings.Cut(after, `"`)
	return generation
}

var handshake = []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}

// A page may open a socket as long as it is recent enough, over a reload of the configuration too.
func TestMinGeneration(t *testing.T) {
	t.Parallel()
	site, root, configuration := startGenerationSite(t)
	var generations []string
	deploy := func(content string) {
		writeFile(t, root, "main.js", content)
		eventually(t, "a generation with it", func() bool {
			_, served := fetch(t, site, "GET", "/static/main.js")
			return served == content
		})
		generations = append(generations, generationOfPage(t, site))
	}
	ask := func(route, generation string) (int, string) {
		t.Helper()
		response, body := fetch(t, site, "GET", "/ws/"+route+"/?key=a-key-of-the-tests-1234&usher_generation="+generation, handshake...)
		outcome, _, _ := strings.Cut(body, ":")
		return response.StatusCode, outcome
	}
	deploy("1")
	deploy("2")
	check := func(when string) {
		t.Helper()
		for _, c := range []struct {
			route, generation, why string
			status                 int
		}{
			{"current", generations[1], "the page is of now", 418},
			{"current", generations[0], "it is of before", 409},
			{"previous", generations[0], "that will do", 418},
			{"previous", generations[1], "the page is of now", 418},
			{"previous", "1abcdefghijkl", "nobody knows it", 409},
			{"current", "", "no page, or one of before usher", 418},
		} {
			status, outcome := ask(c.route, c.generation)
			if status != c.status || status == 409 && outcome != "page_outdated" {
				t.Errorf("%s, %s of %q: %d %s, want %d (%s)", when, c.route, c.generation, status, outcome, c.status, c.why)
			}
		}
	}
	check("after a deploy")
	if response, body := fetch(t, site, "GET", "/ws/current/?key=wrong-key-of-the-tests&usher_generation="+generations[0], handshake...); response.StatusCode != 401 {
		t.Errorf("a wrong key of an old page: %d %s, want 401: who has no key learns nothing", response.StatusCode, body)
	}
	next := startSite(t, configuration)
	site.Unload()
	site = next
	check("after a reload")
	deploy("3")
	if status, _ := ask("previous", generations[0]); status != 409 {
		t.Errorf("two generations ago: %d, want 409", status)
	}
	if status, _ := ask("previous", generations[1]); status != 418 {
		t.Errorf("one generation ago: %d, want it admitted", status)
	}
}

// Pages learn of a deploy while they wait; nobody who waits holds up a reload.
func TestGenerationEndpoint(t *testing.T) {
	t.Parallel()
	site, root, configuration := startGenerationSite(t)
	read := func(site *testSite, headers ...string) (*http.Response, string) {
		response, body := fetch(t, site, "GET", generationURL, headers...)
		var answer struct{ Generation string }
		if response.StatusCode == 200 {
			if err := json.Unmarshal([]byte(body), &answer); err != nil {
				t.Errorf("%q: %v", body, err)
			}
		}
		return response, answer.Generation
	}
	eventually(t, "a generation", func() bool { response, _ := read(site); return response.StatusCode == 200 })
	response, first := read(site)
	etag := response.Header.Get("Etag")
	if first != generationOfPage(t, site) || etag != `"`+first+`"` || response.Header.Get("Cache-Control") != revalidate {
		t.Errorf("it is %q with %v, want that of the page, as a tag too, revalidated", first, response.Header)
	}
	if response, _ := read(site, "If-None-Match", etag); response.StatusCode != 304 {
		t.Errorf("the same: %d, want 304", response.StatusCode)
	}
	if response, _ := read(site, "If-None-Match", etag, "Prefer", "wait=1"); response.StatusCode != 304 {
		t.Errorf("nothing happens: %d, want 304 after a second", response.StatusCode)
	}
	if response, _ := fetch(t, site, "POST", generationURL); response.StatusCode != 405 {
		t.Errorf("POST: %d, want 405", response.StatusCode)
	}

	type answer struct {
		status     int
		generation string
	}
	waiting := func() chan answer {
		answers, before, asked := make(chan answer, 1), waitingForGeneration.Load(), site
		go func() {
			response, generation := read(asked, "If-None-Match", etag, "Prefer", "respond-async, wait=60")
			answers <- answer{response.StatusCode, generation}
		}()
		eventually(t, "somebody waits", func() bool { return waitingForGeneration.Load() > before })
		return answers
	}
	answers := waiting()
	next := startSite(t, configuration)
	site.Unload()
	if got := receive(t, answers); got.status != 304 {
		t.Errorf("at a reload: %v, want 304", got)
	}
	site = next
	answers = waiting()
	writeFile(t, root, "main.js", "2")
	if got := receive(t, answers); got.status != 200 || got.generation == first || got.generation == "" {
		t.Errorf("at a deploy: %v, want 200 and another generation", got)
	}
	eventually(t, "nobody waits", func() bool { return waitingForGeneration.Load() == 0 })
}

func receive[T any](t *testing.T, from chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(patience.Most):
		t.Fatalf("nothing came in %s", patience.Most)
	}
	return value
}

// Who is one too many is answered at once.
func TestGenerationWaitersAreBounded(t *testing.T) {
	waitingForGeneration.Add(maxWaiting)
	defer waitingForGeneration.Add(-maxWaiting)
	site, _, _ := startGenerationSite(t)
	eventually(t, "a generation", func() bool { response, _ := fetch(t, site, "GET", generationURL); return response.StatusCode == 200 })
	response, _ := fetch(t, site, "GET", generationURL)
	response, _ = fetch(t, site, "GET", generationURL, "If-None-Match", response.Header.Get("Etag"), "Prefer", "wait=60")
	if response.StatusCode != 304 || response.Header.Get("Retry-After") == "" {
		t.Errorf("%d with %v, want 304 at once, and when to ask again", response.StatusCode, response.Header)
	}
}

func TestPreferredWait(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		prefer string
		want   time.Duration
	}{
		{"wait=5", 5 * time.Second}, {"respond-async, Wait=5", 5 * time.Second}, {"wait=1000", longestWait},
		{"", 0}, {"wait", 0}, {"wait=-1", 0}, {"wait=x", 0}, {"await=5", 0}, {"wait=99999999999", 0},
	} {
		if got := preferredWait([]string{c.prefer}); got != c.want {
			t.Errorf("Prefer %q waits %v, want %v", c.prefer, got, c.want)
		}
	}
}
