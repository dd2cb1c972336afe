package gate

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/websocket/keys"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

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

func TestPageWithTicketIsPrivate(t *testing.T) {
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
	a, err := keys.NewTickets(keys.TicketConfig{Secrets: []string{strings.Repeat("the-first-secret", 2)}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := keys.NewTickets(keys.TicketConfig{Secrets: []string{strings.Repeat("the-other-secret", 2)}})
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
