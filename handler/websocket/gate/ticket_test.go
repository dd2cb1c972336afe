package gate

import (
	"crypto/rand"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/websocket/keys"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// nextFunc is a next handler.
type nextFunc func(http.ResponseWriter, *http.Request) error

func (f nextFunc) ServeHTTP(w http.ResponseWriter, r *http.Request) error { return f(w, r) }

// ticketGate returns a gate whose routes 0 and 1 accept keys and the same tickets.
func ticketGate(t testing.TB, config keys.TicketConfig, edit func(*RouteTickets)) (*Gate, *keys.Tickets) {
	t.Helper()
	config.Secrets = []string{"ticket-secret-0123456789-0123456789"}
	tickets, err := keys.NewTickets(config)
	if err != nil {
		t.Fatal(err)
	}
	g := newGate(t, 2, func(route *Route) {
		route.Tickets = &RouteTickets{Tickets: tickets, Bind: config.Bind, Once: config.Once, Lifetime: config.Lifetime}
		if edit != nil {
			edit(route.Tickets)
		}
	})
	g.config.UsedTickets = keys.NewUsedTickets(1000)
	g.config.Random = rand.Reader
	return g, tickets
}

func issue(t testing.TB, tickets *keys.Tickets, at time.Time, binding string, routes ...string) string {
	t.Helper()
	token, err := tickets.Issue(routes, "", binding, at, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestDecideTicket(t *testing.T) {
	t.Parallel()
	g, tickets := ticketGate(t, keys.TicketConfig{}, nil)
	now := time.Now()
	good, other := issue(t, tickets, now, "", "0"), issue(t, tickets, now, "", "1")
	old := issue(t, tickets, now.Add(-time.Hour), "", "0")
	key, otherKey := secret+"-0-0", secret+"-1-0"
	for _, c := range []struct {
		name, query, cookie string
		want                Outcome
		label               string
		why                 string
	}{
		{"cookie", "", "__Host-usher=" + good, Accepted, TicketLabel, "the cookie of a browser"},
		{"among cookies", "", "a=b; __Host-usher=" + good + "; c=d", Accepted, TicketLabel, "browsers send all cookies"},
		{"query", "?key=" + good, "", Accepted, TicketLabel, "tickets are accepted at the sources of keys"},
		{"key", "?key=" + key, "", Accepted, "label-0-0", "keys still open the route"},
		{"none", "", "", KeyMissing, "", "no credential"},
		{"other cookie", "", "usher=" + good, KeyMissing, "", "another cookie is ignored"},
		{"cookie in other case", "", "__host-usher=" + good, KeyMissing, "", "cookie names are case-sensitive"},
		{"empty cookie", "", "__Host-usher=", KeyMissing, "", "no credential"},
		{"cookie twice", "", "__Host-usher=" + good + "; __Host-usher=" + good, KeyAmbiguous, "", "applications differ in which cookie they read"},
		{"empty key and cookie", "?key=", "__Host-usher=" + good, Accepted, TicketLabel, "an empty key is no key"},
		{"wrong key and cookie", "?key=" + strings.Repeat("x", 20), "__Host-usher=" + good, KeyUnknown, "", "a credential at a source takes precedence over the cookie"},
		{"other route's key and cookie", "?key=" + otherKey, "__Host-usher=" + good, KeyOtherRoute, "label-1-0", "the same"},
		{"good key, wrong cookie", "?key=" + key, "__Host-usher=x", Accepted, "label-0-0", "the same"},
		{"key twice and cookie", "?key=&key=", "__Host-usher=" + good, KeyAmbiguous, "", "two parameters are ambiguous, also if one is empty"},
		{"other route", "", "__Host-usher=" + other, KeyOtherRoute, TicketLabel, "aud names the routes"},
		{"ended", "", "__Host-usher=" + old, KeyExpired, TicketLabel, "exp"},
		{"key in the cookie", "", "__Host-usher=" + key, KeyUnknown, "", "the cookie accepts tickets only"},
		{"forged", "", "__Host-usher=" + good[:len(good)-4] + "AAAA", KeyUnknown, "", "the signature"},
		{"no ticket", "?key=a.b.c", "", KeyUnknown, "", "shaped like a ticket"},
	} {
		r := handshake("/ws/0/" + c.query)
		if c.cookie != "" {
			r.Header.Set("Cookie", c.cookie)
		}
		d := g.Decide(r)
		if d.Outcome != c.want || d.Key != c.label {
			t.Errorf("%s: Decide = %s by %q, want %s by %q (%s)", c.name, d.Outcome, d.Key, c.want, c.label, c.why)
		}
		if ofTicket := d.Outcome == KeyExpired || d.Key == TicketLabel && d.Outcome != Accepted; ofTicket && !strings.HasPrefix(d.Detail, "ticket ") {
			t.Errorf("%s: the detail is %q, want the error of the ticket", c.name, d.Detail)
		}
		if shown := g.Redact(r, d).Header["Cookie"]; strings.Contains(strings.Join(shown, ""), good) {
			t.Errorf("%s: the log shows the ticket in %q", c.name, shown)
		}
	}
}

// A ticket is redacted by its form, also if its secret is unknown.
func TestRedactTicketInText(t *testing.T) {
	t.Parallel()
	g, tickets := ticketGate(t, keys.TicketConfig{}, nil)
	token := issue(t, tickets, time.Now(), "", "0")
	for _, c := range []struct{ name, text, want string }{
		{"URL", "https://a.example/?t=" + token + "&b", "https://a.example/?t=REDACTED&b"},
		{"two", token + " " + token, "REDACTED REDACTED"},
		{"escaped", "x%3D" + strings.ReplaceAll(token, ".", "%2e"), Redacted},
		{"a host", "www.example.com", "www.example.com"},
		{"a half", token[:strings.LastIndexByte(token, '.')], token[:strings.LastIndexByte(token, '.')]},
	} {
		if got := g.RedactText(c.text); got != c.want {
			t.Errorf("%s: RedactText = %s, want %s", c.name, got, c.want)
		}
	}
}

func TestTicketHidden(t *testing.T) {
	t.Parallel()
	g, tickets := ticketGate(t, keys.TicketConfig{}, nil)
	g.config.Routes[0].Hide = true
	token := issue(t, tickets, time.Now(), "", "0")
	for _, r := range []*http.Request{handshake("/ws/0/?a=1&key=" + token), handshake("/ws/0/?a=1")} {
		r.Header.Set("Cookie", "session=1; __Host-usher="+token)
		err := g.ServeHTTP(httptest.NewRecorder(), r, g.Decide(r), nextFunc(func(w http.ResponseWriter, r *http.Request) error {
			if got := r.Header.Get("Cookie"); got != "session=1" || r.URL.RawQuery != "a=1" {
				t.Errorf("the application gets %q and %q, want no part of the ticket", got, r.URL.RawQuery)
			}
			w.WriteHeader(http.StatusForbidden)
			return nil
		}))
		if err != nil {
			t.Error(err)
		}
	}
}

// Of many concurrent handshakes with one ticket, one is admitted. The end of its socket does not free the ticket.
func TestTicketOnce(t *testing.T) {
	t.Parallel()
	g, tickets := ticketGate(t, keys.TicketConfig{Once: true}, nil)
	var refused atomic.Int32
	token := issue(t, tickets, time.Now(), "", "0", "1")
	for round, path := range []string{"/ws/0/", "/ws/1/"} {
		var admitted atomic.Int32
		refused.Store(0)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				r := handshake(path)
				r.Header.Set("Cookie", "__Host-usher="+token)
				d := g.Decide(r)
				_ = g.ServeHTTP(httptest.NewRecorder(), r, d, nextFunc(func(w http.ResponseWriter, _ *http.Request) error {
					admitted.Add(1)
					w.WriteHeader(http.StatusForbidden)
					return nil
				}))
				if d.Outcome == KeyExpired && d.Detail == "ticket was used before" && d.UsedBefore {
					refused.Add(1)
				}
			})
		}
		all.Wait()
		if admitted.Load() != 1 || refused.Load() != 49 {
			t.Errorf("route %d: %d admitted and %d rejected as used, want 1 and 49", round, admitted.Load(), refused.Load())
		}
	}
	if open := len(g.config.Registry.List()); open != 0 {
		t.Errorf("%d sockets are left in the registry, want none", open)
	}
}

// `once` does not limit keys, whatever their label is.
func TestKeyBesideTicketsThatAreGoodOnce(t *testing.T) {
	t.Parallel()
	g, _ := ticketGate(t, keys.TicketConfig{Once: true}, nil)
	const value = "a-key-that-is-called-ticket"
	key, err := keys.NewKey(TicketLabel, value, time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keys.NewRing(map[string][]keys.Key{"0": {key}, "1": nil})
	if err != nil {
		t.Fatal(err)
	}
	g.SetRing(ring)
	for range 2 {
		admitted := false
		r := handshake("/ws/0/?key=" + value)
		_ = g.ServeHTTP(httptest.NewRecorder(), r, g.Decide(r), nextFunc(func(w http.ResponseWriter, _ *http.Request) error {
			admitted = true
			w.WriteHeader(http.StatusForbidden)
			return nil
		}))
		if !admitted {
			t.Error("the key was refused")
		}
	}
}

func TestTicketInEarlyData(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		once bool
		edit func(*http.Request)
		want int
		why  string
	}{
		{"header", true, func(r *http.Request) { r.Header.Set("Early-Data", "1") }, http.StatusTooEarly, "RFC 8470, 5.1"},
		{"TLS", true, func(r *http.Request) { r.TLS = new(tls.ConnectionState) }, http.StatusTooEarly, "the TLS handshake is not complete"},
		{"later", true, func(r *http.Request) { r.TLS = &tls.ConnectionState{HandshakeComplete: true} }, 101, "not early"},
		{"many times", false, func(r *http.Request) { r.Header.Set("Early-Data", "1") }, 101, "tickets without once may be repeated"},
	} {
		g, tickets := ticketGate(t, keys.TicketConfig{Once: c.once}, nil)
		r := handshake("/ws/0/")
		c.edit(r)
		r.Header.Set("Cookie", "__Host-usher="+issue(t, tickets, time.Now(), "", "0"))
		if d := g.Decide(r); d.Status() != c.want {
			t.Errorf("%s: %s, status %d, want %d (%s)", c.name, d.Outcome, d.Status(), c.want, c.why)
		}
	}
}

func TestTicketBoundToOrigin(t *testing.T) {
	t.Parallel()
	g, tickets := ticketGate(t, keys.TicketConfig{Bind: keys.BindOrigin}, nil)
	g.config.Routes[0].Origins = Origins{Any: true}
	token := issue(t, tickets, time.Now(), keys.BindingOf(keys.BindOrigin, g.config.Client(nil), siteOrigin("https", "Example.com:443")), "0")
	for origin, want := range map[string]Outcome{
		"https://example.com": Accepted, "https://evil.example": KeyUnknown, "http://example.com": KeyUnknown, "": KeyUnknown,
	} {
		r := handshake("/ws/0/")
		r.Header.Set("Cookie", "__Host-usher="+token)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if d := g.Decide(r); d.Outcome != want {
			t.Errorf("from %q: %s, want %s", origin, d.Outcome, want)
		}
	}
}

func TestIssueOnPages(t *testing.T) {
	t.Parallel()
	g, _ := ticketGate(t, keys.TicketConfig{Lifetime: 5 * time.Minute}, func(tickets *RouteTickets) {
		tickets.Pages = []string{"/screen/", "/staff/*"}
	})
	for _, c := range []struct {
		name, method, path, contentType string
		status                          int
		want                            bool
		why                             string
	}{
		{"page", "GET", "/screen/", "text/html; charset=utf-8", 200, true, "an HTML page"},
		{"below", "GET", "/staff/a/b", "TEXT/HTML", 200, true, "a path below; media types are case-insensitive"},
		{"HEAD", "HEAD", "/screen/", "text/html", 200, true, "an open page renews its ticket with HEAD"},
		{"304", "GET", "/screen/", "", 304, false, "a 304 may belong to a public stylesheet"},
		{"201", "GET", "/screen/", "text/html", 201, true, "a success"},
		{"encoded letters", "GET", "/staff/%C3%BC%20x", "text/html", 200, true, "the only way to write the path"},
		{"dot segment", "GET", "/staff/../about.html", "text/html", 200, false, "the application may serve /about.html"},
		{"final dot segment", "GET", "/staff/a/..", "text/html", 200, false, "the same"},
		{"encoded dots", "GET", "/staff/%2e%2e/about.html", "text/html", 200, false, "the same"},
		{"encoded slash", "GET", "/staff/..%2fabout.html", "text/html", 200, false, "the same"},
		{"two slashes", "GET", "/staff/..//about.html", "text/html", 200, false, "the same"},
		{"two slashes alone", "GET", "/staff//x", "text/html", 200, false, "the same"},
		{"backslash", "GET", "/staff/..%5cabout.html", "text/html", 200, false, "the same"},
		{"escaped twice", "GET", "/staff/%252e%252e/about.html", "text/html", 200, false, "the same"},
		{"escaped without need", "GET", "/%73taff/x", "text/html", 200, false, "a matcher that does not decode reads another path"},
		{"parameter of a segment", "GET", "/staff/..;/about.html", "text/html", 200, false, "Java servers drop the parameter"},
		{"line feed", "GET", "/staff/x%0a", "text/html", 200, false, "some patterns end before a line feed"},
		{"sniffed", "GET", "/screen/", "", 200, true, "net/http would say text/html"},
		{"beside", "GET", "/screen", "text/html", 200, false, "another path"},
		{"not below", "GET", "/staff", "text/html", 200, false, "another path"},
		{"POST", "POST", "/screen/", "text/html", 200, false, "not a page load"},
		{"login", "GET", "/screen/", "text/html", 302, false, "the application redirects"},
		{"error", "GET", "/screen/", "text/html", 403, false, "the application rejects the request"},
		{"JSON", "GET", "/screen/", "application/json", 200, false, "no page"},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		w, d := httptest.NewRecorder(), g.Decide(r)
		err := g.ServeHTTP(w, r, d, nextFunc(func(w http.ResponseWriter, _ *http.Request) error {
			if c.contentType != "" {
				w.Header().Set("Content-Type", c.contentType)
			}
			w.Header().Set("Cache-Control", "public, max-age=60, s-maxage=600")
			if c.name != "sniffed" {
				w.WriteHeader(c.status)
			}
			if c.status == 200 && c.method != "HEAD" {
				_, _ = w.Write([]byte("<!DOCTYPE html><p>"))
			}
			return nil
		}))
		cookies := w.Result().Cookies()
		if d.NotIssued != nil {
			t.Errorf("%s: not issued: %v", c.name, d.NotIssued)
		}
		if err != nil || (len(cookies) == 1) != c.want || w.Code != c.status {
			t.Errorf("%s: %d, cookies %v, want one: %t (%s)", c.name, w.Code, cookies, c.want, c.why)
			continue
		}
		if !c.want {
			continue
		}
		cookie, cache := cookies[0], w.Header().Get("Cache-Control")
		if cookie.Name != "__Host-usher" || !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteStrictMode ||
			cookie.Path != "/" || cookie.Domain != "" || cookie.MaxAge != 300 {
			t.Errorf("%s: cookie %v, want a __Host- cookie with HttpOnly", c.name, cookie)
		}
		if cache != "private, max-age=60" {
			t.Errorf("%s: Cache-Control %q, want private", c.name, cache)
		}
		for _, path := range []string{"/ws/0/", "/ws/1/"} {
			r := handshake(path)
			r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
			if d := g.Decide(r); d.Outcome != Accepted {
				t.Errorf("%s: the ticket is %s on %s, want accepted", c.name, d.Outcome, path)
			}
		}
	}
}

func TestPrivately(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		given string
		fresh time.Duration
		want  string
		why   string
	}{
		{"", time.Minute, "private, no-cache", "no lifetime is set"},
		{"public", time.Minute, "private, no-cache", "nor here"},
		{"must-revalidate", time.Minute, "private, must-revalidate, no-cache", "Expires might set a lifetime"},
		{"max-age=5", time.Minute, "private, max-age=5", "shorter than the ticket's lifetime"},
		{"private, max-age=5", time.Minute, "private, max-age=5", "as it is"},
		{`private="x", max-age=5`, time.Minute, "private, max-age=5", "all of it"},
		{"max-age=3600", time.Minute, "private, max-age=60", "the cached page would outlive its ticket"},
		{`max-age="3600"`, time.Minute, "private, max-age=60", "a quoted value"},
		{"max-age=99999999999999999999", time.Minute, "private, no-cache", "no number"},
		{"max-age=-1", time.Minute, "private, no-cache", "no number"},
		{"max-age=5, max-age=3600", time.Minute, "private, max-age=5", "once"},
		{"max-age=3600", 0, "private, max-age=0", "the ticket of a cached page is already used"},
		{"max-age=60, immutable, stale-while-revalidate=600, stale-if-error=600", time.Minute, "private, max-age=60", "a stale page has no valid ticket"},
		{"no-store", time.Minute, "no-store", "it is not stored"},
		{"Public, S-MaxAge=9, no-cache", time.Minute, "private, no-cache", "directives are case-insensitive"},
	} {
		var lines []string
		if c.given != "" {
			lines = []string{c.given}
		}
		if got := privateCacheControl(lines, c.fresh); got != c.want {
			t.Errorf("privateCacheControl(%q, %v) = %q, want %q (%s)", c.given, c.fresh, got, c.want, c.why)
		}
	}
}

// A page with a ticket is private, also if the application allows shared caches by their own header fields. With `once` the page
// is not cached.
func TestPageWithATicketInCaches(t *testing.T) {
	t.Parallel()
	g, _ := ticketGate(t, keys.TicketConfig{Once: true}, func(tickets *RouteTickets) { tickets.Pages = []string{"/screen/"} })
	r, w := httptest.NewRequest(http.MethodGet, "/screen/", nil), httptest.NewRecorder()
	_ = g.ServeHTTP(w, r, g.Decide(r), nextFunc(func(w http.ResponseWriter, _ *http.Request) error {
		for name, value := range map[string]string{
			"Content-Type": "text/html", "Cache-Control": "public, max-age=60", "CDN-Cache-Control": "max-age=600",
			"Cloudflare-CDN-Cache-Control": "max-age=600", "Surrogate-Control": "max-age=600",
		} {
			w.Header().Set(name, value)
		}
		w.WriteHeader(http.StatusOK)
		return nil
	}))
	if len(w.Result().Cookies()) != 1 {
		t.Fatalf("the page has cookies %v, want one ticket", w.Result().Cookies())
	}
	for name, lines := range w.Header() {
		switch {
		case name == "Cache-Control" && lines[0] != "private, max-age=0", strings.HasSuffix(name, "-Control") && name != "Cache-Control":
			t.Errorf("%s: %s", name, lines)
		}
	}
}

// Routes that issue tickets in one cookie must have equal settings.
func TestIssuersAgree(t *testing.T) {
	t.Parallel()
	a, err := keys.NewTickets(keys.TicketConfig{Secrets: []string{strings.Repeat("a", 32)}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := keys.NewTickets(keys.TicketConfig{Secrets: []string{strings.Repeat("b", 32)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name          string
		first, second RouteTickets
		good          bool
	}{
		{"same", RouteTickets{Tickets: a, Pages: []string{"/"}}, RouteTickets{Tickets: a, Pages: []string{"/"}}, true},
		{"other secret", RouteTickets{Tickets: a, Pages: []string{"/"}}, RouteTickets{Tickets: b, Pages: []string{"/"}}, false},
		{"other pages", RouteTickets{Tickets: a, Pages: []string{"/"}}, RouteTickets{Tickets: a, Pages: []string{"/x"}}, false},
		{"other cookie", RouteTickets{Tickets: a, Pages: []string{"/"}}, RouteTickets{Tickets: b, Cookie: "b", Pages: []string{"/"}}, true},
		{"not issued", RouteTickets{Tickets: a, Pages: []string{"/"}}, RouteTickets{Tickets: b}, true},
	} {
		ring, err := keys.NewRing(nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = New(Config{Ring: ring, Registry: sockets.NewRegistry(time.Now), Routes: []*Route{
			{Name: "a", Paths: []string{"/a"}, Tickets: &c.first}, {Name: "b", Paths: []string{"/b"}, Tickets: &c.second},
		}})
		if (err == nil) != c.good {
			t.Errorf("%s: New = %v, want good: %t", c.name, err, c.good)
		}
	}
}

// If no ticket can be issued, the page is served without one, and the decision holds the reason.
func TestTicketThatIsNotIssued(t *testing.T) {
	t.Parallel()
	g, _ := ticketGate(t, keys.TicketConfig{}, func(tickets *RouteTickets) { tickets.Pages = []string{"/screen/"} })
	g.config.Random = strings.NewReader("too short")
	r, w := httptest.NewRequest(http.MethodGet, "/screen/", nil), httptest.NewRecorder()
	d := g.Decide(r)
	err := g.ServeHTTP(w, r, d, nextFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusOK)
		return nil
	}))
	if err != nil || w.Code != http.StatusOK || len(w.Result().Cookies()) > 0 || d.NotIssued == nil || d.Rejected() {
		t.Errorf("status %d, cookies %v, not issued: %v, want 200 without a cookie and the reason", w.Code, w.Result().Cookies(), d.NotIssued)
	}
}

// A browser with a cached page gets a ticket. Stylesheets are revalidated as without the gate.
func TestPageIsServedWholeForATicket(t *testing.T) {
	t.Parallel()
	g, _ := ticketGate(t, keys.TicketConfig{}, func(tickets *RouteTickets) { tickets.Pages = []string{"/screen/*"} })
	for _, c := range []struct {
		name, destination, accept string
		status                    int
	}{
		{"page", "document", "text/html,*/*;q=0.8", 200},
		{"frame", "iframe", "text/html,*/*;q=0.8", 200},
		{"renewal by fetch", "empty", "*/*", 200},
		{"page of an old browser", "", "text/html,*/*;q=0.8", 200},
		{"stylesheet", "style", "text/css,*/*;q=0.1", 304},
		{"stylesheet of an old browser", "", "text/css,*/*;q=0.1", 304},
		{"image", "image", "image/avif,*/*", 304},
	} {
		r, w := httptest.NewRequest(http.MethodGet, "/screen/x", nil), httptest.NewRecorder()
		r.Header.Set("If-None-Match", `"1"`)
		r.Header.Set("If-Modified-Since", "Wed, 11 Feb 2026 08:00:00 GMT")
		r.Header.Set("Accept", c.accept)
		if c.destination != "" {
			r.Header.Set("Sec-Fetch-Dest", c.destination)
		}
		_ = g.ServeHTTP(w, r, g.Decide(r), nextFunc(func(w http.ResponseWriter, r *http.Request) error {
			if r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Modified-Since") != "" {
				w.WriteHeader(http.StatusNotModified)
				return nil
			}
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusOK)
			return nil
		}))
		if carries := len(w.Result().Cookies()) == 1; w.Code != c.status || carries != (c.status == 200) {
			t.Errorf("%s: %d, ticket %t, want %d", c.name, w.Code, carries, c.status)
		}
	}
}

// If the set of used tickets is full, the outcome is too_many, which clients retry.
func TestTooManyTicketsInUse(t *testing.T) {
	t.Parallel()
	g, tickets := ticketGate(t, keys.TicketConfig{Once: true}, nil)
	g.config.UsedTickets = keys.NewUsedTickets(1)
	for i, want := range []Outcome{UpstreamRefused, TooMany} {
		r := handshake("/ws/0/")
		r.Header.Set("Cookie", "__Host-usher="+issue(t, tickets, time.Now(), "", "0"))
		w, d := httptest.NewRecorder(), g.Decide(r)
		_ = g.ServeHTTP(w, r, d, nextFunc(func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(http.StatusForbidden)
			return nil
		}))
		if d.Outcome != want {
			t.Errorf("ticket %d: %s, want %s", i+1, d.Outcome, want)
		}
	}
}
