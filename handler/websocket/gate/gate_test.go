package gate

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/scan2food/usher/handler/websocket/keys"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "good-key-0123456789"

// newGate returns a gate of n routes with n keys each. Route i has the path /ws/i/ and the keys secret-i-k.
func newGate(t testing.TB, n int, edit func(*Route)) *Gate {
	t.Helper()
	byRoute := make(map[string][]keys.Key)
	config := Config{
		Registry: sockets.NewRegistry(time.Now), Now: time.Now,
		External: func(r *http.Request) (string, string) { return "https", r.Host },
		Client:   func(*http.Request) netip.Addr { return netip.Addr{} },
		StatusOf: func(error) int { return http.StatusBadGateway },
		CauseOf:  error.Error, Unhandled: func(*http.Request) bool { return true },
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

// Servers store :protocol of HTTP/2 and HTTP/3 in different places. ReadHandshake finds each.
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
		{"h2 case", 2, "HTTP/2.0", "CONNECT", []string{"WebSocket"}, OtherProtocol, "the token is case-sensitive"},
		{"h2 other", 2, "HTTP/2.0", "CONNECT", []string{"connect-udp"}, OtherProtocol, "RFC 9298"},
		{"h2 plain CONNECT", 2, "HTTP/2.0", "CONNECT", nil, Tunnel, "a tunnel"},
		{"h2 GET with :protocol", 2, "HTTP/2.0", "GET", []string{"websocket"}, OtherProtocol, "malformed, and not plain HTTP"},
		{"h3 websocket", 3, "websocket", "CONNECT", nil, WebSocket, "RFC 9220: the token is in Proto"},
		{"h3 case", 3, "WebSocket", "CONNECT", nil, OtherProtocol, "the token is case-sensitive"},
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
			if word == "same" {
				o.Same = true
				continue
			}
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
		{"address", parse("https://[::1]:8443"), "https://[::1]:8443", "x", true},
		{"same, default port written", Origins{}, "https://example.com", "example.com:443", true},
		{"same, host in upper case", Origins{}, "https://example.com", "EXAMPLE.com", true},
		{"other port", Origins{}, "https://example.com:444", "example.com", false},
		{"same port", Origins{}, "https://example.com:444", "example.com:444", true},
		{"other scheme", Origins{}, "http://example.com", "example.com", false},
		{"the scheme's port", Origins{}, "https://example.com:443", "example.com", true},
		{"the scheme's port, both", Origins{}, "https://example.com:443", "example.com:443", true},
		{"another scheme's port", Origins{}, "https://example.com:80", "example.com", false},
		{"listed with the scheme's port", parse("https://a.example:443"), "https://a.example", "example.com", true},
		{"listed without, sent with it", parse("https://a.example"), "https://a.example:443", "example.com", true},
		{"listed http with the scheme's port", parse("http://a.example:80"), "http://a.example", "example.com", true},
		{"subdomain with the scheme's port", parse("https://*.example.com:443"), "https://a.example.com", "x", true},
		{"file", parse("file://"), "file://", "example.com", true},
		{"file by another name", parse("file://"), "file://x", "example.com", false},
		{"not file", Origins{}, "file://", "example.com", false},
		{"Capacitor", parse("capacitor://localhost"), "capacitor://localhost", "example.com", true},
		{"Tauri", parse("tauri://localhost"), "tauri://localhost", "example.com", true},
		{"extension", parse("chrome-extension://abcdefghijklmnop"), "chrome-extension://abcdefghijklmnop", "example.com", true},
		{"other app", parse("capacitor://localhost"), "ionic://localhost", "example.com", false},
		{"null", Origins{}, "null", "example.com", false},
		{"null by name", parse("null"), "null", "example.com", true},
		{"any", Origins{Any: true}, "null", "example.com", true},
		{"listed", parse("https://a.example"), "https://a.example", "example.com", true},
		{"listed excludes same", parse("https://a.example"), "https://example.com", "example.com", false},
		{"same and listed, the same", parse("same", "https://a.example"), "https://example.com", "example.com", true},
		{"same and listed, the listed", parse("same", "https://a.example"), "https://a.example", "example.com", true},
		{"same and listed, another", parse("same", "https://a.example"), "https://b.example", "example.com", false},
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
		"http://", "file:///", "file:", "app://*.", "https://a.*.com", "*", "https://*", "https://example.com:", "https://example.com:0",
		"https://example.com:065", "https://example.com:65536", "https://*.example.com:x", "https://büro.example",
		"wss://example.com", "ws://*.example.com", "https://[0:0::1]:8443"} {
		if _, err := ParseOrigin(bad); err == nil {
			t.Errorf("ParseOrigin(%q) = nil error, want an error", bad)
		}
	}
}

func TestTableRefuses(t *testing.T) {
	t.Parallel()
	for _, paths := range [][]string{
		{"ws/"}, {""}, {"/ws*"}, {"/ws/*/x"}, {"/ws//x"}, {"/ws/../x"}, {"/ws/;x"}, {`/ws\x`}, {"/ws/%61"}, {"/ws/{env.ROOM}/"},
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
		if route, _ := table.Lookup(&url.URL{Path: path}); route == nil || route.Name != want {
			t.Errorf("Lookup(%s) = %v, want %s", path, route, want)
		}
	}
}

// Lookup gets the URL that url.ParseRequestURI returns for a request target.
func TestPathsThatAreEscaped(t *testing.T) {
	t.Parallel()
	table, err := NewTable([]*Route{{Name: "blank", Paths: []string{"/live orders/", "/to go/*"}}, {Name: "vip", Paths: []string{"/to go/vip/"}}, {Name: "umlaut", Paths: []string{"/büro/"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ target, want, why string }{
		{"/live%20orders/", "blank", "the only way to write it"},
		{"/to%20go/x%20y", "blank", "below a prefix"},
		{"/b%C3%BCro/", "umlaut", "as browsers send it"},
		{"/live%2520orders/", "", "escaped twice is another path"},
		{"/live+orders/", "", "a plus is a plus in a path"},
		{"/to%20go%2Fx", "", "the slash is missing"},
		{"/b%c3%bcro/", "", "other bytes than in the table"},
		{"/to%20go/100%25", "blank", "all servers decode a percent sign"},
		{"/to%20go/100%2525", "blank", "also servers that decode twice"},
		{"/to%20go/a;b", "blank", "below the prefix with or without the parameter"},
		{"/to%20go/a%3Bb", "blank", "the same, escaped"},
		{"/to%20go/a%2Fb", "fault", "one segment or two"},
		{"/to%20go/a%252Fb", "fault", "the same, to a server that decodes twice"},
		{"/to%20go/%2e%2e/x", "fault", "leaves the prefix"},
		{"/to%20go/%252e%252e/x", "fault", "the same, to a server that decodes twice"},
		{"/to%20go/..;/x", "fault", "the same, to a server that drops parameters"},
		{"/to%20go/..%3B/x", "fault", "the same"},
		{"/to%20go/vip/;x", "fault", "another route, to a server that drops parameters"},
		{"/to%20go/vip%3Bx/", "fault", "the same"},
		{"/to%20go/%2525252525", "fault", "no client escapes that often"},
		{"/to%20go/x%0a", "fault", "some patterns end before a line feed"},
		{"/to%20go//x", "fault", "some servers merge slashes"},
	} {
		u, err := url.ParseRequestURI(c.target)
		if err != nil {
			t.Fatal(err)
		}
		name := ""
		route, fault := table.Lookup(u)
		if route != nil {
			name = route.Name
		}
		if fault != nil {
			name = "fault"
		}
		if name != c.want {
			t.Errorf("Lookup(%s) = %q, want %q (%s)", c.target, name, c.want, c.why)
		}
	}
}

// A decision makes at most two allocations, also with ten routes of ten keys.
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

// BenchmarkDecide measures the decision with three routes of three keys, and with ten routes of ten keys.
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

// For an unlisted path, the log names the listed path that the client probably meant.
func TestSuggest(t *testing.T) {
	t.Parallel()
	table, err := NewTable([]*Route{{Name: "a", Paths: []string{"/ws/a/", "/ws/B", "/ws/room/*"}}})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/ws/a": "/ws/a/", "/WS/A/": "/ws/a/", "/ws/b": "/ws/B", "/ws/B/": "/ws/B", "/ws/room": "/ws/room/*", "/WS/room/1": "/ws/room/*",
		"/ws/ab": "", "/ws/": "", "/": "", "/ws/roomy/1": "",
	} {
		if got := table.Suggest(&url.URL{Path: path}); got != want {
			t.Errorf("Suggest(%s) = %q, want %q", path, got, want)
		}
	}
}

// The log names why a path that looks like that of a route is rejected.
func TestFaultOfThePathNamesItsEncoding(t *testing.T) {
	t.Parallel()
	g := newGate(t, 1, func(route *Route) { route.Paths = []string{"/ws/room/*"} })
	if d := g.Decide(handshake("/ws/room/a%FFb")); d.Outcome != Unlisted || !strings.Contains(d.Fault.Why, "UTF-8") {
		t.Errorf("Decide = %s, %v, want unlisted and the encoding", d.Outcome, d.Fault)
	}
}

// An opaque target has no path for matchers, but applications read a path from it.
func TestOpaqueTargetIsRejected(t *testing.T) {
	t.Parallel()
	g := newGate(t, 1, nil)
	g.config.PassUnlisted = true
	for _, target := range []string{"http:ws/0/", "https:ws/0/?key=" + secret + "-0-0", "x:y"} {
		for _, r := range []*http.Request{handshake("/"), httptest.NewRequest(http.MethodGet, "/", nil)} {
			u, err := url.ParseRequestURI(target)
			if err != nil {
				t.Fatal(err)
			}
			r.URL, r.RequestURI = u, target
			if d := g.Decide(r); d.Outcome != Malformed || d.Status() != http.StatusBadRequest {
				t.Errorf("%s: %s, status %d, want malformed and 400", target, d.Outcome, d.Status())
			}
		}
	}
}

// The target of a handshake is a path or a URL, also with `unlisted pass`.
func TestHandshakeWithoutAPathIsRejected(t *testing.T) {
	t.Parallel()
	const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	for _, c := range []struct {
		line, fields   string
		passed, status int // the status of the decision with `unlisted pass`, and without; 0: passed on
		why            string
	}{
		{"GET *", upgrade, 400, 400, "neither a path nor a URL"},
		{"FOO *", upgrade, 400, 400, "the same"},
		{"CONNECT localhost:80", upgrade, 400, 400, "a host and a port, with fields of a handshake"},
		{"CONNECT localhost:80/ws/", upgrade, 400, 400, "Go reads a path"},
		{"CONNECT localhost:80", "", 0, 405, "CONNECT is passed on"},
		{"GET /other/", upgrade, 0, 403, "a path"},
		{"GET http://localhost/other/", upgrade, 0, 403, "a URL"},
		{"GET http://localhost", upgrade, 0, 403, "a URL without a path"},
		{"OPTIONS *", "", 0, 0, "plain HTTP (RFC 9110, 9.3.7)"},
		{"OPTIONS *", "Connection: Upgrade\r\nUpgrade: h2c\r\n", 0, 0, "the server ignores the offer (RFC 9110, 7.8)"},
	} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(c.line + " HTTP/1.1\r\nHost: localhost\r\n" + c.fields + "\r\n")))
		if err != nil {
			t.Fatal(err)
		}
		for pass, want := range map[bool]int{true: c.passed, false: c.status} {
			g := newGate(t, 1, nil)
			g.config.PassUnlisted = pass
			d, got := g.Decide(r), 0
			if d.Outcome != Passed {
				got = d.Status()
			}
			if got != want || (got == 400) != (d.Outcome == Malformed && d.Fault == &faultTarget) {
				t.Errorf("%s, unlisted passed %t: %s, status %d, want %d (%s)", c.line, pass, d.Outcome, got, want, c.why)
			}
		}
		g := newGate(t, 1, nil)
		g.config.PassUnlisted = true
		if d := g.Decide(r); strings.Contains(c.fields, "h2c") && !d.ignoresUpgrade {
			t.Errorf("%s: the application gets the offer", c.line)
		}
	}
}

// With `unlisted pass`, a path that an application may read as that of a route is rejected.
func TestDisguisedPathsAreNotPassed(t *testing.T) {
	t.Parallel()
	table, err := NewTable([]*Route{{Name: "a", Paths: []string{"/ws/a", "/ws/room/*", "/sø/µ/", "/k/mål/*"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		target string
		want   bool
		why    string
	}{
		{"/ws/a%0a", true, "the $ of a pattern matches before a final line feed"},
		{"/ws/a%0d%0a", true, "the same"},
		{"/ws/a%20", true, "some servers trim blanks"},
		{"/ws/%09a", true, "URL parsers drop tabs"},
		{"/w%0as/a", true, "and line feeds"},
		{"/ws/room%0a/", true, "the same below a prefix"},
		{"/ws/a%250a", true, "to a server that decodes twice"},
		{"/ws/ab", false, "another path"},
		{"/ws/a%20b", false, "another path"},
		{"/live/x%0a", false, "another path"},
		{"/ws/a%c2%a0", true, "some servers trim all white space"},
		{"/ws/a%ef%bb%bf", true, "JavaScript trims a byte order mark"},
		{"/w%c5%bf/a", true, "ſ is an s to Python's re.IGNORECASE"},
		{"/%e2%84%aa/m%c3%a5l/x", true, "the Kelvin sign is a k"},
		{"/s%c3%b8/%c2%b5", true, "a listed path with letters beyond ASCII"},
		{"/S%C3%98/%ce%bc/", true, "the same in another case"},
		{"/k/m%c3%a5l", true, "the same as a prefix"},
	} {
		u, err := url.ParseRequestURI(c.target)
		if err != nil {
			t.Fatal(err)
		}
		if got := table.Disguised(u); got != c.want {
			t.Errorf("Disguised(%s) = %t, want %t (%s)", c.target, got, c.want, c.why)
		}
	}
}

// For a rejected origin of a client that is not a browser, the log names a remedy.
func TestOriginDetail(t *testing.T) {
	t.Parallel()
	g := newGate(t, 1, nil)
	for _, c := range []struct {
		origin string
		want   Outcome
		detail string
	}{
		{"https://example.com:443", Accepted, ""},
		{"http://example.com", OriginDenied, "the client must send Origin: https://example.com, or origins must list http://example.com"},
		{"http://example.com:80", OriginDenied, "the client must send Origin: https://example.com, or origins must list http://example.com"},
		{"https://other.example", OriginDenied, "the site's own origin is https://example.com, as far as trusted_proxies tell"},
	} {
		r := handshake("http://example.com/ws/0/?key=" + secret + "-0-0")
		r.Header.Set("Origin", c.origin)
		if d := g.Decide(r); d.Outcome != c.want || d.Detail != c.detail {
			t.Errorf("%s: %s, %q, want %s, %q", c.origin, d.Outcome, d.Detail, c.want, c.detail)
		}
	}
}
