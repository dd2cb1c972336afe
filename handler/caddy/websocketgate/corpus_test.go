package websocketgate_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/caddy/socketlog"
	"github.com/scan2food/usher/handler/caddy/websocketgate"
	"github.com/scan2food/usher/handler/websocket/sockets"
	"github.com/scan2food/usher/internal/testsite"
	"github.com/scan2food/usher/internal/testwait"
)

// refusal is one row: bytes in, status out, and the application has seen nothing.
type refusal struct {
	id, raw string
	status  int
	outcome string // "" where the request ends before the gate
	why     string
}

func withoutKeyHeader(headers string) string {
	return "GET /ws/a/?key=" + testsite.GoodKey + " HTTP/1.1\r\nHost: localhost\r\nSec-WebSocket-Version: 13\r\n" + testsite.Upgrade + headers + "\r\n"
}

func withoutVersion(headers string) string {
	return "GET /ws/a/?key=" + testsite.GoodKey +
		" HTTP/1.1\r\nHost: localhost\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + testsite.Upgrade + headers + "\r\n"
}

var refusals = []refusal{
	// Detection: whatever a proxy would tunnel is a handshake, however it is written.
	{"A0", testsite.Get("/ws/a/", testsite.Upgrade), 401, "key_missing", "the plain case"},
	{"A2", testsite.Get("/ws/a/", "Connection: upgrade\r\nUpgrade: websocket\r\n"), 401, "key_missing", "case of the token"},
	{"A3", testsite.Get("/ws/a/", "Connection: Upgrade\r\nUpgrade: WebSocket\r\n"), 401, "key_missing", "case of the protocol"},
	{"A4", testsite.Get("/ws/a/", "Connection: Upgrade\r\nUpgrade: \twebsocket \t\r\n"), 401, "key_missing", "white space around"},
	{"A5", testsite.Get(testsite.Keyed, "Connection: Upgrade\r\nUpgrade: websocket, foo\r\n"), 400, "malformed", "two protocols in a list"},
	{"A6", testsite.Get(testsite.Keyed, testsite.Upgrade+"Upgrade: h2c\r\n"), 400, "malformed", "two lines, websocket first"},
	{"A7", testsite.Get(testsite.Keyed, "Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n"), 400, "malformed", "h2c first"},
	{"A8", testsite.Get("/ws/a/", "Connection: keep-alive\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"), 401, "key_missing",
		"the token on the second line"},
	{"A9", "POST " + testsite.Keyed + " HTTP/1.1\r\n" + testsite.Base + testsite.Upgrade + "Content-Length: 0\r\n\r\n", 405, "malformed", "not a GET"},
	{"A10", "GET " + testsite.Keyed + " HTTP/1.0\r\n" + testsite.Base + testsite.Upgrade + "\r\n", 400, "malformed", "HTTP/1.0 cannot switch"},
	{"A11 route", testsite.Get(testsite.Keyed, "Connection: Upgrade\r\nUpgrade: h2c\r\n"), 403, "unlisted", "h2c on a route, with its key"},
	{"A13", strings.Replace(testsite.Get(testsite.Keyed, testsite.Upgrade), "Version: 13", "Version: 12", 1), 426, "malformed", "version 12"},
	{"A13 absent", withoutVersion(""), 426, "malformed", "no version"},
	{"A13 list", withoutVersion("Sec-WebSocket-Version: 13, 12\r\n"), 426, "malformed", "two versions in a list"},
	{"A13 lines", testsite.Get(testsite.Keyed, testsite.Upgrade+"Sec-WebSocket-Version: 13\r\n"), 426, "malformed", "two version lines"},
	{"A14", withoutKeyHeader(""), 400, "malformed", "no Sec-WebSocket-Key"},
	{"A14 empty", withoutKeyHeader("Sec-WebSocket-Key:\r\n"), 400, "malformed", "an empty one"},
	{"A14 twice", testsite.Get(testsite.Keyed, testsite.Upgrade+"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), 400, "malformed", "two"},
	{"A14 short", withoutKeyHeader("Sec-WebSocket-Key: " + base64.StdEncoding.EncodeToString(make([]byte, 15)) + "\r\n"),
		400, "malformed", "15 bytes"},
	{"A14 17", withoutKeyHeader("Sec-WebSocket-Key: " + base64.StdEncoding.EncodeToString(make([]byte, 17)) + "\r\n"),
		400, "malformed", "17 bytes"},
	{"A15", testsite.Get(testsite.Keyed, ""), 426, "not_websocket", "plain HTTP is never proxied to a socket path"},
	{"A15 post", "POST " + testsite.Keyed + " HTTP/1.1\r\n" + testsite.Base + "Content-Length: 2\r\n\r\nhi", 426, "not_websocket", "nor a POST"},
	{"A16", testsite.Get(testsite.Keyed, "Upgrade: websocket\r\n"), 426, "not_websocket", "no Connection: upgrade is plain HTTP"},
	{"A17", testsite.Get(testsite.Keyed, testsite.Upgrade+"Content-Length: 5\r\n") + "hello", 400, "malformed", "a body"},
	{"A17 chunked", testsite.Get(testsite.Keyed, testsite.Upgrade+"Transfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400, "malformed", "a chunked body"},
	{"A18 space", testsite.Get(testsite.Keyed, "Connection: Upgrade\r\nUpgrade : websocket\r\n"), 400, "", "a space before the colon"},
	{"A18 fold", testsite.Get("/ws/a/", "Connection: Upgrade\r\nUpgrade:\r\n websocket\r\n"), 401, "key_missing",
		"an unfolded line is a handshake as any"},
	{"A23", "CONNECT localhost:80 HTTP/1.1\r\n" + testsite.Base + "\r\n", 405, "malformed", "a tunnel"},
	{"A23 upgrade", "CONNECT /ws/a/ HTTP/1.1\r\n" + testsite.Base + testsite.Upgrade + "\r\n", 405, "malformed", "a tunnel with Upgrade"},

	// Paths: what is not in the table, byte for byte, is not in the table.
	{"P1", testsite.Get("//ws/a/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "a doubled slash in front"},
	{"P2", testsite.Get("/ws//a/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "a doubled slash inside"},
	{"P3", testsite.Get("/WS/A/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "Django's paths have case"},
	{"P4", testsite.Get("/ws/%61/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "an encoded letter"},
	{"P5", testsite.Get("/ws%2fa/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "an encoded slash"},
	{"P6", testsite.Get("/x/../ws/a/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "dot segments"},
	{"P7", testsite.Get("/x/%2e%2e/ws/a/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "encoded dots"},
	{"P7 slash", testsite.Get("/x/..%2fws/a/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "an encoded slash after dots"},
	{"P7 parameter", testsite.Get("/x/..;/ws/a/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "a path parameter"},
	{"P7 backslash", testsite.Get("/x/..%5cws/a/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "an encoded backslash"},
	{"P8", testsite.Get("/ws/a?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "no final slash"},
	{"P8 below", testsite.Get("/ws/a/x?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "below an exact path"},
	{"P8 space", testsite.Get("/ws/a/%20?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "a space at the end"},
	{"P8 newline", testsite.Get("/ws/a/%0a?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "Python's $ matches before a newline"},
	{"P9", testsite.Get("/ws/a/;x?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "a parameter"},
	{"P10", testsite.Get("/ws/a;x/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "a parameter inside"},
	{"P11", testsite.Get("/ws/a/%00?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "NUL"},
	{"P12", testsite.Get("http://localhost/ws/a/", testsite.Upgrade), 401, "key_missing", "absolute form is the same path"},
	{"P13", testsite.Get("http://evil/ws/a/", testsite.Upgrade), 200, "", "the authority is the host, whatever Host says: no site of ours"},
	{"P14", testsite.Get("/ws/a/%23?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "an encoded #"},
	{"P15", testsite.Get(`/ws\a/?key=`+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "a backslash"},
	{"P16", testsite.Get("/ws/%2e/a/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "an encoded dot segment"},
	{"P17", testsite.Get("/ws/%2561/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "encoded twice"},
	{"P18", testsite.Get("/x/ws/a/?key="+testsite.GoodKey, testsite.Upgrade+"Daphne-Root-Path: /x\r\n"), 403, "unlisted", "Daphne's root path"},
	{"P19", testsite.Get("/anything/ws/a/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "an unanchored pattern"},
	{"P20", testsite.Get("/ws/%c0%ae/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "overlong UTF-8"},
	{"P20 wide", testsite.Get("/%EF%BC%8Fws%EF%BC%8Fa%EF%BC%8F?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "fullwidth slashes"},
	{"P22", testsite.Get("/ws/a/?key="+testsite.OtherKey, testsite.Upgrade), 403, "key_other_route", "b's key on a"},
	{"P22 b", testsite.Get("/ws/b/?key="+testsite.GoodKey, testsite.Upgrade), 403, "key_other_route", "a's key on b"},
	{"prefix up", testsite.Get("/ws/b/%2e%2e/a/?key="+testsite.OtherKey, testsite.Upgrade), 403, "unlisted", "out of a prefix by encoded dots"},
	{"prefix dots", testsite.Get("/ws/b/../a/?key="+testsite.OtherKey, testsite.Upgrade), 403, "unlisted", "out of a prefix by dots"},
	{"prefix slash", testsite.Get("/ws/b/x%2fy?key="+testsite.OtherKey, testsite.Upgrade), 403, "unlisted", "an encoded slash below a prefix"},
	{"prefix itself", testsite.Get("/ws/bb?key="+testsite.OtherKey, testsite.Upgrade), 403, "unlisted", "a prefix ends at its slash"},

	// Credentials: exactly one, and nothing that two parsers read in two ways.
	{"Q1", testsite.Get("/ws/a/?key=bad&key="+testsite.GoodKey, testsite.Upgrade), 400, "key_ambiguous", "bad, then good"},
	{"Q2", testsite.Get(testsite.Keyed+"&key=bad", testsite.Upgrade), 400, "key_ambiguous", "good, then bad"},
	{"Q2 same", testsite.Get(testsite.Keyed+"&key="+testsite.GoodKey, testsite.Upgrade), 400, "key_ambiguous", "good, then good"},
	{"Q3", testsite.Get("/ws/a/?x=1;key="+testsite.GoodKey, testsite.Upgrade), 400, "malformed", "a semicolon separates for some"},
	{"Q3 after", testsite.Get(testsite.Keyed+";key=evil", testsite.Upgrade), 400, "malformed", "and belongs to the value for others"},
	{"Q4 key", testsite.Get(testsite.Keyed+"&key=%zz", testsite.Upgrade), 400, "malformed", "a broken escape in a second key"},
	{"Q4 own", testsite.Get(testsite.Keyed+"%zz", testsite.Upgrade), 400, "malformed", "a broken escape in the key"},
	{"Q4 semicolon", testsite.Get(testsite.Keyed+";x=1", testsite.Upgrade), 400, "malformed", "a part of the key for some"},
	{"Q5 twice", testsite.Get("/ws/a/?%6bey=bad&key="+testsite.GoodKey, testsite.Upgrade), 400, "key_ambiguous", "an encoded name is the name"},
	{"Q6 case", testsite.Get("/ws/a/?KEY="+testsite.GoodKey, testsite.Upgrade), 401, "key_missing", "another name"},
	{"Q6 NUL", testsite.Get("/ws/a/?key%00="+testsite.GoodKey, testsite.Upgrade), 401, "key_missing", "another name"},
	{"Q6 plus", testsite.Get("/ws/a/?+key="+testsite.GoodKey, testsite.Upgrade), 401, "key_missing", "another name"},
	{"Q7", testsite.Get("/ws/a/?key[]="+testsite.GoodKey, testsite.Upgrade), 401, "key_missing", "another name"},
	{"Q7 index", testsite.Get("/ws/a/?key[0]="+testsite.GoodKey, testsite.Upgrade), 401, "key_missing", "another name"},
	{"Q9 empty", testsite.Get("/ws/a/?key=", testsite.Upgrade), 401, "key_missing", "nothing"},
	{"Q9 bare", testsite.Get("/ws/a/?key", testsite.Upgrade), 401, "key_missing", "nothing"},
	{"Q9 ?", testsite.Get("/ws/a/?", testsite.Upgrade), 401, "key_missing", "nothing"},
	{"Q9 space", testsite.Get("/ws/a/?key=%20"+testsite.GoodKey, testsite.Upgrade), 401, "key_unknown", "no trimming"},
	{"Q9 NUL", testsite.Get(testsite.Keyed+"%00", testsite.Upgrade), 401, "key_unknown", "no cutting"},
	{"Q9 tab", testsite.Get(testsite.Keyed+"%09", testsite.Upgrade), 401, "key_unknown", "no trimming"},
	{"Q10", testsite.Get("/ws/a/?"+strings.Repeat("&", 1001)+"key="+testsite.GoodKey, testsite.Upgrade), 400, "malformed",
		"more parameters than any parser reads"},
	{"Q11 prefix", testsite.Get("/ws/a/?key="+testsite.GoodKey[:len(testsite.GoodKey)-1], testsite.Upgrade), 401, "key_unknown", "a part"},
	{"Q11 longer", testsite.Get(testsite.Keyed+"1", testsite.Upgrade), 401, "key_unknown", "more"},
	{"Q11 long", testsite.Get("/ws/a/?key="+strings.Repeat("k", 64<<10), testsite.Upgrade), 401, "key_unknown", "as long as a request may be"},
	{"Q16", testsite.Get("/ws/a/?key={env.MISSING}", testsite.Upgrade), 401, "key_unknown", "a placeholder is no key"},

	// Headers.
	{"H1 85 path", testsite.Get("/ws/b/\x85?key="+testsite.OtherKey, testsite.Upgrade), 400, "malformed", "0x85 splits lines in Autobahn"},
	{"H1 85 query", testsite.Get(testsite.Keyed+"&x=\x85Origin:x", testsite.Upgrade), 400, "malformed", "the same"},
	{"H1 a0 query", testsite.Get(testsite.Keyed+"&x=\xa0", testsite.Upgrade), 400, "malformed", "and 0xa0"},
	{"H1 0b", testsite.Get(testsite.Keyed, testsite.Upgrade+"X-Foo: a\x0bDaphne-Root-Path: /evil\r\n"), 400, "", "vertical tab"},
	{"H1 0c", testsite.Get(testsite.Keyed, testsite.Upgrade+"X-Foo: a\x0cDaphne-Root-Path: /evil\r\n"), 400, "", "form feed"},
	{"H1 1c", testsite.Get(testsite.Keyed, testsite.Upgrade+"X-Foo: a\x1cDaphne-Root-Path: /evil\r\n"), 400, "", "file separator"},
	{"H1 1d", testsite.Get(testsite.Keyed, testsite.Upgrade+"X-Foo: a\x1dDaphne-Root-Path: /evil\r\n"), 400, "", "group separator"},
	{"H1 1e", testsite.Get(testsite.Keyed, testsite.Upgrade+"X-Foo: a\x1eDaphne-Root-Path: /evil\r\n"), 400, "", "record separator"},
	{"H5 other", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: http://evil.example\r\n"), 403, "origin_denied", "another site"},
	{"H5 null", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: null\r\n"), 403, "origin_denied", "a sandboxed frame"},
	{"H5 scheme", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: https://localhost\r\n"), 403, "origin_denied", "another scheme"},
	{"H5 port", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: http://localhost:444\r\n"), 403, "origin_denied", "another port"},
	{"H5 suffix", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: http://localhost.evil.com\r\n"), 403, "origin_denied", "a longer name"},
	{"H5 prefix", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: http://evillocalhost\r\n"), 403, "origin_denied", "a longer name"},
	{"H5 user", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: http://localhost@evil\r\n"), 403, "origin_denied", "userinfo"},
	{"H5 slash", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: http://localhost/\r\n"), 403, "origin_denied", "no origin ends in a slash"},
	{"H5 dot", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: http://localhost.\r\n"), 403, "origin_denied", "a final dot"},
	{"H5 case", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: http://LOCALHOST\r\n"), 403, "origin_denied", "no browser writes it so"},
	{"H5 two", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: http://localhost\r\nOrigin: http://localhost\r\n"), 400, "malformed", "two"},
	{"H6 two", "GET " + testsite.Keyed + " HTTP/1.1\r\n" + testsite.Base + "Host: localhost\r\n" + testsite.Upgrade + "\r\n", 400, "", "two Hosts"},
	{"H6 none", "GET " + testsite.Keyed + " HTTP/1.1\r\nSec-WebSocket-Version: 13\r\n" + testsite.Upgrade + "\r\n", 400, "", "no Host"},
}

func TestCorpusRefused(t *testing.T) {
	t.Parallel()
	site, app := testsite.StartGate(t, "")
	for _, c := range refusals {
		before := len(site.Logs.With("WSREJECT"))
		response := testsite.Exchange(t, site.Addr, c.raw)
		if response.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d (%s)", c.id, response.StatusCode, c.status, c.why)
		}
		body, _ := io.ReadAll(response.Body)
		for _, key := range []string{testsite.GoodKey, testsite.OtherKey} {
			if strings.Contains(string(body)+fmt.Sprint(response.Header), key) {
				t.Errorf("%s: the answer tells a key", c.id)
			}
		}
		if seen := app.Seen(); len(seen) > 0 {
			t.Errorf("%s: the application saw %s %s (%s)", c.id, seen[0].Method, seen[0].URL, c.why)
		}
		rejected := site.Logs.With("WSREJECT")[before:]
		switch {
		case c.outcome == "" && len(rejected) > 0:
			t.Errorf("%s: logged as %v, want it to end before the gate", c.id, rejected[0]["outcome"])
		case c.outcome != "" && (len(rejected) != 1 || rejected[0]["outcome"] != c.outcome):
			t.Errorf("%s: logged %v, want outcome %s (%s)", c.id, rejected, c.outcome, c.why)
		}
		checkRefusalHeaders(t, c, response)
	}
	if logs := testsite.LogWithoutProxy(site.Logs); strings.Contains(logs, testsite.GoodKey) || strings.Contains(logs, testsite.OtherKey) {
		t.Error("a key stands in the logs")
	}
}

// checkRefusalHeaders holds an answer against what its status calls for.
func checkRefusalHeaders(t *testing.T, c refusal, response *http.Response) {
	t.Helper()
	if c.outcome == "" {
		return
	}
	header := response.Header
	switch {
	case response.StatusCode == 401 && header.Get("WWW-Authenticate") == "":
		t.Errorf("%s: 401 without WWW-Authenticate", c.id)
	case response.StatusCode == 405 && header.Get("Allow") != "GET":
		t.Errorf("%s: 405 with Allow %q", c.id, header.Get("Allow"))
	case response.StatusCode == 426 && header.Get("Upgrade") != "websocket":
		t.Errorf("%s: 426 without Upgrade: websocket", c.id)
	case response.StatusCode == 426 && c.outcome == "malformed" && header.Get("Sec-WebSocket-Version") != "13":
		t.Errorf("%s: 426 without Sec-WebSocket-Version: 13", c.id)
	case header.Get("Cache-Control") != "no-store":
		t.Errorf("%s: Cache-Control %q", c.id, header.Get("Cache-Control"))
	case c.outcome != "not_websocket" && !response.Close:
		t.Errorf("%s: the connection stays open, and what follows may be read as a request", c.id)
	}
}

// A pipelined second request must not be served behind a refusal.
func TestCorpusA19PipelinedRequestIsNotServed(t *testing.T) {
	t.Parallel()
	site, app := testsite.StartGate(t, "")
	conn, response := testsite.ExchangeOpen(t, site.Addr, testsite.Get("/ws/a/", testsite.Upgrade)+"GET /admin HTTP/1.1\r\nHost: localhost\r\n\r\n")
	defer conn.Close()
	if response.StatusCode != 401 {
		t.Fatalf("status %d, want 401", response.StatusCode)
	}
	rest, _ := io.ReadAll(conn)
	if strings.Contains(string(rest), "HTTP/1.1") || len(app.Seen()) > 0 {
		t.Errorf("the second request was answered: %q", rest)
	}
}

func TestCorpusAccepted(t *testing.T) {
	t.Parallel()
	site, app := testsite.StartGate(t, "")
	for _, c := range []struct {
		id, raw, uri string
		header       map[string]string
		why          string
	}{
		{"plain", testsite.Get(testsite.Keyed, testsite.Upgrade), testsite.Keyed, nil, "the plain case"},
		{"A18 fold", testsite.Get(testsite.Keyed, "Connection: Upgrade\r\nUpgrade:\r\n websocket\r\n"), testsite.Keyed, nil,
			"net/http unfolds, as RFC 9112, 5.2 allows"},
		{"Q4", testsite.Get(testsite.Keyed+"&q=100%&z=%zz&y=%4", testsite.Upgrade), testsite.Keyed + "&q=100%&z=%zz&y=%4", nil, "invalid escapes elsewhere hide no key"},
		{"Q4 semicolon", testsite.Get("/ws/a/?a=1;b=2&key="+testsite.GoodKey+"&c;d", testsite.Upgrade), "/ws/a/?a=1;b=2&key=" + testsite.GoodKey + "&c;d", nil, "nor do semicolons"},
		{"Q5", testsite.Get("/ws/a/?%6bey="+testsite.GoodKey, testsite.Upgrade), "/ws/a/?%6bey=" + testsite.GoodKey, nil, "an encoded name is the name"},
		{"Q8", testsite.Get("/ws/a/?key=good-key%2D0123456789", testsite.Upgrade), "/ws/a/?key=good-key%2D0123456789", nil, "as it came"},
		{"rest", testsite.Get("/ws/a/?a=1&key="+testsite.GoodKey+"&b=%2F&b=2", testsite.Upgrade), "/ws/a/?a=1&key=" + testsite.GoodKey + "&b=%2F&b=2", nil,
			"every byte of the query as it was"},
		{"prefix", testsite.Get("/ws/b/room-1/?key="+testsite.OtherKey, testsite.Upgrade), "/ws/b/room-1/?key=" + testsite.OtherKey, nil, "below a prefix"},
		{"prefix unicode", testsite.Get("/ws/b/%D0%9F/?key="+testsite.OtherKey, testsite.Upgrade), "/ws/b/%D0%9F/?key=" + testsite.OtherKey, nil,
			"an honest escape below a prefix"},
		{"prefix percent", testsite.Get("/ws/b/100%25?key="+testsite.OtherKey, testsite.Upgrade), "/ws/b/100%25?key=" + testsite.OtherKey, nil, "a percent sign in a name"},
		{"prefix semicolon", testsite.Get("/ws/b/a%3Bb;c?key="+testsite.OtherKey, testsite.Upgrade), "/ws/b/a%3Bb;c?key=" + testsite.OtherKey, nil, "a semicolon in a name"},
		{"prefix root", testsite.Get("/ws/b/?key="+testsite.OtherKey, testsite.Upgrade), "/ws/b/?key=" + testsite.OtherKey, nil, "the prefix itself"},
		{"P12", testsite.Get("http://localhost"+testsite.Keyed, testsite.Upgrade), testsite.Keyed, nil, "absolute form"},
		{"H3", testsite.Get(testsite.Keyed, "Connection: Upgrade, X-Something\r\nUpgrade: websocket\r\nX-Something: kept\r\n"), testsite.Keyed,
			map[string]string{"X-Something": "kept", "Connection": "Upgrade"}, "Connection names nothing but Upgrade"},
		{"H4", testsite.Get(testsite.Keyed, "Connection: Upgrade, Origin, Cookie\r\nUpgrade: websocket\r\nOrigin: http://localhost\r\nCookie: a=b\r\n"),
			testsite.Keyed, map[string]string{"Origin": "http://localhost", "Cookie": "a=b"}, "what was judged is what is sent on"},
		{"root path", testsite.Get(testsite.Keyed, testsite.Upgrade+"Daphne-Root-Path: /x\r\n"), testsite.Keyed, map[string]string{"Daphne-Root-Path": ""},
			"Daphne believes it from anybody"},
		{"H1 85", testsite.Get(testsite.Keyed, testsite.Upgrade+"X-Foo: a\x85Daphne-Root-Path: /evil\r\nCookie: a=b; c=\xc3\x85; d=e\r\n"), testsite.Keyed,
			map[string]string{"X-Foo": "", "Cookie": "a=b; d=e"}, "0x85 splits lines in Daphne, and is a part of letters"},
		{"origin", testsite.Get(testsite.Keyed, testsite.Upgrade+"Origin: http://localhost\r\n"), testsite.Keyed, nil, "the site's own page"},
	} {
		response := testsite.Exchange(t, site.Addr, c.raw)
		if response.StatusCode != 101 {
			t.Errorf("%s: status %d, want 101 (%s)", c.id, response.StatusCode, c.why)
			continue
		}
		seen := app.Seen()
		if len(seen) != 1 || seen[0].RequestURI != c.uri {
			t.Errorf("%s: the application saw %v, want one request for %s (%s)", c.id, seen, c.uri, c.why)
			continue
		}
		for name, want := range c.header {
			if got := seen[0].Header.Get(name); got != want {
				t.Errorf("%s: the application saw %s: %q, want %q (%s)", c.id, name, got, want, c.why)
			}
		}
	}
	if strings.Contains(testsite.LogWithoutProxy(site.Logs), testsite.GoodKey) {
		t.Error("a key stands in the logs")
	}
}

// A plain request that names Daphne's root path loses the header too, and is otherwise none of the gate's business.
func TestCorpusPlainRequestsPass(t *testing.T) {
	t.Parallel()
	site, app := testsite.StartGate(t, "")
	response := testsite.Exchange(t, site.Addr, testsite.Get("/page?key=of-something-else", "Daphne-Root-Path: /x\r\n"))
	seen := app.Seen()
	if response.StatusCode != 200 || len(seen) != 1 || seen[0].Header.Get("Daphne-Root-Path") != "" {
		t.Errorf("status %d, the application saw %v", response.StatusCode, seen)
	}
	if !strings.Contains(site.Logs.String(), "of-something-else") {
		t.Error("the log hides a parameter that is no key of this site")
	}
}

// A25: the application's own answer is relayed, and what the client sends behind it is no tunnel. A 101 that does not answer
// the handshake is none.
func TestCorpusA25ApplicationRefuses(t *testing.T) {
	t.Parallel()
	site, app := testsite.StartGate(t, "")
	const switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
	for _, c := range []struct {
		name, raw string // the application's answer
		status    int
		outcome   string
	}{
		{"200", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "upstream_refused"},
		{"403", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 403, "upstream_refused"},
		{"426", "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n", 426, "upstream_refused"},
		{"other protocol", switched + "Upgrade: h2c\r\n\r\n", 502, "upstream_failed"},
		{"no protocol", switched + "\r\n", 502, "upstream_failed"},
		{"bad accept", switched + "Upgrade: websocket\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n", 502,
			"upstream_failed"},
		{"no accept", switched + "Upgrade: websocket\r\n\r\n", 502, "upstream_failed"},
	} {
		// A proxy may ask again where a connection that it kept has ended: whoever waited here would hold one open.
		behind := make(chan string, 10)
		app.Answer(func(w http.ResponseWriter, r *http.Request) bool {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return true
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(testwait.Limit))
			_, _ = io.WriteString(conn, c.raw)
			if strings.HasPrefix(c.raw, switched) {
				rest, _ := io.ReadAll(conn)
				behind <- string(rest)
				return true
			}
			behind <- ""
			return true
		})
		response := testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade)+"GET /admin HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if response.StatusCode != c.status || response.Header.Get("Sec-WebSocket-Accept") != "" {
			t.Errorf("%s: the client got %d %v, want %d", c.name, response.StatusCode, response.Header, c.status)
		}
		if got := <-behind; got != "" {
			t.Errorf("%s: %q went through a tunnel", c.name, got)
		}
		rejected := site.Logs.With("WSREJECT")
		if last := rejected[len(rejected)-1]; last["outcome"] != c.outcome || last["status"] != float64(c.status) {
			t.Errorf("%s: logged %v, want %s", c.name, last, c.outcome)
		}
	}
	if opened := site.Logs.With("WSCONNECT"); len(opened) > 0 {
		t.Errorf("logged as open: %v", opened)
	}
	if strings.Contains(testsite.LogWithoutProxy(site.Logs), testsite.GoodKey) {
		t.Error("a key stands in the logs")
	}
}

// P21: the gate judges the path as it is where it stands. By default that is before anything rewrites it; in a route of its
// own, what stands before it has its say first.
func TestCorpusP21Rewrites(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, gated string // the Caddyfile around GATE and PROXY
		target      string
		status      int
		why         string
	}{
		{"rewrite, in the default order", "rewrite /x/* /ws/a/\nGATE\nPROXY", "/x/y?key=" + testsite.GoodKey, 403, "the path that came is unlisted"},
		{"rewrite of a route, in the default order", "rewrite /ws/a/ /elsewhere/\nGATE\nPROXY", testsite.Keyed, 101, "the path that came is listed"},
		{"strip_prefix in front", "route {\nuri strip_prefix /app\nGATE\nPROXY\n}", "/app" + testsite.Keyed, 101, "what is sent on is judged"},
		{"strip_prefix in front, no key", "route {\nuri strip_prefix /app\nGATE\nPROXY\n}", "/app/ws/a/", 401, "what is sent on is judged"},
		{"handle_path", "handle_path /app/* {\nGATE\nPROXY\n}", "/app/ws/a/", 401, "what is sent on is judged"},
		{"handle_path into the route", "handle_path /app* {\nGATE\nPROXY\n}", "/app/ws/a/?key=wrong", 401, "what is sent on is judged"},
	} {
		app := testsite.StartApplication(t)
		site := testsite.Start(t, "http://localhost\n"+strings.NewReplacer(
			"GATE", "websocket_gate {\nroute a /ws/a/ {\nkey "+testsite.GoodKey+"\n}\n}", "PROXY", "reverse_proxy "+app.Addr).Replace(c.gated))
		response := testsite.Exchange(t, site.Addr, testsite.Get(c.target, testsite.Upgrade))
		if response.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d (%s)", c.name, response.StatusCode, c.status, c.why)
		}
		if seen := app.Seen(); len(seen) > 0 && c.status != 101 {
			t.Errorf("%s: the application saw %s", c.name, seen[0].URL)
		}
		awaitEnds(t, site)
	}
}

// awaitEnds waits until no socket of the site is left: the gate of another test would log of it.
func awaitEnds(t *testing.T, site *testsite.Site) {
	t.Helper()
	name := websocketgate.SiteOn(site.Server)
	testsite.Eventually(t, "every socket ended", func() bool {
		return !slices.ContainsFunc(socketlog.Registry().Routes(), func(route sockets.Route) bool { return route.Site == name })
	})
}

// H7: who a client is, is what Caddy believes: an X-Forwarded-For of anybody's is not, one of a trusted proxy is; of IPv6
// addresses a /64 is one client. Scheme and host of the site, for its origin, are believed alike.
func TestCorpusH7ClientAddress(t *testing.T) {
	t.Parallel()
	const trusting = "{\nservers {\ntrusted_proxies static 127.0.0.0/8\n}\n}\n"
	for _, c := range []struct {
		name, global  string
		first, second string // the headers of two handshakes
		status        int    // of the second, while the first is open
		why           string
	}{
		{"untrusted", "", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2", 429, "anybody can write that"},
		{"trusted", trusting, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2", 101, "two clients"},
		{"trusted, the same", trusting, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.1", 429, "one client"},
		{"one /64", trusting, "X-Forwarded-For: 2001:db8::1", "X-Forwarded-For: 2001:db8::2:1", 429, "one client"},
		{"two /64", trusting, "X-Forwarded-For: 2001:db8::1", "X-Forwarded-For: 2001:db8:0:1::1", 101, "two clients"},
		{"origin behind a proxy", trusting, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2\r\nX-Forwarded-Proto: https\r\n" +
			"X-Forwarded-Host: shop.example\r\nOrigin: https://shop.example", 101, "a trusted proxy says how the client sees the site"},
		{"origin behind Traefik", trusting, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2\r\nX-Forwarded-Proto: wss\r\n" +
			"Origin: https://localhost", 101, "it names the scheme of the socket"},
		{"origin behind two proxies", trusting, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2\r\nX-Forwarded-Proto: https, http\r\n" +
			"X-Forwarded-Host: shop.example, inner\r\nOrigin: https://shop.example", 101, "the client came to the first"},
		{"origin, made up", "", "X-Unused: 1", "X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n" +
			"Origin: https://evil.example", 403, "and nobody else"},
	} {
		t.Run(c.name, func(t *testing.T) { // a name of its own has places of its own
			app := testsite.StartApplication(t)
			site := testsite.Start(t, c.global+"http://localhost\nwebsocket_gate {\nroute a /ws/a/ {\nkey "+testsite.GoodKey+
				"\nmax_open 10 per_client 1\n}\n}\nreverse_proxy "+app.Addr)
			conn, response := testsite.ExchangeOpen(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade+c.first+"\r\n"))
			if response.StatusCode != 101 {
				t.Fatalf("%s: the first got %d", c.name, response.StatusCode)
			}
			if second := testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade+c.second+"\r\n")); second.StatusCode != c.status {
				t.Errorf("%s: status %d, want %d (%s)", c.name, second.StatusCode, c.status, c.why)
			}
			if c.status == 403 {
				testsite.Eventually(t, "the refusal logged", func() bool { return len(site.Logs.With("WSREJECT")) == 1 })
				if reason := site.Logs.With("WSREJECT")[0]["reason"].(string); !strings.HasSuffix(reason, "the site's own origin is http://localhost, as far as trusted_proxies tell") {
					t.Errorf("%s: the log says %q, which is no help behind a proxy", c.name, reason)
				}
			}
			conn.Close()
			awaitEnds(t, site)
		})
	}
}
