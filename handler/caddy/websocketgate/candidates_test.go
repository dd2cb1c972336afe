package websocketgate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// A reload closes no socket whose handshake the new configuration accepts, whichever matchers lead to its gate.
func TestReloadKeepsWhatAHandshakeWouldGet(t *testing.T) {
	t.Parallel()
	a, b, c := oldKey, newKey, "the-third-key-0123456789"
	guarded := gateBlocks(testsite.StartEcho(t))
	site := func(body ...string) string { return ":80 {\n" + strings.Join(body, "\n") + "\n}\n" }
	split := func(matcher, matching, others string) string {
		return site(fmt.Sprintf("@m %s\nhandle @m {\n%s}\nhandle {\n%s}", matcher, matching, others))
	}
	one := site(guarded(a))
	byHost := split("host b.example", guarded(b), guarded(a))
	byNotHost := split("not host b.example", guarded(a), guarded(b))
	byQuery := split("query tenant=b", guarded(b), guarded(a))
	first, both := []hostSocket{{"a.example", a, 0}}, []hostSocket{{"a.example", a, 0}, {"b.example", b, 0}}
	lost := []hostSocket{{"a.example", a, revoked}}
	for _, test := range []reloadCase{
		{"not host", one, byNotHost, first, "the host is not b.example"},
		{"host to not host", byHost, byNotHost, both, "the gates are the same"},
		{"not host to host", byNotHost, byHost, both, "the gates are the same"},
		{"expression", one, split("expression `{http.request.host} != \"b.example\"`", guarded(a), guarded(b)), first, "either gate may decide"},
		{"header_regexp", one, split("header_regexp Host ^a", guarded(a), guarded(b)), first, "either gate may decide"},
		{"header", one, split("header Host a.example", guarded(a), guarded(b)), first, "either gate may decide"},
		{"remote_ip", one, split("remote_ip 127.0.0.1", guarded(a), guarded(b)), first, "either gate may decide"},
		{"query", one, byQuery, first, "either gate may decide"},
		{"query, unchanged", byQuery, byQuery, first, "the socket counts for its own gate"},
		{"path", one, split("path /ws/*", guarded(a), guarded(b)), first, "the path is below /ws/"},
		{"not path", one, split("not path /ws/*", guarded(b), guarded(a)), first, "the path is below /ws/"},
		{"path and query", one, split("{\npath /ws/*\nquery tenant=b\n}", guarded(b), guarded(a)), first, "either gate may decide"},
		{"path before a rewrite", site("handle_path /x/* {\n" + guarded(a) + "}"), split("path /x/*", "uri strip_prefix /x\nroute {\n"+guarded(a)+"}\n", guarded(b)),
			[]hostSocket{{"a.example/x", a, 0}}, "the gate sees another path than the matcher"},
		{"a long path", split("path */ws/chat/", "uri path_regexp ^/x+/ /\nroute {\n"+guarded(a)+"}\n", guarded(b)),
			split("path */ws/chat/", "uri path_regexp ^/x+/ /\nroute {\n"+guarded(a)+"}\n", guarded(c)),
			[]hostSocket{{"a.example/" + strings.Repeat("x", 300), a, 0}}, "the socket does not keep it"},
		{"a handle before the others", byQuery,
			site("@n header Host a.example\nhandle @n {\n" + guarded(a) + "}\n@m query tenant=b\nhandle @m {\n" + guarded(b) + "}\nhandle {\n" + guarded(c) + "}"), first,
			"the same matchers lead to another gate"},
		{"another gate passes the route", one, site("route {\nwebsocket_gate {\nunlisted pass\nroute other /ws/other/ {\nkey " + b + "\n}\n}\n" + guarded(a) + "}"),
			first, "the first gate has no such route"},
		{"in handle_errors", site("error @ws 503\n@ws path /ws/*\nhandle_errors {\n" + guarded(a) + "}"), site("error @ws 503\n@ws path /ws/*\nhandle_errors {\n" + guarded(a) + "}"),
			first, "the handshake reaches the gate by an error"},

		{"not host of another key", one, split("not host b.example", guarded(b), guarded(a)), lost, "only the first gate decides"},
		{"not path of another key", one, split("not path /ws/*", guarded(a), guarded(b)), lost, "only the second gate decides"},
		{"a key that no candidate has", one, split("header Host a.example", guarded(b), guarded(c)), lost, "the key is revoked"},
	} {
		t.Run(test.name, test.run)
	}
}

// A reload closes the sockets of hosts and paths that something other than a gate answers now, with 1001.
func TestReloadClosesSocketsWithoutAGate(t *testing.T) {
	t.Parallel()
	a := oldKey
	guarded := gateBlocks(testsite.StartEcho(t))
	wildcard, all := siteBlock("*.example", guarded(a)), ":80 {\n"+guarded(a)+"}\n"
	gone := []hostSocket{{"a.example", a, away}, {"b.example", a, 0}}
	before := strings.ReplaceAll(wildcard, "max_open 1", "max_open 2")
	for _, test := range []reloadCase{
		{"a site of its own", before, wildcard + siteBlock("a.example", "respond hi"), gone, "Caddy tries exact hosts first"},
		{"a proxy of its own", before, wildcard + siteBlock("a.example", "reverse_proxy 127.0.0.1:1"), gone, "Caddy tries exact hosts first"},
		{"a handle before the fallback", before, siteBlock("*.example", handleHosts("a.example", "respond hi\n"), "handle {\n"+guarded(a)+"}"), gone, "the handle answers"},
		{"a response before the gate", before, siteBlock("*.example", "@a host a.example", "route {\nrespond @a hi\n"+guarded(a)+"}"), gone, "the response ends the route"},
		{"beside a site of every host", strings.ReplaceAll(all, "max_open 1", "max_open 2"), all + siteBlock("a.example", "respond hi"), gone, "Caddy tries exact hosts first"},
		{"a path", all, ":80 {\nhandle /ws/* {\nrespond hi\n}\nhandle {\n" + guarded(a) + "}\n}\n", []hostSocket{{"a.example", a, away}}, "the handle answers"},
		{"a path of others", all, ":80 {\nhandle /api/* {\nrespond hi\n}\nhandle {\n" + guarded(a) + "}\n}\n", []hostSocket{{"a.example", a, 0}}, "the gate answers"},
	} {
		t.Run(test.name, test.run)
	}
}
