package statuspage_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	_ "github.com/scan2food/usher"
	"github.com/scan2food/usher/handler/caddy/statuspage"
	"github.com/scan2food/usher/handler/operate/report"
	"github.com/scan2food/usher/internal/testsite"
)

const goodKey = "status-page-key-0123456789"

func startPage(t *testing.T) *testsite.Site {
	t.Helper()
	return testsite.Start(t, fmt.Sprintf(`
		http://127.0.0.1
		usher_status /status public
		websocket_gate {
			route chat /ws/chat/ {
				key %s chat-2026
			}
		}
		versioned_assets {
			serve /static/ %s
			stamp html
		}
		websocket_tunnel %s
	`, goodKey, testsite.WriteTree(t, map[string]string{"main.js": "x"}), testsite.StartEcho(t)))
}

func TestThePageLoadsNothingAndAllowsOnlyItself(t *testing.T) {
	site := startPage(t)
	response, body := testsite.Fetch(t, site, "GET", "/status")
	policy := response.Header.Get("Content-Security-Policy")
	if response.StatusCode != 200 || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") ||
		strings.Count(policy, "'sha256-") != 2 || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d with %v", response.StatusCode, response.Header)
	}
	for _, forbidden := range []string{"http://", "https://", "//cdn", "src=", "@import", "url("} {
		if strings.Contains(strings.ReplaceAll(body, "http://www.w3.org/2000/svg", ""), forbidden) {
			t.Errorf("the page contains %s; it must load nothing", forbidden)
		}
	}
	if response, _ := testsite.Fetch(t, site, "PUT", "/status"); response.StatusCode != 405 {
		t.Errorf("PUT gets %d, want 405", response.StatusCode)
	}
}

// event reads the next event of the stream.
func event(t *testing.T, stream *bufio.Reader) string {
	t.Helper()
	for {
		line, err := stream.ReadString('\n')
		if err != nil {
			t.Fatalf("reading the stream: %v", err)
		}
		if data, found := strings.CutPrefix(line, "data: "); found {
			return data
		}
	}
}

func TestTheStreamShowsSocketsAndNoCredential(t *testing.T) {
	site := startPage(t)
	conn := testsite.OpenSocket(t, site, goodKey)
	if !testsite.StillOpen(t, conn) {
		t.Fatal("the socket does not work")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	request, _ := http.NewRequestWithContext(ctx, "GET", site.URL+"/status?events", nil)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text := event(t, bufio.NewReader(response.Body))
	var state struct {
		Status  report.Status
		Sockets report.Sockets
		History *struct{ At []int64 }
	}
	if err := json.Unmarshal([]byte(text), &state); err != nil || state.Sockets.Total != 1 || state.Status.Routes[0].Open != 1 || state.History == nil {
		t.Errorf("%v, the first event is %.300s", err, text)
	}
	if strings.Contains(text, goodKey) || response.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("the stream is %s and may show a key", response.Header.Get("Content-Type"))
	}
	// A reload waits for open requests of the old configuration, so that unloading must end the stream.
	site.Unload()
	_, _ = io.Copy(io.Discard, response.Body)
}

func TestOnlyThePageItselfClosesASocket(t *testing.T) {
	site := startPage(t)
	conn := testsite.OpenSocket(t, site, goodKey)
	if !testsite.StillOpen(t, conn) {
		t.Fatal("the socket does not work")
	}
	post := func(body string, headers ...string) (int, string) {
		request, _ := http.NewRequest("POST", site.URL+"/status", strings.NewReader(body))
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		answer, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(answer)
	}
	id := firstSocket(t, site)
	good := fmt.Sprintf(`{"id":%d}`, id)
	for _, c := range []struct {
		name, body string
		headers    []string
		status     int
	}{
		{"another site", good, []string{"Content-Type", "application/json", "Sec-Fetch-Site", "cross-site"}, 403},
		{"another origin", good, []string{"Content-Type", "application/json", "Origin", "https://evil.example"}, 403},
		{"a form", good, []string{"Content-Type", "text/plain", "Sec-Fetch-Site", "same-origin"}, 415},
		{"no id", `{}`, []string{"Content-Type", "application/json"}, 400},
		{"no JSON", `x`, []string{"Content-Type", "application/json"}, 400},
		{"a huge body", `{"x":"` + strings.Repeat("x", 1<<20) + `","id":1}`, []string{"Content-Type", "application/json"}, 400},
	} {
		if status, _ := post(c.body, c.headers...); status != c.status || !testsite.StillOpen(t, conn) {
			t.Errorf("%s: %d, want %d and the socket open", c.name, status, c.status)
		}
	}
	status, answer := post(good, "Content-Type", "application/json", "Sec-Fetch-Site", "same-origin")
	if status != 200 || !strings.Contains(answer, `"closed":1`) || testsite.CloseCode(t, conn) != 1001 {
		t.Errorf("the page itself: %d %s, want the socket closed", status, answer)
	}
	if status, answer := post(good, "Content-Type", "application/json"); status != 200 || !strings.Contains(answer, `"closed":0`) {
		t.Errorf("again: %d %s", status, answer)
	}
}

func firstSocket(t *testing.T, site *testsite.Site) uint64 {
	t.Helper()
	response, err := http.Get(site.URL + "/status?events")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var state struct{ Sockets report.Sockets }
	if err := json.Unmarshal([]byte(event(t, bufio.NewReader(response.Body))), &state); err != nil || len(state.Sockets.Sockets) == 0 {
		t.Fatalf("no socket is shown: %v", err)
	}
	return state.Sockets.Sockets[len(state.Sockets.Sockets)-1].ID
}

func TestProtectionOfThePage(t *testing.T) {
	const auth = "basic_auth {\nbob $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}\n"
	for _, c := range []struct {
		name, config string
		want         bool
		why          string
	}{
		{"alone", "http://example.com\nusher_status", false, "everybody could open it"},
		{"behind basic_auth", "http://example.com\n" + auth + "usher_status /status", true, "it asks for a password"},
		{"behind basic_auth of the same path", "http://example.com\n" + strings.Replace(auth, "basic_auth", "basic_auth /status", 1) + "usher_status /status", true, "the matchers are equal"},
		{"behind basic_auth of another path", "http://example.com\n" + strings.Replace(auth, "basic_auth", "basic_auth /admin", 1) + "usher_status /status", false, "its requests are not asked"},
		{"within a handle with basic_auth", "http://example.com\nhandle /status {\n" + auth + "usher_status\n}", true, "the block asks"},
		{"beside a handle with basic_auth", "http://example.com\nhandle /admin {\n" + auth + "respond x\n}\nhandle /status {\nusher_status\n}", false, "another block asks"},
		{"before basic_auth", "http://example.com\nroute {\nusher_status /status\n" + auth + "}", false, "it responds first"},
		{"one of two", "http://example.com\nroute {\nusher_status /a\n" + auth + "usher_status /b\n}", false, "the first is open"},
		{"one of two, which is public", "http://example.com\nroute {\nusher_status /a public\n" + auth + "usher_status /b\n}", true, "the other is protected"},
	} {
		adapted, err := testsite.Adapt(c.config)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var config struct {
			Apps struct {
				HTTP struct {
					Servers map[string]*caddyhttp.Server `json:"servers"`
				} `json:"http"`
			} `json:"apps"`
		}
		if err := json.Unmarshal(adapted, &config); err != nil {
			t.Fatal(err)
		}
		server := config.Apps.HTTP.Servers["srv0"]
		if got := statuspage.IsProtected(server); got != c.want || statuspage.IsLoopback(server) {
			t.Errorf("%s: %t, want %t (%s)", c.name, got, c.want, c.why)
		}
	}
}

func TestIsLoopback(t *testing.T) {
	for _, c := range []struct {
		name   string
		listen []string
		want   bool
	}{
		{"an address of loopback", []string{"127.0.0.1:80"}, true},
		{"IPv6 and a Unix socket", []string{"[::1]:80", "unix//run/x.sock"}, true},
		{"localhost", []string{"localhost:80"}, true},
		{"every address", []string{":80"}, false},
		{"one of two", []string{"127.0.0.1:80", "192.0.2.1:80"}, false},
		{"none", nil, false},
	} {
		if got := statuspage.IsLoopback(&caddyhttp.Server{Listen: c.listen}); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
	if statuspage.IsLoopback(nil) {
		t.Error("a handler outside of a server is not on loopback")
	}
}

// A page of every address, and one behind a password, in Caddy itself.
func TestAnUnprotectedPageDoesNotLoad(t *testing.T) {
	for _, c := range []struct {
		directive string
		loads     bool
	}{{"usher_status", false}, {"usher_status public", true}} {
		adapted, err := testsite.Adapt(fmt.Sprintf(":%d\n%s", testsite.FreePort(t), c.directive))
		if err != nil {
			t.Fatal(err)
		}
		var config caddy.Config
		if err := json.Unmarshal(adapted, &config); err != nil {
			t.Fatal(err)
		}
		config.Admin = &caddy.AdminConfig{Disabled: true}
		if err := caddy.Validate(&config); (err == nil) != c.loads || err != nil && !strings.Contains(err.Error(), "put basic_auth before it") {
			t.Errorf("%s: %v, want loading: %t", c.directive, err, c.loads)
		}
	}
}
