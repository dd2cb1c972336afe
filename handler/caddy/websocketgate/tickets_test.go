package websocketgate_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/golang-jwt/jwt/v5"

	"github.com/scan2food/usher/internal/testsite"
)

const (
	ticketSecret    = "ticket-secret-one-0123456789-0123456789"
	newTicketSecret = "ticket-secret-two-0123456789-0123456789"
)

// startTicketApplication serves a page, and echoes on sockets with the application's key.
func startTicketApplication(t *testing.T) (address string, seen *sync.Map) {
	t.Helper()
	seen = new(sync.Map)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/ws/") {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, "<!DOCTYPE html><title>screen</title>")
			return
		}
		seen.Store("query", r.URL.RawQuery)
		seen.Store("cookie", r.Header.Get("Cookie"))
		testsite.EchoMessages(w, r)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), seen
}

// ticketOf loads a page and returns its ticket.
func ticketOf(t *testing.T, site *testsite.Site, page string) string {
	t.Helper()
	response, err := http.Get(site.URL + page)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	for _, cookie := range response.Cookies() {
		if cookie.Name == "__Host-usher" {
			return cookie.Value
		}
	}
	t.Fatalf("%s carries no ticket: %v", page, response.Header)
	return ""
}

func dialWithTicket(t *testing.T, site *testsite.Site, path, ticket string) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), strings.Replace(site.URL, "http", "ws", 1)+path, &websocket.DialOptions{
		HTTPHeader: http.Header{"Cookie": {"session=1; __Host-usher=" + ticket}},
	})
	if err != nil {
		t.Fatalf("opening a socket with a ticket: %v", err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

func ticketSite(application, ticket string) string {
	return fmt.Sprintf(`
		http://localhost http://127.0.0.1
		log
		websocket_gate {
			route chat /ws/chat/ {
				ticket {
					%[2]s
				}
				hide_credentials
				upstream_credential query key the-application-key-0123
			}
			route orders /ws/orders/ {
				ticket {
					%[2]s
				}
			}
			route kitchen /ws/kitchen/ {
				key the-kitchen-key-0123456789
			}
		}
		websocket_tunnel /ws/* %[1]s
		reverse_proxy %[1]s
	`, application, ticket)
}

// The page sets the ticket, the browser sends it, and the application gets its own key. No log line shows the ticket or the key.
func TestTicketFromAPage(t *testing.T) {
	t.Parallel()
	application, seen := startTicketApplication(t)
	site := testsite.Start(t, ticketSite(application, "secret "+ticketSecret+"\nissue_on /screen/"))
	ticket := ticketOf(t, site, "/screen/")
	if !testsite.StillOpen(t, dialWithTicket(t, site, "/ws/chat/?a=1", ticket)) {
		t.Fatal("the application does not echo")
	}
	query, _ := seen.Load("query")
	cookie, _ := seen.Load("cookie")
	if query != "a=1&key=the-application-key-0123" || cookie != "session=1" {
		t.Errorf("the application sees the query %q and the cookie %q, want its own key alone", query, cookie)
	}
	dialWithTicket(t, site, "/ws/orders/", ticket)
	for path, want := range map[string]int{"/ws/kitchen/": 401, "/ws/kitchen/?key=" + ticket: 401, "/ws/chat/?key=" + ticket: 101} {
		if got := testsite.Exchange(t, site.Addr, testsite.Get(path, testsite.Upgrade)).StatusCode; got != want {
			t.Errorf("%s: %d, want %d", strings.Replace(path, ticket, "TICKET", 1), got, want)
		}
	}
	response, err := http.Get(site.URL + "/other/")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if len(response.Cookies()) > 0 {
		t.Error("a page that issue_on does not name carries a ticket")
	}
	testsite.Eventually(t, "WSCONNECT", func() bool { return len(site.Logs.With("WSCONNECT")) == 3 })
	for _, line := range site.Logs.With("WSCONNECT") {
		if line["key"] != "ticket" {
			t.Errorf("WSCONNECT names the key %v, want ticket", line["key"])
		}
	}
	signature := ticket[strings.LastIndex(ticket, ".")+1:]
	if logs := site.Logs.String(); strings.Contains(logs, signature) || strings.Contains(logs, ticketSecret) {
		t.Error("a log shows the ticket or its secret")
	}
}

// Adding a ticket secret closes no socket and invalidates no ticket. Removing the old one closes its sockets and no others.
func TestTicketSecretRotates(t *testing.T) {
	t.Parallel()
	application, _ := startTicketApplication(t)
	first := testsite.Start(t, ticketSite(application, "secret "+ticketSecret+"\nissue_on /screen/"))
	old := ticketOf(t, first, "/screen/")
	byOld := dialWithTicket(t, first, "/ws/chat/", old)

	second := testsite.Start(t, ticketSite(application, "secret "+newTicketSecret+" "+ticketSecret+"\nissue_on /screen/"))
	first.Unload()
	fresh := ticketOf(t, second, "/screen/")
	byFresh, stillByOld := dialWithTicket(t, second, "/ws/chat/", fresh), dialWithTicket(t, second, "/ws/chat/", old)
	for name, conn := range map[string]*websocket.Conn{"old": byOld, "new": byFresh, "old, after the rotation": stillByOld} {
		if !testsite.StillOpen(t, conn) {
			t.Errorf("the rotation closed the socket of the %s ticket", name)
		}
	}

	third := testsite.Start(t, ticketSite(application, "secret "+newTicketSecret+"\nissue_on /screen/"))
	second.Unload()
	for _, conn := range []*websocket.Conn{byOld, stillByOld} {
		if code := testsite.CloseCode(t, conn); code != 4401 {
			t.Errorf("a socket of the removed secret ended with %d, want 4401", code)
		}
	}
	if !testsite.StillOpen(t, byFresh) {
		t.Error("the socket of the new secret was closed")
	}
	dialWithTicket(t, third, "/ws/orders/", fresh)
}

// With `once`, one of many concurrent handshakes is admitted, also after a reload.
func TestTicketOnceOverAReload(t *testing.T) {
	t.Parallel()
	application, _ := startTicketApplication(t)
	config := ticketSite(application, "secret "+ticketSecret+"\nissue_on /screen/\nonce")
	first := testsite.Start(t, config)
	second := testsite.Start(t, config)
	ticket := ticketOf(t, first, "/screen/")
	handshake := strings.Replace(testsite.Get("/ws/chat/", testsite.Upgrade), "\r\n\r\n", "\r\nCookie: __Host-usher="+ticket+"\r\n\r\n", 1)
	var admitted, refused atomic.Int32
	var all sync.WaitGroup
	for i := range 40 {
		site := []*testsite.Site{first, second}[i%2]
		all.Go(func() {
			switch status := testsite.Exchange(t, site.Addr, handshake).StatusCode; status {
			case http.StatusSwitchingProtocols:
				admitted.Add(1)
			case http.StatusUnauthorized:
				refused.Add(1)
			default:
				t.Errorf("status %d, want 101 or 401", status)
			}
		})
	}
	all.Wait()
	if admitted.Load() != 1 || refused.Load() != 39 {
		t.Errorf("%d admitted and %d rejected, want 1 and 39", admitted.Load(), refused.Load())
	}
	early := strings.Replace(handshake, "\r\n\r\n", "\r\nEarly-Data: 1\r\n\r\n", 1)
	if got := testsite.Exchange(t, first.Addr, early); got.StatusCode != http.StatusTooEarly {
		t.Errorf("in early data: %s, want 425", got.Status)
	}
}

// An application with a private key issues tickets itself. usher has the public key.
func TestTicketOfTheApplication(t *testing.T) {
	t.Parallel()
	application, _ := startTicketApplication(t)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ticket.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	site := testsite.Start(t, ticketSite(application, "public_key "+path))
	mint := func(route string, lifetime time.Duration) string {
		token, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
			"aud": route, "exp": time.Now().Add(lifetime).Unix(),
		}).SignedString(private)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	for name, c := range map[string]struct {
		ticket string
		want   int
		reason string // the detail in the log
	}{
		"good":           {mint("chat", time.Minute), 101, ""},
		"of other route": {mint("orders", time.Minute), 403, "ticket aud names another route"},
		"ended":          {mint("chat", -time.Minute), 401, "ticket exp has passed"},
	} {
		before := len(site.Logs.With("WSREJECT"))
		if got := testsite.Exchange(t, site.Addr, testsite.Get("/ws/chat/?key="+c.ticket, testsite.Upgrade)).StatusCode; got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
		if c.reason == "" {
			continue
		}
		testsite.Eventually(t, "the refusal logged", func() bool { return len(site.Logs.With("WSREJECT")) > before })
		if reason := site.Logs.With("WSREJECT")[before]["reason"].(string); !strings.Contains(reason, c.reason) {
			t.Errorf("%s: the detail is %q, want %q in it", name, reason, c.reason)
		}
	}
}

func TestTicketConfigurationsThatDoNotLoad(t *testing.T) {
	t.Parallel()
	notPEM := filepath.Join(t.TempDir(), "not.pem")
	if err := os.WriteFile(notPEM, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ ticket, want string }{
		"short secret":  {"secret too-short", "at least 32"},
		"unset secret":  {"secret {env.USHER_TEST_NO_SUCH_VARIABLE}", "secret"},
		"missing file":  {"public_key /no/such/file.pem", "public_key"},
		"not PEM":       {"public_key " + notPEM, "public key"},
		"nothing signs": {"public_key " + notPEM + "\nissue_on /", "issue_on"},
		"no path":       {"secret " + ticketSecret + "\nissue_on screen", "issue_on"},
		"cookie":        {"secret " + ticketSecret + "\ncookie a;b", "cookie"},
	} {
		_, err := testsite.Provision(t, ticketSite("127.0.0.1:1", c.ticket))
		switch {
		case err == nil:
			t.Errorf("%s: it loads, want an error", name)
		case !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "route chat: ticket") ||
			!strings.Contains(err.Error(), "Caddyfile:"):
			t.Errorf("%s: %v, want the route, the line, and %q", name, err, c.want)
		case strings.Contains(err.Error(), "too-short"):
			t.Errorf("%s: %v shows the secret", name, err)
		}
	}
}

// The gate accepts the tickets that the example issues with PyJWT.
func TestPythonMintsTickets(t *testing.T) {
	t.Parallel()
	python := testsite.Python(t)
	application, _ := startTicketApplication(t)
	site := testsite.Start(t, ticketSite(application, "secret "+ticketSecret))
	output := testsite.RunPython(t, python, "import tickets, sys; print(tickets.mint(['chat'], sys.argv[1]))", ticketSecret)
	for path, want := range map[string]int{"/ws/chat/": 101, "/ws/orders/": 403} {
		if got := testsite.Exchange(t, site.Addr, testsite.Get(path+"?key="+strings.TrimSpace(output), testsite.Upgrade)).StatusCode; got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
}
