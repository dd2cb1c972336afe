package websocketgate_test

import (
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// A path matches a route only byte for byte.
func TestRejectedPaths(t *testing.T) {
	t.Parallel()
	checkRejections(t, []rejection{
		{"doubled slash at the start", testsite.Get("//ws/a/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "a doubled slash in front"},
		{"doubled slash inside", testsite.Get("/ws//a/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "a doubled slash inside"},
		{"other case", testsite.Get("/WS/A/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "Django's paths have case"},
		{"encoded letter", testsite.Get("/ws/%61/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "an encoded letter"},
		{"encoded slash", testsite.Get("/ws%2fa/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "an encoded slash"},
		{"dot segments", testsite.Get("/x/../ws/a/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "dot segments"},
		{"encoded dot segments", testsite.Get("/x/%2e%2e/ws/a/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "encoded dots"},
		{"encoded slash after dots", testsite.Get("/x/..%2fws/a/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "an encoded slash after dots"},
		{"parameter on a dot segment", testsite.Get("/x/..;/ws/a/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "a path parameter"},
		{"encoded backslash after dots", testsite.Get("/x/..%5cws/a/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "an encoded backslash"},
		{"no final slash", testsite.Get("/ws/a?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "no final slash"},
		{"below an exact path", testsite.Get("/ws/a/x?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "below an exact path"},
		{"space at the end", testsite.Get("/ws/a/%20?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "a space at the end"},
		{"newline at the end", testsite.Get("/ws/a/%0a?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "Python's $ matches before a newline"},
		{"parameter at the end", testsite.Get("/ws/a/;x?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "a parameter"},
		{"parameter inside", testsite.Get("/ws/a;x/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "a parameter inside"},
		{"NUL", testsite.Get("/ws/a/%00?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "NUL"},
		{"absolute form", testsite.Get("http://localhost/ws/a/", testsite.Upgrade), 401, "key_missing", "absolute form is the same path"},
		{"absolute form with another host", testsite.Get("http://evil/ws/a/", testsite.Upgrade), 200, "", "the authority is the host, whatever Host says: no site of ours"},
		{"encoded #", testsite.Get("/ws/a/%23?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "an encoded #"},
		{"backslash", testsite.Get(`/ws\a/?key=`+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "a backslash"},
		{"encoded dot", testsite.Get("/ws/%2e/a/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "an encoded dot segment"},
		{"encoded twice", testsite.Get("/ws/%2561/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "encoded twice"},
		{"Daphne-Root-Path", testsite.Get("/x/ws/a/?key="+testsite.GoodKey, testsite.Upgrade+"Daphne-Root-Path: /x\r\n"), 403, "unlisted", "Daphne's root path"},
		{"route's path behind a prefix", testsite.Get("/anything/ws/a/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "an unanchored pattern"},
		{"overlong UTF-8", testsite.Get("/ws/%c0%ae/?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "overlong UTF-8"},
		{"fullwidth slashes", testsite.Get("/%EF%BC%8Fws%EF%BC%8Fa%EF%BC%8F?key="+testsite.GoodKey, testsite.Upgrade), 403, "unlisted", "fullwidth slashes"},
		{"key of b on a", testsite.Get("/ws/a/?key="+testsite.OtherKey, testsite.Upgrade), 403, "key_other_route", "b's key on a"},
		{"key of a on b", testsite.Get("/ws/b/?key="+testsite.GoodKey, testsite.Upgrade), 403, "key_other_route", "a's key on b"},
		{"encoded dot segments out of a prefix", testsite.Get("/ws/b/%2e%2e/a/?key="+testsite.OtherKey, testsite.Upgrade), 403, "unlisted", "out of a prefix by encoded dots"},
		{"dot segments out of a prefix", testsite.Get("/ws/b/../a/?key="+testsite.OtherKey, testsite.Upgrade), 403, "unlisted", "out of a prefix by dots"},
		{"encoded slash below a prefix", testsite.Get("/ws/b/x%2fy?key="+testsite.OtherKey, testsite.Upgrade), 403, "unlisted", "an encoded slash below a prefix"},
		{"longer name than the prefix", testsite.Get("/ws/bb?key="+testsite.OtherKey, testsite.Upgrade), 403, "unlisted", "a prefix ends at its slash"},
	})
}

// The gate checks the path at its place in the handler chain: before rewrites by default, and after the handlers that stand
// before it in a route block.
func TestGateChecksThePathAtItsPlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, gated string // the Caddyfile around GATE and PROXY
		target      string
		status      int
		why         string
	}{
		{"rewrite, in the default order", "rewrite /x/* /ws/a/\nGATE\nPROXY", "/x/y?key=" + testsite.GoodKey, 403, "the requested path is unlisted"},
		{"rewrite of a route, in the default order", "rewrite /ws/a/ /elsewhere/\nGATE\nPROXY", testsite.Keyed, 101, "the requested path is listed"},
		{"strip_prefix in front", "route {\nuri strip_prefix /app\nGATE\nPROXY\n}", "/app" + testsite.Keyed, 101, "the forwarded path is checked"},
		{"strip_prefix in front, no key", "route {\nuri strip_prefix /app\nGATE\nPROXY\n}", "/app/ws/a/", 401, "the forwarded path is checked"},
		{"handle_path", "handle_path /app/* {\nGATE\nPROXY\n}", "/app/ws/a/", 401, "the forwarded path is checked"},
		{"handle_path into the route", "handle_path /app* {\nGATE\nPROXY\n}", "/app/ws/a/?key=wrong", 401, "the forwarded path is checked"},
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
