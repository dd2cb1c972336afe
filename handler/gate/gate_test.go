package gate

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/scan2food/usher/handler/keys"
	"github.com/scan2food/usher/handler/sockets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "good-key-0123456789"

// newGate makes a gate of n routes with n keys each; route i has the path /ws/i/ and the keys secret-i-k.
func newGate(t testing.TB, n int, edit func(*Route)) *Gate {
	t.Helper()
	byRoute := make(map[string][]keys.Key)
	config := Config{
		Registry: sockets.NewRegistry(time.Now), Now: time.Now,
		External: func(r *http.Request) (string, string) { return "https", r.Host },
		Client:   func(*http.Request) netip.Addr { return netip.Addr{} },
		StatusOf: func(error) int { return http.StatusBadGateway },
		Refused:  func(*http.Request, *Decision) {},
		Admitted: func(*http.Request, *Decision, *sockets.Socket) {},
	}
	for i := range n {
		name := fmt.Sprint(i)
		for k := range n {
			key, err := keys.NewKey(fmt.Sprintf("label-%d-%d", i, k), fmt.Sprintf("%s-%d-%d", secret, i, k), time.Time{}, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			byRoute[name] = append(byRoute[name], key)
		}
		route := &Route{Name: name, Paths: []string{"/ws/" + name + "/"}}
		if edit != nil {
			edit(route)
		}
		config.Routes = append(config.Routes, route)
	}
	ring, err := keys.NewRing(byRoute)
	if err != nil {
		t.Fatal(err)
	}
	config.Ring = ring
	g, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func handshake(target string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Sec-WebSocket-Version", "13")
	r.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	return r
}

// What asks to leave HTTP on HTTP/2 and 3 is seen wherever the server puts it.
func TestReadHandshakeOnHTTP2And3(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		major    int
		proto    string
		method   string
		protocol []string
		want     Handshake
		why      string
	}{
		{"h2 websocket", 2, "HTTP/2.0", "CONNECT", []string{"websocket"}, WebSocket, "RFC 8441"},
		{"h2 case", 2, "HTTP/2.0", "CONNECT", []string{"WebSocket"}, OtherProtocol, "the token has case"},
		{"h2 other", 2, "HTTP/2.0", "CONNECT", []string{"connect-udp"}, OtherProtocol, "RFC 9298"},
		{"h2 plain CONNECT", 2, "HTTP/2.0", "CONNECT", nil, Tunnel, "a tunnel"},
		{"h2 GET with :protocol", 2, "HTTP/2.0", "GET", []string{"websocket"}, OtherProtocol, "malformed, and not plain"},
		{"h3 websocket", 3, "websocket", "CONNECT", nil, WebSocket, "RFC 9220: the token is in Proto"},
		{"h3 case", 3, "WebSocket", "CONNECT", nil, OtherProtocol, "the token has case"},
		{"h3 webtransport", 3, "webtransport", "CONNECT", nil, OtherProtocol, "another protocol"},
		{"h3 plain CONNECT", 3, "HTTP/3.0", "CONNECT", nil, Tunnel, "a tunnel"},
		{"h3 GET", 3, "HTTP/3.0", "GET", nil, PlainHTTP, "plain"},
		{"h1 CONNECT", 1, "HTTP/1.1", "CONNECT", nil, Tunnel, "a tunnel"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/ws/0/", nil)
		r.Method, r.ProtoMajor, r.Proto = c.method, c.major, c.proto
		if c.protocol != nil {
			r.Header[":protocol"] = c.protocol
		}
		if got := ReadHandshake(r); got != c.want {
			t.Errorf("ReadHandshake(%s) = %v, want %v (%s)", c.name, got, c.want, c.why)
		}
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	parse := func(words ...string) (o Origins) {
		for _, word := range words {
			pattern, err := ParseOrigin(word)
			if err != nil {
				t.Fatal(err)
			}
			o.Listed = append(o.Listed, pattern)
		}
		return o
	}
	sub := parse("https://*.example.com")
	for _, c := range []struct {
		name         string
		origins      Origins
		origin, host string
		want         bool
	}{
		{"same", Origins{}, "https://example.com", "example.com", true},
		{"same, default port written", Origins{}, "https://example.com", "example.com:443", true},
		{"same, host in upper case", Origins{}, "https://example.com", "EXAMPLE.com", true},
		{"other port", Origins{}, "https://example.com:444", "example.com", false},
		{"same port", Origins{}, "https://example.com:444", "example.com:444", true},
		{"other scheme", Origins{}, "http://example.com", "example.com", false},
		{"null", Origins{}, "null", "example.com", false},
		{"null by name", parse("null"), "null", "example.com", true},
		{"any", Origins{Any: true}, "null", "example.com", true},
		{"listed", parse("https://a.example"), "https://a.example", "example.com", true},
		{"listed excludes same", parse("https://a.example"), "https://example.com", "example.com", false},
		{"subdomain", sub, "https://a.b.example.com", "x", true},
		{"not the domain itself", sub, "https://example.com", "x", false},
		{"not a longer name", sub, "https://a.example.com.evil", "x", false},
		{"not a neighbour", sub, "https://evilexample.com", "x", false},
		{"not with a port", sub, "https://a.example.com:444", "x", false},
		{"not by userinfo", sub, "https://evil@a.example.com", "x", false},
		{"not by a path", sub, "https://evil/.example.com", "x", false},
		{"not with an empty label", sub, "https://.example.com", "x", false},
		{"not with an empty label before the domain", sub, "https://a..example.com", "x", false},
	} {
		if got := c.origins.admits(c.origin, "https", c.host); got != c.want {
			t.Errorf("%s: admits(%s) = %v, want %v", c.name, c.origin, got, c.want)
		}
	}
	for _, bad := range []string{"", "example.com", "https://", "https://example.com/", "https://EXAMPLE.com",
		"https://example.com:443", "https://a.*.com", "*", "https://*", "https://example.com:", "https://example.com:0",
		"https://example.com:065", "https://example.com:65536", "https://*.example.com:x", "https://büro.example"} {
		if _, err := ParseOrigin(bad); err == nil {
			t.Errorf("ParseOrigin(%q) was taken", bad)
		}
	}
}

func TestTableRefuses(t *testing.T) {
	t.Parallel()
	for _, paths := range [][]string{
		{"ws/"}, {""}, {"/ws*"}, {"/ws/*/x"}, {"/ws//x"}, {"/ws/../x"}, {"/ws/;x"}, {`/ws\x`}, {"/ws/%61"},
		{"/ws/", "/ws/"}, {"/ws/*", "/ws/*"},
	} {
		if _, err := NewTable([]*Route{{Name: "a", Paths: paths}}); err == nil {
			t.Errorf("NewTable(%q) was taken", paths)
		}
	}
}

func TestLongestPathWins(t *testing.T) {
	t.Parallel()
	table, err := NewTable([]*Route{
		{Name: "all", Paths: []string{"/ws/*"}}, {Name: "chat", Paths: []string{"/ws/chat/*"}},
		{Name: "room", Paths: []string{"/ws/chat/room/"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/ws/x": "all", "/ws/chat": "all", "/ws/chat/": "chat", "/ws/chat/room": "chat", "/ws/chat/room/": "room",
	} {
		if route := table.Lookup(&url.URL{Path: path}); route == nil || route.Name != want {
			t.Errorf("Lookup(%s) = %v, want %s", path, route, want)
		}
	}
}

// The table is asked with what url.ParseRequestURI makes of a request's target.
func TestPathsThatAreEscaped(t *testing.T) {
	t.Parallel()
	table, err := NewTable([]*Route{{Name: "blank", Paths: []string{"/live orders/", "/to go/*"}}, {Name: "umlaut", Paths: []string{"/büro/"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ target, want, why string }{
		{"/live%20orders/", "blank", "the only way to write it"},
		{"/to%20go/x%20y", "blank", "below a prefix"},
		{"/b%C3%BCro/", "umlaut", "as browsers write it"},
		{"/live%2520orders/", "", "escaped twice is another path"},
		{"/live+orders/", "", "a plus is a plus in a path"},
		{"/to%20go%2Fx", "", "no slash where the pattern has one"},
		{"/b%c3%bcro/", "", "not the bytes that the table holds"},
	} {
		u, err := url.ParseRequestURI(c.target)
		if err != nil {
			t.Fatal(err)
		}
		name := ""
		if route := table.Lookup(u); route != nil {
			name = route.Name
		}
		if name != c.want {
			t.Errorf("Lookup(%s) = %q, want %q (%s)", c.target, name, c.want, c.why)
		}
	}
}

// What is accepted is one of the configured keys, presented once; whatever else the query holds.
func FuzzQuery(f *testing.F) {
	g := newGate(f, 3, nil)
	for _, query := range []string{"key=" + secret + "-0-0", "key=a&key=b", "%6bey=x", "key=%zz", "a;b", "key=good&&=&key", ""} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := handshake("/ws/0/")
		r.URL.RawQuery = query
		if g.Decide(r).Outcome != Accepted {
			return
		}
		values, err := url.ParseQuery(query)
		if err != nil || len(values["key"]) != 1 || !strings.HasPrefix(values["key"][0], secret+"-0-") {
			t.Errorf("accepted %q: %v, %v", query, values["key"], err)
		}
	})
}

// With hide, no form of the credential is sent on, and the rest of the query is.
func FuzzHide(f *testing.F) {
	g := newGate(f, 1, func(r *Route) {
		r.Hide = true
		r.Sources = []Source{{InQuery, "key"}, {InSubprotocol, "key"}, {InCookie, "key"}}
	})
	key := secret + "-0-0"
	f.Add("a=1", "b=%2F", "app.v1", "c=d", "https://x/?a=b")
	f.Add("", "&&", ",", ";", "?")
	f.Fuzz(func(t *testing.T, before, after, protocol, cookie, referer string) {
		r := handshake("/ws/0/")
		r.URL.RawQuery = strings.Join([]string{before, "key=" + key, after}, "&")
		r.Header["Sec-Websocket-Protocol"] = []string{protocol}
		r.Header["Cookie"] = []string{cookie}
		r.Header["Referer"] = []string{referer}
		d := g.Decide(r)
		if d.Outcome != Accepted {
			return
		}
		prepare(r, d)
		everything := r.URL.RawQuery + r.RequestURI + fmt.Sprint(r.Header)
		encoded := base64.RawURLEncoding.EncodeToString([]byte(key))
		if strings.Contains(everything, key) || strings.Contains(everything, encoded) && !strings.Contains(protocol+cookie+referer, encoded) {
			t.Errorf("sent on: %q", everything)
		}
		if want := before + "&" + after; r.URL.RawQuery != want && !strings.Contains(before+after, "key") {
			t.Errorf("the rest of the query is %q, want %q", r.URL.RawQuery, want)
		}
	})
}

// FuzzKey: a key of any bytes opens its route when it is escaped as RFC 3986 has it, and when it stands as it is wherever a
// form parser would read it so; and it is gone from what is sent on (Q8 of the corpus).
func FuzzKey(f *testing.F) {
	for _, key := range []string{"0123456789abcdef", "aB3+/cD4+/eF5+/gH==", "per%cent%41%zz-000", "key with spaces &=;#", "\x00\xff\u00fc-0123456789ab"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, value string) {
		key, err := keys.NewKey("label", value, time.Time{}, time.Time{})
		if err != nil {
			return
		}
		if strings.HasPrefix(value, "sha256:") {
			return // a digest
		}
		g := newGate(t, 1, func(r *Route) { r.Hide = true })
		ring, err := keys.NewRing(map[string][]keys.Key{"0": {key}})
		if err != nil {
			t.Fatal(err)
		}
		g.SetRing(ring)
		escaped := url.QueryEscape(value)
		for _, form := range []string{escaped, strings.ReplaceAll(escaped, "+", "%20"), value} {
			values, err := url.ParseQuery("key=" + form)
			if form == value && (err != nil || len(values) != 1 || values.Get("key") != value) {
				continue // it is not written so
			}
			r := handshake("/ws/0/")
			r.URL.RawQuery = "a=1&key=" + form + "&b=%2F"
			d := g.Decide(r)
			if d.Outcome != Accepted {
				t.Errorf("%q as %q: %s", value, form, d.Outcome)
				continue
			}
			if prepare(r, d); r.URL.RawQuery != "a=1&b=%2F" {
				t.Errorf("%q as %q: sent on as %q", value, form, r.URL.RawQuery)
			}
		}
	})
}

// No two paths but the listed ones lead to a route.
func FuzzPath(f *testing.F) {
	g := newGate(f, 3, nil)
	for _, target := range []string{"/ws/0/", "//ws/0/", "/ws/%30/", "/ws/0", "/WS/0/", "/x/../ws/0/", "/ws/0/%00"} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		if route := g.table.Lookup(u); route != nil && u.EscapedPath() != "/ws/"+route.Name+"/" {
			t.Errorf("%q leads to route %s", target, route.Name)
		}
	})
}

func FuzzOrigin(f *testing.F) {
	pattern, err := ParseOrigin("https://*.example.com")
	if err != nil {
		f.Fatal(err)
	}
	f.Add("https://a.example.com")
	f.Add("https://evil@a.example.com")
	f.Fuzz(func(t *testing.T, origin string) {
		if !(Origins{Listed: []OriginPattern{pattern}}).admits(origin, "https", "x") {
			return
		}
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "https" || !strings.HasSuffix(u.Host, ".example.com") || u.User != nil || u.Path != "" {
			t.Errorf("admitted %q", origin)
		}
	})
}

// A decision among ten routes of ten keys makes no more garbage than one among three, and little of it.
func TestDecideAllocates(t *testing.T) {
	for _, n := range []int{3, 10} {
		g := newGate(t, n, nil)
		for name, target := range map[string]string{
			"accepted": "/ws/1/?key=" + secret + "-1-1", "unknown": "/ws/1/?key=" + secret + "-wrong",
			"another route's": "/ws/1/?key=" + secret + "-0-0", "none": "/ws/1/", "unlisted": "/ws/elsewhere/",
		} {
			r := handshake(target)
			if allocs := testing.AllocsPerRun(1000, func() { g.Decide(r) }); allocs > 2 {
				t.Errorf("%dx%d, %s: %v allocations, want at most 2", n, n, name, allocs)
			}
		}
	}
}

// The decision: at most a microsecond and two allocations, with three routes of three keys, and ten of ten.
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{3, 10} {
		g := newGate(b, n, nil)
		for name, target := range map[string]string{
			"accepted": "/ws/1/?key=" + secret + "-1-1", "refused": "/ws/1/?key=" + secret + "-wrong",
			"passed": "/page?a=b",
		} {
			r := handshake(target)
			if name == "passed" {
				r = httptest.NewRequest(http.MethodGet, target, nil)
			}
			b.Run(fmt.Sprintf("%s/%dx%d", name, n, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					g.Decide(r)
				}
			})
		}
	}
}
