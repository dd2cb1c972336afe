package versionedassets_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/static/pages"
	"github.com/scan2food/usher/internal/testsite"
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

func startGenerationSite(t *testing.T) (site *testsite.Site, root, configuration string) {
	t.Helper()
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			w.WriteHeader(http.StatusTeapot) // it was admitted
			return
		}
		w.Header().Set("Content-Type", "text/html")
	}))
	t.Cleanup(application.Close)
	root = testsite.WriteTree(t, map[string]string{"main.js": "1"})
	configuration = fmt.Sprintf(generationSite, root, strings.TrimPrefix(application.URL, "http://"))
	return testsite.Start(t, configuration), root, configuration
}

// generationOfPage is the generation in the page.
func generationOfPage(t *testing.T, site *testsite.Site) string {
	t.Helper()
	response, _ := testsite.Fetch(t, site, "GET", "/")
	_, after, _ := strings.Cut(response.Header.Get("Server-Timing"), `usher;desc="`)
	generation, _, _ := strings.Cut(after, `"`)
	return generation
}

var handshake = []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}

// A page can open a socket while its generation is recent enough, also after a reload.
func TestMinGeneration(t *testing.T) {
	t.Parallel()
	site, root, configuration := startGenerationSite(t)
	var generations []string
	deploy := func(content string) {
		testsite.WriteFile(t, root, "main.js", content)
		testsite.Eventually(t, "a generation with it", func() bool {
			_, served := testsite.Fetch(t, site, "GET", "/static/main.js")
			return served == content
		})
		generations = append(generations, generationOfPage(t, site))
	}
	ask := func(route, generation string) (int, string) {
		t.Helper()
		response, body := testsite.Fetch(t, site, "GET", "/ws/"+route+"/?key=a-key-of-the-tests-1234&usher_generation="+generation, handshake...)
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
			{"current", generations[0], "an earlier generation", 409},
			{"previous", generations[0], "that will do", 418},
			{"previous", generations[1], "the page is of now", 418},
			{"previous", "1abcdefghijkl", "an unknown generation", 409},
			{"current", "", "a client without a generation", 418},
		} {
			status, outcome := ask(c.route, c.generation)
			if status != c.status || status == 409 && outcome != "page_outdated" {
				t.Errorf("%s, %s of %q: %d %s, want %d (%s)", when, c.route, c.generation, status, outcome, c.status, c.why)
			}
		}
	}
	check("after a deploy")
	if response, body := testsite.Fetch(t, site, "GET", "/ws/current/?key=wrong-key-of-the-tests&usher_generation="+generations[0], handshake...); response.StatusCode != 401 {
		t.Errorf("a wrong key of an old page: %d %s, want 401: clients without a key learn nothing", response.StatusCode, body)
	}
	next := testsite.Start(t, configuration)
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

// A page polls the generation with If-None-Match, and gets 304 until a deploy.
func TestGenerationEndpoint(t *testing.T) {
	t.Parallel()
	site, root, _ := startGenerationSite(t)
	read := func(headers ...string) (*http.Response, string) {
		response, body := testsite.Fetch(t, site, "GET", pages.EndpointPath, headers...)
		var answer struct{ Generation string }
		if response.StatusCode == 200 {
			if err := json.Unmarshal([]byte(body), &answer); err != nil {
				t.Errorf("%q: %v", body, err)
			}
		}
		return response, answer.Generation
	}
	testsite.Eventually(t, "a generation", func() bool { response, _ := read(); return response.StatusCode == 200 })
	response, first := read()
	etag := response.Header.Get("Etag")
	if first != generationOfPage(t, site) || etag != `"`+first+`"` || response.Header.Get("Cache-Control") != revalidate {
		t.Errorf("the generation is %q with %v, want that of the page, as a tag too, revalidated", first, response.Header)
	}
	for _, tags := range []string{etag, `"other", W/` + etag} {
		if response, _ := read("If-None-Match", tags, "Prefer", "wait=60"); response.StatusCode != 304 || response.Header.Get("Etag") != etag {
			t.Errorf("%s again: %d with %v, want 304 with its tag", tags, response.StatusCode, response.Header)
		}
	}
	if response, _ := testsite.Fetch(t, site, "POST", pages.EndpointPath); response.StatusCode != 405 {
		t.Errorf("POST: %d, want 405", response.StatusCode)
	}
	testsite.WriteFile(t, root, "main.js", "2")
	testsite.Eventually(t, "another generation", func() bool {
		response, generation := read("If-None-Match", etag)
		return response.StatusCode == 200 && generation != first
	})
}
