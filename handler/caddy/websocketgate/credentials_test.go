package websocketgate_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

const everywhere = `
	credential query key
	credential header X-Api-Key
	credential cookie key
	credential bearer
	credential subprotocol key
`

var encodedKey = base64.RawURLEncoding.EncodeToString([]byte(testsite.GoodKey))

func TestCredentialSources(t *testing.T) {
	t.Parallel()
	site, app := testsite.StartGate(t, everywhere)
	for _, c := range []struct {
		name, target, headers string
		status                int
		why                   string
	}{
		{"query", testsite.Keyed, "", 101, "alone"},
		{"header", "/ws/a/", "X-Api-Key: " + testsite.GoodKey, 101, "alone"},
		{"cookie", "/ws/a/", "Cookie: a=b; key=" + testsite.GoodKey + "; c=d", 101, "among others"},
		{"bearer", "/ws/a/", "Authorization: bearer " + testsite.GoodKey, 101, "the scheme is case-insensitive"},
		{"subprotocol", "/ws/a/", "Sec-WebSocket-Protocol: app.v1, key." + testsite.GoodKey, 101, "as it is"},
		{"subprotocol encoded", "/ws/a/", "Sec-WebSocket-Protocol: key." + encodedKey + ", app.v1", 101, "as base64url"},
		{"subprotocol lines", "/ws/a/", "Sec-WebSocket-Protocol: app.v1\r\nSec-WebSocket-Protocol: key." + encodedKey, 101,
			"on the second line"},
		{"basic", "/ws/a/", "Authorization: Basic " + encodedKey, 401, "another scheme"},
		{"query and header, both good", testsite.Keyed, "X-Api-Key: " + testsite.GoodKey, 400, "two credentials"},
		{"bad query, good header", "/ws/a/?key=bad", "X-Api-Key: " + testsite.GoodKey, 400, "two credentials"},
		{"good query, bad header", testsite.Keyed, "X-Api-Key: bad", 400, "two credentials"},
		{"header twice", "/ws/a/", "X-Api-Key: " + testsite.GoodKey + "\r\nX-Api-Key: " + testsite.GoodKey, 400, "two lines"},
		{"header that Connection lists", "/ws/a/", "X-Api-Key: " + testsite.GoodKey + "\r\nConnection: X-Api-Key", 101, "Connection does not remove a credential"},
		{"two cookies in one line", "/ws/a/", "Cookie: key=" + testsite.GoodKey + "; key=bad", 400, "ambiguous"},
		{"two Cookie lines", "/ws/a/", "Cookie: key=" + testsite.GoodKey + "\r\nCookie: key=" + testsite.GoodKey, 400, "two lines"},
		{"cookie name in another case", "/ws/a/", "Cookie: Key=" + testsite.GoodKey, 401, "cookie names are case-sensitive"},
		{"quoted cookie value", "/ws/a/", `Cookie: key="` + testsite.GoodKey + `"`, 401, "quotes belong to the value"},
		{"two subprotocols with a key", "/ws/a/", "Sec-WebSocket-Protocol: key." + testsite.GoodKey + ", key." + encodedKey, 400, "two elements"},
		{"subprotocol prefix in upper case", "/ws/a/", "Sec-WebSocket-Protocol: KEY." + testsite.GoodKey, 401, "another name"},
		{"padded subprotocol", "/ws/a/", "Sec-WebSocket-Protocol: key." + base64.URLEncoding.EncodeToString([]byte(testsite.GoodKey)) + "=", 401,
			"padding is no part of it"},
		{"quoted subprotocol", "/ws/a/", `Sec-WebSocket-Protocol: "key.` + testsite.GoodKey + `"`, 401, "tokens are not quoted"},
		{"subprotocol with the key first", "/ws/a/", "Sec-WebSocket-Protocol: key." + encodedKey + "\r\nSec-WebSocket-Protocol: app.v1", 101, "in any order"},
		{"underscore", "/ws/a/", "X_Api_Key: " + testsite.GoodKey, 401, "Caddy drops such headers"},
	} {
		response := testsite.Exchange(t, site.Addr, testsite.Get(c.target, testsite.Upgrade+c.headers+"\r\n"))
		if response.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d (%s)", c.name, response.StatusCode, c.status, c.why)
		}
		if echoed := response.Header.Get("Sec-WebSocket-Protocol"); strings.HasPrefix(echoed, "key.") {
			t.Errorf("%s: the credential is echoed as a subprotocol", c.name)
		}
		app.Seen()
	}
	for _, form := range []string{testsite.GoodKey, encodedKey} {
		if strings.Contains(testsite.LogWithoutProxy(site.Logs), form) {
			t.Errorf("the logs contain a key: %s", testsite.LineWith(site.Logs, form))
		}
	}
}

func TestHideCredentials(t *testing.T) {
	t.Parallel()
	site, app := testsite.StartGate(t, everywhere+"\nhide_credentials")
	for _, c := range []struct {
		name, target, headers string
		uri                   string
		header                map[string]string
		why                   string
	}{
		{"query", "/ws/a/?a=1&key=" + testsite.GoodKey + "&b=%2F&b=2", "", "/ws/a/?a=1&b=%2F&b=2", nil, "the rest is unchanged"},
		{"query first", "/ws/a/?key=" + testsite.GoodKey + "&&x", "", "/ws/a/?&x", nil, "and empty parameters too"},
		{"query alone", testsite.Keyed, "", "/ws/a/", nil, "the rest is empty"},
		{"query encoded", "/ws/a/?%6bey=good-key%2d0123456789&a=+", "", "/ws/a/?a=+", nil, "escaped"},
		{"referer", testsite.Keyed, "Referer: http://localhost/page?key=" + testsite.GoodKey + "&x=1", "/ws/a/",
			map[string]string{"Referer": "http://localhost/page?x=1"}, "the address of a page may hold the key"},
		{"header", "/ws/a/", "X-Api-Key: " + testsite.GoodKey, "/ws/a/", map[string]string{"X-Api-Key": ""}, "a header"},
		{"cookie", "/ws/a/", "Cookie: a=b; key=" + testsite.GoodKey + "; c=d", "/ws/a/", map[string]string{"Cookie": "a=b; c=d"},
			"other cookies stay"},
		{"cookie first", "/ws/a/", "Cookie: key=" + testsite.GoodKey + "; c=d", "/ws/a/", map[string]string{"Cookie": "c=d"},
			"without a space in front"},
		{"bearer", "/ws/a/", "Authorization: Bearer " + testsite.GoodKey, "/ws/a/", map[string]string{"Authorization": ""}, "a token"},
		{"subprotocol", "/ws/a/", "Sec-WebSocket-Protocol: app.v1, key." + encodedKey + ", app.v2", "/ws/a/",
			map[string]string{"Sec-Websocket-Protocol": "app.v1, app.v2"}, "the others keep their order"},
		{"subprotocol alone", "/ws/a/", "Sec-WebSocket-Protocol: key." + testsite.GoodKey, "/ws/a/",
			map[string]string{"Sec-Websocket-Protocol": ""}, "the rest is empty"},
		{"subprotocol that is none, too", testsite.Keyed, "Sec-WebSocket-Protocol: app.v1, Key." + encodedKey + ", key:" + encodedKey + "==", "/ws/a/",
			map[string]string{"Sec-Websocket-Protocol": "app.v1"}, "a copy in base64 is the key"},
		{"base64 elsewhere", testsite.Keyed + "&state=" + encodedKey + "&x=1", "X-Copy: " + encodedKey, "/ws/a/?x=1",
			map[string]string{"X-Copy": ""}, "the same"},
		{"Basic credentials", testsite.Keyed, "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("u:"+testsite.GoodKey)), "/ws/a/",
			map[string]string{"Authorization": ""}, "base64 after a name"},
		{"elsewhere", testsite.Keyed + "&next=%2Fws%2F%3Fkey%3D" + testsite.GoodKey, "X-Original-Url: /ws/a/?key=" + testsite.GoodKey, "/ws/a/",
			map[string]string{"X-Original-Url": ""}, "the secret itself, in any field"},
	} {
		response := testsite.Exchange(t, site.Addr, testsite.Get(c.target, testsite.Upgrade+c.headers+"\r\n"))
		seen := app.Seen()
		if response.StatusCode != 101 || len(seen) != 1 {
			t.Errorf("%s: status %d, %d requests seen (%s)", c.name, response.StatusCode, len(seen), c.why)
			continue
		}
		if seen[0].RequestURI != c.uri {
			t.Errorf("%s: the application saw %s, want %s (%s)", c.name, seen[0].RequestURI, c.uri, c.why)
		}
		for name, want := range c.header {
			if got := strings.Join(seen[0].Header[name], "|"); got != want {
				t.Errorf("%s: the application saw %s: %q, want %q (%s)", c.name, name, got, want, c.why)
			}
		}
		if everything := fmt.Sprint(seen[0].Header, seen[0].RequestURI); strings.Contains(everything, testsite.GoodKey) ||
			strings.Contains(everything, encodedKey) {
			t.Errorf("%s: the application saw the key", c.name)
		}
	}
	testsite.Eventually(t, "every socket's end logged", func() bool {
		return len(site.Logs.With("handled request")) == len(site.Logs.With("WSCONNECT"))
	})
	if strings.Contains(testsite.LogWithoutProxy(site.Logs), testsite.GoodKey) {
		t.Errorf("the logs contain a key: %s", testsite.LineWith(site.Logs, testsite.GoodKey))
	}
}

func TestUpstreamCredential(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ word, uri, header string }{
		{"upstream_credential query key the-application-key", "/ws/a/?a=1&token=forged&key=the-application-key", ""},
		{"upstream_credential query token the-application-key", "/ws/a/?a=1&token=the-application-key", ""},
		{"upstream_credential header x-key the-application-key", "/ws/a/?a=1&token=forged", "the-application-key"},
	} {
		site, app := testsite.StartGate(t, c.word)
		response := testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed+"&a=1&token=forged", testsite.Upgrade+"X-Key: forged\r\n"))
		seen := app.Seen()
		if response.StatusCode != 101 || len(seen) != 1 {
			t.Fatalf("%s: status %d, %d requests seen", c.word, response.StatusCode, len(seen))
		}
		if seen[0].RequestURI != c.uri {
			t.Errorf("%s: the application saw %s, want %s", c.word, seen[0].RequestURI, c.uri)
		}
		if got := seen[0].Header.Get("X-Key"); c.header != "" && got != c.header {
			t.Errorf("%s: the application saw X-Key %q", c.word, got)
		}
		if strings.Contains(testsite.LogWithoutProxy(site.Logs), "the-application-key") {
			t.Errorf("%s: the logs contain the application's key", c.word)
		}
	}
}

func TestPassUnlisted(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	site := testsite.Start(t, fmt.Sprintf(`
		http://localhost
		websocket_gate {
			route a /ws/a/ {
				key %s
			}
			unlisted pass
		}
		reverse_proxy %s
	`, testsite.GoodKey, app.Addr))
	for target, want := range map[string]int{
		"/other/":               101,
		"/ws/b/":                101,
		"/ws/a/":                401,
		"//ws/a/":               403,
		"/WS/A/":                403,
		"/ws/%61/":              403,
		"/ws/%2561/":            403,
		"/x/../ws/a/":           403,
		"/x/ws/a/":              403,
		"/ws;x/a/":              403,
		"/ws/a":                 403,
		`/ws%5ca/`:              403,
		"/ws/a/%23":             403,
		"/xws/a/":               403, // the pattern of Channels' tutorial, re_path(r"ws/a/"), matches
		"/x/%00/ws/a/":          403, // after a character that ends a path for some servers
		"/x%23/ws/a/":           403,
		"/x%3f/ws/a/":           403,
		"/x;ws/a/":              403,
		"/%ffws/a/":             403,
		"/xws%2fa%2f%0a":        403,
		"/ws/aa/":               101,
		"/ws/a/x?key=" + "none": 403,
	} {
		if response := testsite.Exchange(t, site.Addr, testsite.Get(target, testsite.Upgrade)); response.StatusCode != want {
			t.Errorf("%s: status %d, want %d", target, response.StatusCode, want)
		}
	}
	split := testsite.Get("/other/", testsite.Upgrade+"X: a\x85Daphne-Root-Path: /other\r\n")
	if response := testsite.Exchange(t, site.Addr, split); response.StatusCode != 101 {
		t.Errorf("a header that Daphne splits in two: status %d, want 101 without the header", response.StatusCode)
	}
	if seen := app.Seen(); seen[len(seen)-1].Header["X"] != nil {
		t.Errorf("the application saw %v, want no header that Daphne splits in two", seen)
	}
}

// The log names a field that the application does not get, once; forward_nel forwards it.
func TestFieldsWithNELAreNamedOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, params, cookie string
		lines                int
	}{
		{"dropped", "", "a=b", 1},
		{"forwarded", "forward_nel", "a=b; name=\xc3\x85", 0},
	} {
		t.Run(c.name, func(t *testing.T) { // a gate with an address of its own
			t.Parallel()
			app := testsite.StartApplication(t)
			site := testsite.Start(t, fmt.Sprintf(`
			http://localhost
			websocket_gate {
				route a /ws/a/ {
					key %s
				}
				%s
			}
			reverse_proxy %s
		`, testsite.GoodKey, c.params, app.Addr))
			for range 2 {
				response := testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade+"Cookie: a=b; name=\xc3\x85\r\n"))
				if response.StatusCode != 101 {
					t.Fatalf("status %d, want 101", response.StatusCode)
				}
			}
			testsite.Eventually(t, "both ended", func() bool { return len(site.Logs.Ended()) == 2 })
			for _, seen := range app.Seen() {
				if got := seen.Header.Get("Cookie"); got != c.cookie {
					t.Errorf("the application saw %q, want %q", got, c.cookie)
				}
			}
			lines := site.Logs.With("header field holds 0x85; not forwarded")
			if len(lines) != c.lines || c.lines > 0 && lines[0]["field"] != "Cookie name" {
				t.Errorf("logged %v, want %d lines", lines, c.lines)
			}
		})
	}
}
