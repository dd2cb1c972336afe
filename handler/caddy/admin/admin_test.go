package admin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/coder/websocket"

	_ "github.com/scan2food/usher"
	"github.com/scan2food/usher/handler/caddy/admin"
	"github.com/scan2food/usher/handler/operate/report"
	"github.com/scan2food/usher/internal/testsite"
)

// Secrets of the site under test. No response may contain one.
const (
	chatKey      = "admin-chat-key-0123456789"
	ordersKey    = "admin-orders-key-0123456789"
	ticketSecret = "admin-ticket-secret-0123456789-0123456789"
)

// call calls an endpoint and returns the status and the body, or the text of the error.
func call(t *testing.T, method, uri, body string) (status int, answer string) {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, "http://localhost:2019/usher/"+uri, strings.NewReader(body))
	err := admin.API{}.Routes()[0].Handler.ServeHTTP(w, r)
	var failure caddy.APIError
	if errors.As(err, &failure) {
		return failure.HTTPStatus, failure.Err.Error()
	}
	if err != nil {
		t.Fatalf("%s %s: %v", method, uri, err)
	}
	return w.Code, w.Body.String()
}

// ask decodes the answer of an endpoint.
func ask[T any](t *testing.T, method, uri, body string) (answer T) {
	t.Helper()
	status, text := call(t, method, uri, body)
	if status != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, uri, status, text)
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("%s %s: %v in %s", method, uri, err, text)
	}
	return answer
}

type underTest struct {
	*testsite.Site
	root, first, second string
}

// startOperated starts a site with everything that the endpoints report.
func startOperated(t *testing.T) *underTest {
	t.Helper()
	root := testsite.WriteTree(t, map[string]string{"main.js": "first()", "page.html": "<p>page</p>", "worker.js": "work()"})
	site := &underTest{root: root, first: testsite.StartEcho(t), second: testsite.StartEcho(t)}
	site.Site = testsite.Start(t, fmt.Sprintf(`
		http://127.0.0.1 http://localhost
		websocket_gate {
			route chat /ws/chat/ {
				key %s chat-2026
				ticket {
					secret %s
				}
			}
			route orders /ws/orders/ {
				key %s orders-2026
			}
		}
		versioned_assets {
			serve /static/ %s
			settle 50ms 400ms
			keep 72h
			keep_directory %s
		}
		websocket_tunnel %s %s {
			lb_policy first
		}
	`, chatKey, ticketSecret, ordersKey, root, t.TempDir(), site.first, site.second))
	return site
}

// openSocket opens a socket and waits until it works, and so until it is counted.
func openSocket(t *testing.T, site *underTest) *websocket.Conn {
	t.Helper()
	conn := testsite.OpenSocket(t, site.Site, chatKey)
	if !testsite.StillOpen(t, conn) {
		t.Fatal("the socket does not work")
	}
	return conn
}

func TestSocketsAreListedAndClosed(t *testing.T) {
	site := startOperated(t)
	first, second := openSocket(t, site), openSocket(t, site)
	list := ask[report.Sockets](t, "GET", "sockets?route=chat&client=127.0.0.0/8&key=chat-2026&host=127.0.0.1&upstream="+site.first, "")
	if list.Matching != 2 || list.ByRoute["chat"] != 2 || list.BytesIn == 0 || list.Sockets[0].Upstream != site.first || list.Sockets[0].Path != "/ws/chat/" {
		t.Errorf("the list is %+v, want both sockets with their upstream and bytes", list)
	}
	page := ask[report.Sockets](t, "GET", "sockets?route=chat&limit=1", "")
	if len(page.Sockets) != 1 || page.Next != page.Sockets[0].ID || page.Matching != 2 {
		t.Errorf("the first page is %+v, want one socket, and the next page", page)
	}
	rest := ask[report.Sockets](t, "GET", fmt.Sprintf("sockets?route=chat&limit=1&after=%d", page.Next), "")
	if len(rest.Sockets) != 1 || rest.Sockets[0].ID == page.Next || rest.Next != 0 {
		t.Errorf("the second page is %+v, want the other socket and no further page", rest)
	}
	if none := ask[report.Sockets](t, "GET", "sockets?client=192.0.2.1", ""); none.Matching != 0 || none.Total < 2 {
		t.Errorf("the list of another client is %+v", none)
	}
	closed := ask[report.Closed](t, "DELETE", fmt.Sprintf("sockets?id=%d&code=4001&reason=kicked", page.Next), "")
	if closed.Closed != 1 || testsite.CloseCode(t, first) != 4001 || !testsite.StillOpen(t, second) {
		t.Errorf("closed %d sockets, want the first alone, with 4001", closed.Closed)
	}
	if closed := ask[report.Closed](t, "DELETE", "sockets?route=chat", ""); closed.Closed != 1 || testsite.CloseCode(t, second) != 1001 {
		t.Errorf("closed %d sockets, want the second, with 1001", closed.Closed)
	}
}

func TestRoutesAndKeysAreReported(t *testing.T) {
	site := startOperated(t)
	openSocket(t, site)
	testsite.Exchange(t, site.Addr, testsite.Get("/ws/chat/?key=wrong-key-0123456789", testsite.Upgrade))
	routes := ask[[]report.Route](t, "GET", "routes", "")
	if len(routes) != 2 || routes[0].Route != "chat" || routes[0].Open != 1 || routes[0].Outcomes["accepted"] == 0 ||
		routes[0].LastAccepted.IsZero() || !routes[0].Tickets || routes[1].Dark {
		t.Errorf("the routes are %+v", routes)
	}
	keys := ask[report.Keys](t, "GET", "keys", "")
	if len(keys.Keys) != 2 {
		t.Fatalf("the keys are %+v, want two", keys)
	}
	for _, key := range keys.Keys {
		if !key.Valid || key.Key == "chat-2026" && (key.Open != 1 || key.LastUse.IsZero()) || key.Key == "orders-2026" && key.Open != 0 {
			t.Errorf("key %+v, want it valid, and the open socket at chat-2026", key)
		}
	}
}

func TestDrainedUpstreamGetsNoSockets(t *testing.T) {
	site := startOperated(t)
	old := openSocket(t, site)
	drained := ask[report.Drain](t, "POST", "upstreams/drain", fmt.Sprintf(`{"upstream":%q,"over":0}`, site.first))
	if !drained.Drained || drained.Open != 1 || testsite.CloseCode(t, old) != 1012 {
		t.Errorf("drain answers %+v, want one socket closed with 1012", drained)
	}
	openSocket(t, site)
	upstreams := ask[[]report.Upstream](t, "GET", "upstreams", "")
	for _, u := range upstreams {
		if u.Upstream == site.first && (!u.Drained || u.DrainedSince.IsZero()) || u.Upstream == site.second && (u.Open != 1 || !u.Up) {
			t.Errorf("upstream %+v, want the first drained and the socket at the second", u)
		}
	}
	ask[report.Drain](t, "POST", "upstreams/drain", fmt.Sprintf(`{"upstream":%q,"over":0}`, site.second))
	if response := testsite.Exchange(t, site.Addr, testsite.Get("/ws/chat/?key="+chatKey, testsite.Upgrade)); response.StatusCode != 503 {
		t.Errorf("with both upstreams drained a handshake gets %d, want 503", response.StatusCode)
	}
	if status, answer := call(t, "GET", "ready", ""); status != 503 || !strings.Contains(answer, "no upstream") {
		t.Errorf("ready is %d %s, want 503", status, answer)
	}
	if !ask[report.Readiness](t, "GET", "live", "").OK {
		t.Error("live is false while the process can answer")
	}
	ask[report.Drain](t, "POST", "upstreams/undrain", fmt.Sprintf(`{"upstream":%q}`, site.first))
	ask[report.Drain](t, "POST", "upstreams/undrain", fmt.Sprintf(`{"upstream":%q}`, site.second))
	openSocket(t, site)
}

// The admin endpoint answers before the apps of the first configuration have started. Sites of these tests never start.
func TestNotReadyBeforeAConfigurationHasStarted(t *testing.T) {
	if status, answer := call(t, "GET", "ready", ""); status != 503 || !strings.Contains(answer, "no configuration has started") {
		t.Errorf("ready is %d %s, want 503", status, answer)
	}
}

func TestAssetsAreReportedRescannedAndPurged(t *testing.T) {
	site := startOperated(t)
	testsite.Eventually(t, "the directory is read", func() bool { return ask[[]report.Assets](t, "GET", "assets", "")[0].Ready })
	assets := ask[[]report.Assets](t, "GET", "assets", "")[0]
	if assets.Classes["versioned"].Files != 2 || assets.Classes["page"].Files != 1 || assets.MemoryBytes == 0 || assets.Generation == "" {
		t.Errorf("the assets are %+v", assets)
	}
	old := "/static/main.js?v=" + testsite.Version("first()")
	if explained := ask[report.Explanation](t, "GET", "explain?url="+url.QueryEscape("http://127.0.0.1"+old), ""); explained.By != "assets" ||
		!strings.Contains(explained.CacheControl, "immutable") || explained.Evidence != "digest" {
		t.Errorf("the explanation is %+v", explained)
	}
	testsite.WriteFile(t, site.root, "main.js", "second()")
	testsite.Eventually(t, "the change is published", func() bool {
		rescans := ask[[]report.Rescan](t, "POST", "rescan", "")
		return len(rescans) == 1 && rescans[0].After != assets.Generation
	})
	if _, body := testsite.Fetch(t, site.Site, "GET", old); body != "first()" {
		t.Fatalf("the earlier version is %q before the purge", body)
	}
	testsite.Eventually(t, "the file is purged", func() bool {
		return ask[report.Purged](t, "DELETE", "kept?url="+url.QueryEscape("http://127.0.0.1/static/main.js"), "").Versions > 0
	})
	response, body := testsite.Fetch(t, site.Site, "GET", old)
	if body != "second()" || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("after the purge the earlier version is %q with %q, want current bytes and no-store", body, response.Header.Get("Cache-Control"))
	}
	if status, _ := call(t, "DELETE", "kept?url="+url.QueryEscape("http://127.0.0.1/other/x.js"), ""); status != 404 {
		t.Errorf("purging an unknown URL: %d, want 404", status)
	}
}

func TestExplainSaysWhyAHandshakeIsRejected(t *testing.T) {
	startOperated(t)
	for _, c := range []struct{ name, body, outcome, why string }{
		{"no key", `{"url":"ws://127.0.0.1/ws/chat/"}`, "key_missing", "the route requires one"},
		{"a wrong key", `{"url":"ws://127.0.0.1/ws/chat/?key=admin-wrong-key-0123456789"}`, "key_unknown", "no route has this key"},
		{"the key of another route", `{"url":"ws://127.0.0.1/ws/chat/?key=` + ordersKey + `"}`, "key_other_route", "it is the key of orders"},
		{"another origin", `{"url":"ws://127.0.0.1/ws/chat/?key=` + chatKey + `","origin":"https://evil.example"}`, "origin_denied", "origins is same"},
		{"a good key", `{"url":"ws://127.0.0.1/ws/chat/?key=` + chatKey + `"}`, "accepted", "it is good"},
	} {
		got := ask[report.Explanation](t, "POST", "explain", c.body)
		if got.By != "gate" || got.Outcome != c.outcome || got.Why == "" {
			t.Errorf("%s: %+v, want %s (%s)", c.name, got, c.outcome, c.why)
		}
	}
}

func TestBadRequestsGetErrorsThatSayWhatToWrite(t *testing.T) {
	startOperated(t)
	for _, c := range []struct {
		method, uri, body string
		status            int
		want              string
	}{
		{"GET", "nothing", "", 404, "unknown endpoint: use assets"},
		{"PUT", "sockets", "", 405, "use DELETE, GET"},
		{"GET", "sockets?colour=red", "", 400, "unknown filter: use client"},
		{"GET", "sockets?route=a&route=b", "", 400, "want one value"},
		{"GET", "sockets?id=x", "", 400, "want a number"},
		{"GET", "sockets?client=everybody", "", 400, "want an address"},
		{"GET", "sockets?limit=100000", "", 400, "from 1 to 1000"},
		{"GET", "sockets?limit=-1", "", 400, "from 1 to 1000"},
		{"GET", "sockets?after=-1", "", 400, "want the number of a socket"},
		{"GET", "sockets?%zz", "", 400, "invalid query"},
		{"DELETE", "sockets", "", 400, "no filter"},
		{"DELETE", "sockets?limit=1", "", 400, "remove them"},
		{"DELETE", "sockets?route=chat&code=1006", "", 400, "code: want"},
		{"DELETE", "sockets?route=chat&code=99999999999", "", 400, "code: want"},
		{"DELETE", "sockets?route=chat&reason=" + strings.Repeat("x", 124), "", 400, "at most 123 bytes"},
		{"DELETE", "sockets?user=", "", 400, "user: empty"},
		{"DELETE", "sockets?process=", "", 400, "process: empty"},
		{"DELETE", "sockets?session=0", "", 400, "session: want a number"},
		{"GET", "sockets?user=", "", 400, "user: empty"},
		{"GET", "routes?x=1", "", 400, "unknown parameter"},
		{"POST", "upstreams/drain", "", 400, "got nothing"},
		{"POST", "upstreams/drain", `{"upstream":7}`, 400, "field upstream: want string"},
		{"POST", "upstreams/drain", `{"upstream":"127.0.0.1:1","extra":1}`, 400, "unknown field"},
		{"POST", "upstreams/drain", `{"upstream":"127.0.0.1:1","over":"ever"}`, 400, "invalid value"},
		{"POST", "upstreams/drain", `{"upstream":"127.0.0.1:1","over":"9000h"}`, 400, "over: want"},
		{"POST", "upstreams/drain", `{"upstream":"127.0.0.1:1"}`, 404, "unknown upstream: use"},
		{"POST", "upstreams/drain", `[]`, 400, "want JSON: write an object, got array"},
		{"POST", "upstreams/drain", `{}{}`, 400, "one JSON object"},
		{"POST", "upstreams/undrain", `{"upstream":"127.0.0.1:1","over":"1s"}`, 400, "at once"},
		{"POST", "upstreams/drain", strings.Repeat("x", 1<<20), 413, "at most 65536 bytes"},
		{"GET", "explain", "", 400, "want an absolute URL"},
		{"GET", "explain?url=/static/main.js", "", 400, "want an absolute URL"},
		{"GET", "explain?url=ftp://a/b", "", 400, "want an absolute URL"},
		{"GET", "explain?url=" + url.QueryEscape("http://a/%zz?key="+chatKey), "", 400, "invalid URL escape"},
		{"GET", "explain?url=http://a/" + strings.Repeat("x", 9000), "", 400, "at most 8192 bytes"},
		{"POST", "explain", `{"url":"ws://127.0.0.1/ws/chat/","client":"` + chatKey + `"}`, 400, "want an IP address"},
		{"DELETE", "kept", "", 400, "want an absolute URL"},
	} {
		status, answer := call(t, c.method, c.uri, c.body)
		if status != c.status || !strings.Contains(answer, c.want) || strings.Contains(answer, chatKey) || len(answer) > 1000 {
			t.Errorf("%s %.60s: %d %.200q, want %d and %q", c.method, c.uri, status, answer, c.status, c.want)
		}
	}
}

// Every endpoint is called by every method that it has, with parameters and bodies that hold a key too.
func TestNoEndpointShowsACredential(t *testing.T) {
	site := startOperated(t)
	openSocket(t, site)
	secrets := []string{chatKey, ordersKey, ticketSecret}
	testsite.Exchange(t, site.Addr, testsite.Get("/ws/chat/?key="+ordersKey, testsite.Upgrade))
	calls := 0
	for name, methods := range admin.Endpoints() {
		for _, method := range append(methods, "PATCH") {
			for _, query := range []string{
				"", "?url=" + url.QueryEscape("ws://127.0.0.1/ws/chat/?key="+ordersKey), "?url=" + url.QueryEscape("http://127.0.0.1/static/"+chatKey),
				"?key=" + chatKey, "?route=" + chatKey, "?id=" + chatKey, "?client=" + chatKey, "?session=" + chatKey, "?code=" + chatKey + "&route=none", "?reason=" + strings.Repeat(chatKey, 9) + "&route=none", "?" + chatKey + "=1", "?limit=" + chatKey,
			} {
				for _, body := range []string{
					"", chatKey, `{"` + chatKey + `":1}`, `{"upstream":"` + chatKey + `"}`, `{"upstream":"` + site.first + `","over":"` + chatKey + `"}`,
					`{"url":"ws://127.0.0.1/ws/chat/?key=` + chatKey + `","origin":"http://` + ordersKey + `"}`, `{"url":"` + chatKey + `://"}`, `{"url":"http://` + chatKey + `"}`,
				} {
					calls++
					status, answer := call(t, method, name+query, body)
					for _, secret := range secrets {
						if strings.Contains(answer, secret) {
							t.Errorf("%s %s %s: %d %.300s", method, name+query, body, status, answer)
						}
					}
				}
			}
		}
	}
	if calls < 1000 {
		t.Errorf("%d calls", calls)
	}
}

func TestNoAnswerContainsACredential(t *testing.T) {
	site := startOperated(t)
	openSocket(t, site)
	secrets := []string{chatKey, ordersKey, ticketSecret}
	for _, wrong := range []string{"?key=" + ordersKey, "?key=" + chatKey + "&key=" + ordersKey, "x/" + chatKey} {
		testsite.Exchange(t, site.Addr, testsite.Get("/ws/chat/"+wrong, testsite.Upgrade+"Cookie: __Host-usher="+ticketSecret+"\r\nOrigin: http://"+chatKey+".example\r\n"))
	}
	for _, uri := range []string{"status", "sockets", "routes", "keys", "upstreams", "assets", "ready", "live"} {
		_, answer := call(t, "GET", uri, "")
		for _, secret := range secrets {
			if strings.Contains(answer, secret) {
				t.Errorf("GET %s contains a credential", uri)
			}
		}
	}
	for _, path := range []string{"/ws/chat/?key=", "/ws/", "/static/main.js?v=", "/static/", "/ws/chat/?a="} {
		for _, scheme := range []string{"ws", "http"} {
			for _, secret := range secrets[:2] { // no client has the ticket's secret
				for _, origin := range []string{"", "http://" + secret} {
					_, answer := call(t, "POST", "explain", fmt.Sprintf(`{"url":"%s://127.0.0.1%s%s","origin":%q}`, scheme, path, secret, origin))
					if strings.Contains(answer, secret) {
						t.Errorf("explain %s %s contains a credential: %s", scheme, path, answer)
					}
				}
			}
		}
	}
}
