package websocketgate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/caddy/socketlog"
	"github.com/scan2food/usher/handler/caddy/websocketgate"
	"github.com/scan2food/usher/handler/websocket/sockets"
	"github.com/scan2food/usher/internal/testsite"
)

// Header fields that applications read differently, and origins of other sites, are rejected.
func TestRejectedHeaders(t *testing.T) {
	t.Parallel()
	checkRejections(t, []rejection{
		{"0x85 in the path", testsite.Get("/ws/b/\x85?key="+testsite.OtherKey, testsite.Upgrade), 400, "malformed", "0x85 splits lines in Autobahn"},
		{"0x85 in the query", testsite.Get(testsite.Keyed+"&x=\x85Origin:x", testsite.Upgrade), 400, "malformed", "the same"},
		{"0xa0 in the query", testsite.Get(testsite.Keyed+"&x=\xa0", testsite.Upgrade), 400, "malformed", "and 0xa0"},
		{"vertical tab in a header", testsite.Get(testsite.Keyed, testsite.Upgrade+"X-Foo: a\x0bDaphne-Root-Path: /evil\r\n"), 400, "", "vertical tab"},
		{"form feed in a header", testsite.Get(testsite.Keyed, testsite.Upgrade+"X-Foo: a\x0cDaphne-Root-Path: /evil\r\n"), 400, "", "form feed"},
		{"file separator in a header", testsite.Get(testsite.Keyed, testsite.Upgrade+"X-Foo: a\x1cDaphne-Root-Path: /evil\r\n"), 400, "", "file separator"},
		{"group separator in a header", testsite.Get(testsite.Keyed, testsite.Upgrade+"X-Foo: a\x1dDaphne-Root-Path: /evil\r\n"), 400, "", "group separator"},
		{"record separator in a header", testsite.Get(testsite.Keyed, testsite.Upgrade+"X-Foo: a\x1eDaphne-Root-Path: /evil\r\n"), 400, "", "record separator"},
		{"origin of another site", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: http://evil.example\r\n"), 403, "origin_denied", "another site"},
		{"origin null", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: null\r\n"), 403, "origin_denied", "a sandboxed frame"},
		{"origin with another scheme", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: https://localhost\r\n"), 403, "origin_denied", "another scheme"},
		{"origin with another port", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: http://localhost:444\r\n"), 403, "origin_denied", "another port"},
		{"origin with the host as prefix", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: http://localhost.evil.com\r\n"), 403, "origin_denied", "a longer name"},
		{"origin with the host as suffix", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: http://evillocalhost\r\n"), 403, "origin_denied", "a longer name"},
		{"origin with the host as user", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: http://localhost@evil\r\n"), 403, "origin_denied", "userinfo"},
		{"origin with a final slash", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: http://localhost/\r\n"), 403, "origin_denied", "origins have no final slash"},
		{"origin with a final dot", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: http://localhost.\r\n"), 403, "origin_denied", "a final dot"},
		{"origin in upper case", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: http://LOCALHOST\r\n"), 403, "origin_denied", "browsers send another form"},
		{"two Origin lines", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: http://localhost\r\nOrigin: http://localhost\r\n"), 400, "malformed", "two"},
		{"two Host lines", "GET " + testsite.Keyed + " HTTP/1.1\r\n" + testsite.Base + "Host: localhost\r\n" + testsite.Upgrade + "\r\n", 400, "", "two Hosts"},
		{"no Host", "GET " + testsite.Keyed + " HTTP/1.1\r\nSec-WebSocket-Version: 13\r\n" + testsite.Upgrade + "\r\n", 400, "", "no Host"},
	})
}

func TestAcceptedHandshakesAreForwarded(t *testing.T) {
	t.Parallel()
	site, app := testsite.StartGate(t, "")
	for _, c := range []struct {
		name, raw, uri string
		header         map[string]string
		why            string
	}{
		{"valid key", testsite.Get(testsite.Keyed, testsite.Upgrade), testsite.Keyed, nil, "the plain case"},
		{"folded Upgrade line", testsite.Get(testsite.Keyed, "Connection: Upgrade\r\nUpgrade:\r\n websocket\r\n"), testsite.Keyed, nil,
			"net/http unfolds, as RFC 9112, 5.2 allows"},
		{"invalid escapes in other parameters", testsite.Get(testsite.Keyed+"&q=100%&z=%zz&y=%4", testsite.Upgrade), testsite.Keyed + "&q=100%&z=%zz&y=%4", nil, "invalid escapes elsewhere are allowed"},
		{"semicolon after the key", testsite.Get("/ws/a/?a=1;b=2&key="+testsite.GoodKey+"&c;d", testsite.Upgrade), "/ws/a/?a=1;b=2&key=" + testsite.GoodKey + "&c;d", nil, "semicolons elsewhere are allowed"},
		{"encoded name", testsite.Get("/ws/a/?%6bey="+testsite.GoodKey, testsite.Upgrade), "/ws/a/?%6bey=" + testsite.GoodKey, nil, "an encoded name is the name"},
		{"encoded character in the key", testsite.Get("/ws/a/?key=good-key%2D0123456789", testsite.Upgrade), "/ws/a/?key=good-key%2D0123456789", nil, "forwarded unchanged"},
		{"other parameters", testsite.Get("/ws/a/?a=1&key="+testsite.GoodKey+"&b=%2F&b=2", testsite.Upgrade), "/ws/a/?a=1&key=" + testsite.GoodKey + "&b=%2F&b=2", nil,
			"the query is unchanged"},
		{"path below a prefix", testsite.Get("/ws/b/room-1/?key="+testsite.OtherKey, testsite.Upgrade), "/ws/b/room-1/?key=" + testsite.OtherKey, nil, "below a prefix"},
		{"escaped letter below a prefix", testsite.Get("/ws/b/%D0%9F/?key="+testsite.OtherKey, testsite.Upgrade), "/ws/b/%D0%9F/?key=" + testsite.OtherKey, nil,
			"the escape is part of the name"},
		{"escaped percent sign below a prefix", testsite.Get("/ws/b/100%25?key="+testsite.OtherKey, testsite.Upgrade), "/ws/b/100%25?key=" + testsite.OtherKey, nil, "a percent sign in a name"},
		{"semicolon below a prefix", testsite.Get("/ws/b/a%3Bb;c?key="+testsite.OtherKey, testsite.Upgrade), "/ws/b/a%3Bb;c?key=" + testsite.OtherKey, nil, "a semicolon in a name"},
		{"path of the prefix", testsite.Get("/ws/b/?key="+testsite.OtherKey, testsite.Upgrade), "/ws/b/?key=" + testsite.OtherKey, nil, "the prefix itself"},
		{"absolute form", testsite.Get("http://localhost"+testsite.Keyed, testsite.Upgrade), testsite.Keyed, nil, "absolute form"},
		{"second token in Connection", testsite.Get(testsite.Keyed, "Connection: Upgrade, X-Something\r\nUpgrade: websocket\r\nX-Something: kept\r\n"), testsite.Keyed,
			map[string]string{"X-Something": "kept", "Connection": "Upgrade"}, "Connection names nothing but Upgrade"},
		{"Connection lists Origin and Cookie", testsite.Get(testsite.Keyed, "Connection: Upgrade, Origin, Cookie\r\nUpgrade: websocket\r\nOrigin: http://localhost\r\nCookie: a=b\r\n"),
			testsite.Keyed, map[string]string{"Origin": "http://localhost", "Cookie": "a=b"}, "the forwarded request is the checked request"},
		{"Daphne-Root-Path", testsite.Get(testsite.Keyed, testsite.Upgrade+"Daphne-Root-Path: /x\r\n"), testsite.Keyed, map[string]string{"Daphne-Root-Path": ""},
			"Daphne trusts it from every client"},
		{"0x85 in header values", testsite.Get(testsite.Keyed, testsite.Upgrade+"X-Foo: a\x85Daphne-Root-Path: /evil\r\nCookie: a=b; c=\xc3\x85; d=e\r\n"), testsite.Keyed,
			map[string]string{"X-Foo": "", "Cookie": "a=b; d=e"}, "0x85 splits lines in Daphne, and is a part of letters"},
		{"origin of the site", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: http://localhost\r\n"), testsite.Keyed, nil, "the site's own page"},
	} {
		response := testsite.Exchange(t, site.Addr, c.raw)
		if response.StatusCode != 101 {
			t.Errorf("%s: status %d, want 101 (%s)", c.name, response.StatusCode, c.why)
			continue
		}
		seen := app.Seen()
		if len(seen) != 1 || seen[0].RequestURI != c.uri {
			t.Errorf("%s: the application saw %v, want one request for %s (%s)", c.name, seen, c.uri, c.why)
			continue
		}
		for field, want := range c.header {
			if got := seen[0].Header.Get(field); got != want {
				t.Errorf("%s: the application saw %s: %q, want %q (%s)", c.name, field, got, want, c.why)
			}
		}
	}
	if strings.Contains(testsite.LogWithoutProxy(site.Logs), testsite.GoodKey) {
		t.Error("the logs contain a key")
	}
}

// The client's address, the scheme and the host come from X-Forwarded fields only behind a trusted proxy. An IPv6 /64 is one
// client.
func TestForwardedClientAndOrigin(t *testing.T) {
	t.Parallel()
	const trusting = "{\nservers {\ntrusted_proxies static 127.0.0.0/8\n}\n}\n"
	for _, c := range []struct {
		name, global  string
		first, second string // the headers of two handshakes
		status        int    // of the second, while the first is open
		why           string
	}{
		{"untrusted", "", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2", 429, "any client can send the field"},
		{"trusted", trusting, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2", 101, "two clients"},
		{"trusted, the same", trusting, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.1", 429, "one client"},
		{"one /64", trusting, "X-Forwarded-For: 2001:db8::1", "X-Forwarded-For: 2001:db8::2:1", 429, "one client"},
		{"two /64", trusting, "X-Forwarded-For: 2001:db8::1", "X-Forwarded-For: 2001:db8:0:1::1", 101, "two clients"},
		{"origin behind a proxy", trusting, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2\r\nX-Forwarded-Proto: https\r\n" +
			"X-Forwarded-Host: shop.example\r\nOrigin: https://shop.example", 101, "the trusted proxy names the external origin"},
		{"origin behind Traefik", trusting, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2\r\nX-Forwarded-Proto: wss\r\n" +
			"Origin: https://localhost", 101, "Traefik sends the scheme of the socket"},
		{"origin behind two proxies", trusting, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2\r\nX-Forwarded-Proto: https, http\r\n" +
			"X-Forwarded-Host: shop.example, inner\r\nOrigin: https://shop.example", 101, "the first element is the client's"},
		{"origin, made up", "", "X-Unused: 1", "X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n" +
			"Origin: https://evil.example", 403, "the client is not a trusted proxy"},
	} {
		t.Run(c.name, func(t *testing.T) { // the name of the test is part of the site's ID
			app := testsite.StartApplication(t)
			site := testsite.Start(t, c.global+"http://localhost\nwebsocket_gate {\nroute a /ws/a/ {\nkey "+testsite.GoodKey+
				"\nmax_open 10 per_client 1\n}\n}\nreverse_proxy "+app.Addr)
			conn, response := testsite.ExchangeOpen(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade+c.first+"\r\n"))
			if response.StatusCode != 101 {
				t.Fatalf("%s: the first handshake got %d", c.name, response.StatusCode)
			}
			if second := testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade+c.second+"\r\n")); second.StatusCode != c.status {
				t.Errorf("%s: status %d, want %d (%s)", c.name, second.StatusCode, c.status, c.why)
			}
			if c.status == 403 {
				testsite.Eventually(t, "the rejection is logged", func() bool { return len(site.Logs.With("WSREJECT")) == 1 })
				if reason := site.Logs.With("WSREJECT")[0]["reason"].(string); !strings.HasSuffix(reason, "the site's own origin is http://localhost, as far as trusted_proxies tell") {
					t.Errorf("%s: the log says %q, want a hint to trusted_proxies", c.name, reason)
				}
			}
			conn.Close()
			awaitEnds(t, site)
		})
	}
}

// awaitEnds waits until the site has no open sockets. The gate of another test would log their ends.
func awaitEnds(t *testing.T, site *testsite.Site) {
	t.Helper()
	name := websocketgate.SiteOn(site.Server)
	testsite.Eventually(t, "every socket ended", func() bool {
		return !slices.ContainsFunc(socketlog.Registry().OpenByRoute(), func(route sockets.OpenSockets) bool { return route.Site == name })
	})
}
