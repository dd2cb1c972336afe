package gate

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
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

// hijackable is a recorder whose connection a handler can take.
type hijackable struct{ *httptest.ResponseRecorder }

func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, other := net.Pipe()
	return conn, bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn)), other.Close()
}

// openSocket is an application that accepts the handshake. The socket ends at once.
func openSocket(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Sec-Websocket-Accept", sockets.AcceptValue(r.Header.Get("Sec-Websocket-Key")))
	w.WriteHeader(http.StatusSwitchingProtocols)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	return conn.Close()
}

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
				_ = g.ServeHTTP(hijackable{httptest.NewRecorder()}, r, d, nextFunc(func(w http.ResponseWriter, r *http.Request) error {
					admitted.Add(1)
					return openSocket(w, r)
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

// A ticket that is good once stays good while its handshakes open no socket, however they fail. Retries take no further place.
func TestTicketOnceSurvivesFailedHandshakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		next nextFunc
		want Outcome
		why  string
	}{
		{"rejected", func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(http.StatusServiceUnavailable)
			return nil
		}, UpstreamRefused, "the application is in maintenance"},
		{"failed", func(http.ResponseWriter, *http.Request) error { return errors.New("connection refused") }, UpstreamFailed, "it is down"},
		{"busy", func(http.ResponseWriter, *http.Request) error { return busyError{} }, UpstreamBusy, "the client may retry"},
		{"none", func(http.ResponseWriter, *http.Request) error { return nil }, UpstreamFailed, "no handler"},
		{"panic", func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) }, UpstreamRefused, "abort"},
		{"client left", func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) }, ClientGone, "a proxy aborts then"},
	} {
		for _, shared := range []bool{false, true} {
			g, tickets := ticketGate(t, keys.TicketConfig{Once: true}, nil)
			g.config.UsedTickets = keys.NewUsedTickets(1)
			claimed := 0
			if shared {
				g.config.Claim = func(context.Context, keys.UseID, time.Time) (bool, error) {
					claimed++
					return claimed == 1, nil
				}
				g.config.Unclaim = func(ctx context.Context, _ keys.UseID, _ time.Time) error {
					claimed--
					return ctx.Err()
				}
			}
			token := issue(t, tickets, time.Now(), "", "0")
			try := func(next nextFunc) (d *Decision) {
				ctx, cancel := context.WithCancel(t.Context())
				r := handshake("/ws/0/").WithContext(ctx)
				r.Header.Set("Cookie", "__Host-usher="+token)
				d = g.Decide(r)
				defer func() {
					if cause := recover(); cause != nil && cause != http.ErrAbortHandler {
						panic(cause)
					}
				}()
				_ = g.ServeHTTP(hijackable{httptest.NewRecorder()}, r, d, nextFunc(func(w http.ResponseWriter, r *http.Request) error {
					if c.name == "client left" {
						cancel()
					}
					return next(w, r)
				}))
				cancel()
				return d
			}
			for range 3 {
				if d := try(c.next); d.Outcome != c.want {
					t.Fatalf("%s: %s %q, want %s (%s)", c.name, d.Outcome, d.Detail, c.want, c.why)
				}
			}
			if d := try(openSocket); d.Outcome != Accepted {
				t.Errorf("%s: then %s %q, want accepted", c.name, d.Outcome, d.Detail)
			}
			if d := try(openSocket); d.Outcome != KeyExpired || !d.UsedBefore {
				t.Errorf("%s: after a socket %s %q, want a used ticket", c.name, d.Outcome, d.Detail)
			}
		}
	}
}

// busyError is the error of a tunnel whose queue is full.
type busyError struct{}

func (busyError) Error() string             { return "busy" }
func (busyError) RetryAfter() time.Duration { return time.Second }

// If the claim on a ticket cannot be removed from the shared storage, the ticket stays used: the removal may still happen.
func TestTicketStaysUsedIfItsClaimStays(t *testing.T) {
	t.Parallel()
	g, tickets := ticketGate(t, keys.TicketConfig{Once: true}, nil)
	g.config.Claim = func(context.Context, keys.UseID, time.Time) (bool, error) { return true, nil }
	g.config.Unclaim = func(context.Context, keys.UseID, time.Time) error { return errors.New("away") }
	token := issue(t, tickets, time.Now(), "", "0")
	for _, want := range []Outcome{UpstreamFailed, KeyExpired} {
		r := handshake("/ws/0/")
		r.Header.Set("Cookie", "__Host-usher="+token)
		d := g.Decide(r)
		_ = g.ServeHTTP(httptest.NewRecorder(), r, d, nextFunc(func(http.ResponseWriter, *http.Request) error { return errors.New("down") }))
		if d.Outcome != want {
			t.Errorf("%s, want %s", d.Outcome, want)
		}
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
	token := issue(t, tickets, time.Now(), keys.BindingOf(keys.BindOrigin, sockets.ClientNetwork(g.config.Client(nil)), siteOrigin("https", "Example.com:443")), "0")
	for origin, want := range map[string]Outcome{
		"https://example.com": Accepted, "https://evil.example": KeyUnknown, "http://example.com": KeyUnknown, "": KeyUnknown,
		"https://example.com:443": Accepted, "https://example.com:80": KeyUnknown,
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

// If the set of used tickets is full, the outcome is too_many, which clients retry.
func TestTooManyTicketsInUse(t *testing.T) {
	t.Parallel()
	g, tickets := ticketGate(t, keys.TicketConfig{Once: true}, nil)
	g.config.UsedTickets = keys.NewUsedTickets(1)
	for i, want := range []Outcome{Accepted, TooMany} {
		r := handshake("/ws/0/")
		r.Header.Set("Cookie", "__Host-usher="+issue(t, tickets, time.Now(), "", "0"))
		d := g.Decide(r)
		_ = g.ServeHTTP(hijackable{httptest.NewRecorder()}, r, d, nextFunc(openSocket))
		if d.Outcome != want {
			t.Errorf("ticket %d: %s, want %s", i+1, d.Outcome, want)
		}
	}
}
