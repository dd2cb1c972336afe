package websocketgate_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

const exposedMessage = "other paths can switch protocols without a gate"

// A configuration does not load if requests for a route do not reach the gate. The start warns if other paths can open sockets.
func TestGateInForce(t *testing.T) {
	t.Parallel()
	const (
		gated    = "websocket_gate {\nroute a /ws/a/ {\nkey " + testsite.GoodKey + "\n}\n}\n"
		proxy    = "reverse_proxy 127.0.0.1:1\n"
		notFirst = "path /ws/a/ does not reach the gate"
		ofRooms  = "websocket_gate {\nroute room /ws/room/* {\nkey " + testsite.GoodKey + "\n}\n}\n"
		notPart  = "path /ws/room/admin/* does not reach the gate"
		notRoom  = "path /ws/room/* does not reach the gate"
		atChoice = "path /ws/a/ does not reach the gate for some methods, fields or queries"
		errors   = "handle_errors can switch protocols without a gate"
	)
	at := func(matcher string) string {
		return strings.Replace(gated, "websocket_gate ", "websocket_gate "+matcher+" ", 1)
	}
	onlyIf := func(matcher string) string { return "@m " + matcher + "\n" + at("@m") + proxy }
	roomIf := func(matcher string) string {
		return "@m " + matcher + "\n" + strings.Replace(ofRooms, "websocket_gate ", "websocket_gate @m ", 1) + proxy
	}
	for _, c := range []struct {
		name, site, want string // "": the configuration loads
		warns            bool
		why              string
	}{
		{"in front", gated + proxy, "", false, "the gate is before all"},
		{"proxy before the gate", "route {\n" + proxy + gated + "}", notFirst, false, "the proxy responds"},
		{"proxy before the gate, other path", "route {\nreverse_proxy /api/* 127.0.0.1:1\n" + gated + proxy + "}", "", true, "the proxy has another path"},
		{"another handle", "handle /api/* {\n" + gated + "}\nhandle {\n" + proxy + "}", notFirst, false, "the second handle responds"},
		{"handle of the sockets", "handle /ws/* {\n" + gated + proxy + "}\nhandle {\n" + proxy + "}", "", true, "pages have another handle"},
		{"handle of the sockets, static rest", "handle /ws/* {\n" + gated + proxy + "}\nhandle {\nfile_server\n}", "", false, "file_server switches no protocol"},
		{"matcher", at("/ws/*") + proxy, "", true, "/live/x reaches the proxy"},
		{"matcher of other paths", at("/live/*") + proxy, notFirst, false, "the gate never sees its route"},
		{"matcher by host", at("@h") + "@h host localhost\n" + proxy, "", true, "other hosts do not reach the gate"},
		{"two gates", at("/ws/*") + strings.Replace(at("/live/*"), "route a /ws/a/", "route b /live/b/", 1) + proxy, "", true, "other paths are unguarded"},
		{"handle_path", "handle_path /app/* {\n" + gated + proxy + "}\nhandle {\nrespond 404\n}", "", false, "the gate sees the stripped path"},
		{"handle_path, and a proxy", "handle_path /app/* {\n" + gated + proxy + "}\nhandle {\n" + proxy + "}", "", true, "other paths are unguarded"},
		{"stripped prefix, and a proxy before the gate", "route {\nuri strip_prefix /ws\nreverse_proxy /a/ 127.0.0.1:1 {\nrewrite /ws{uri}\n}\n" + gated + proxy + "}", notFirst, false, "the proxy responds to /a/"},
		{"handle_path around all", "handle_path /app/* {\nroute {\n" + proxy + gated + "}\n}", "path /app/ws/a/ does not reach the gate", false, "the proxy responds"},
		{"invoked", "invoke gated\n" + proxy + "}\n&(gated) {\n" + gated, "", false, "the gate is before all"},
		{"invoked too late", "route {\n" + proxy + "invoke gated\n}\n}\n&(gated) {\n" + gated, notFirst, false, "the proxy responds"},
		{"invoked proxy", "route {\ninvoke proxied\n" + gated + "}\n}\n&(proxied) {\n" + proxy, notFirst, false, "the proxy responds"},
		{"subroutes", "route {\nroute {\n" + gated + "}\nroute {\n" + proxy + "}\n}", "", false, "the gate is first"},
		{"forward_auth", "route {\nforward_auth 127.0.0.1:1 {\nuri /\n}\n" + gated + proxy + "}", "", true, "it sends handshakes to its service"},
		{"forward_auth without Upgrade", "route {\nforward_auth 127.0.0.1:1 {\nuri /\nheader_up -Upgrade\n}\n" + gated + proxy + "}", "", false, "it sends no handshake"},
		{"forward_auth and proxy before the gate", "route {\nforward_auth 127.0.0.1:1 {\nuri /\n}\n" + proxy + gated + "}", notFirst, false, "the proxy responds"},
		{"proxy with a method", "route {\nreverse_proxy 127.0.0.1:1 {\nmethod GET\n}\n" + gated + "}", notFirst, false, "it is no forward_auth"},
		{"proxy with a rewrite, other path", "route {\nreverse_proxy /api/* 127.0.0.1:1 {\nrewrite {uri}\n}\n" + gated + proxy + "}", "", true, "it is no forward_auth"},
		{"proxy that replaces a status", "route {\nreverse_proxy 127.0.0.1:1 {\nreplace_status 404\n}\n" + gated + "}", notFirst, false, "it calls no other handler"},
		{"proxy that copies responses", "route {\nreverse_proxy 127.0.0.1:1 {\nhandle_response {\ncopy_response\n}\n}\n" + gated + "}", notFirst, false, "it calls no other handler"},
		{"proxy for responses", "route {\nreverse_proxy 127.0.0.1:1 {\nheader_up -Upgrade\nhandle_response {\n" + proxy + "}\n}\n" + gated + "}", "", true, "its second proxy gets the handshake"},
		{"intercept before the gate", "route {\nintercept {\nhandle_response {\n" + proxy + "}\n}\n" + gated + proxy + "}", "", true, "its proxy gets handshakes"},
		{"intercept with a file", "route {\nintercept {\nhandle_response {\nfile_server\n}\n}\n" + gated + proxy + "}", "", false, "file_server switches no protocol"},
		{"intercept behind", gated + "intercept {\nhandle_response {\n" + proxy + "}\n}\n" + proxy, "", false, "the gate is before it"},
		{"files that pass through", "route {\nfile_server {\npass_thru\n}\n" + proxy + gated + "}", notFirst, false, "a file that does not exist reaches the proxy"},
		{"files that pass through, other path", "route {\nfile_server /api/* {\npass_thru\n}\nreverse_proxy /api/* 127.0.0.1:1\n" + gated + proxy + "}", "", true, "the proxy responds"},
		{"FastCGI", "route {\nphp_fastcgi 127.0.0.1:1\n" + gated + "}", "", false, "it switches no protocol"},
		{"hosts", "@a host a.example\n@b host b.example\nhandle @b {\n" + proxy + "}\nhandle @a {\n" + gated + proxy + "}", "", true, "it may be intended"},
		{"other site", gated + proxy + "}\nhttp://b.example {\n" + proxy, "", false, "another site"},
		{"rewrite", "route {\nrewrite /old /ws/a/\n" + gated + proxy + "}", "", false, "gate and proxy get the same requests"},
		{"error page", gated + proxy + "handle_errors {\nrewrite * /{err.status_code}.html\nfile_server\n}", "", false, "file_server switches no protocol"},
		{"error proxy", gated + proxy + "handle_errors {\n" + proxy + "}", errors, false, "a request may fail before the gate"},
		{"error proxy for a status", gated + proxy + "handle_errors 502 {\n" + proxy + "}", errors, false, "a request may fail before the gate"},
		{"error proxy without Upgrade", gated + proxy + "handle_errors {\nreverse_proxy 127.0.0.1:1 {\nheader_up -Upgrade\n}\n}", "", false, "it sends no handshake"},
		{"error proxy that sets Upgrade", gated + proxy + "handle_errors {\nreverse_proxy 127.0.0.1:1 {\nheader_up upgrade websocket\nheader_up -upgrade\n}\n}", errors, false,
			"both set and delete the field"},
		{"error proxy without Connection", gated + proxy + "handle_errors {\nreverse_proxy 127.0.0.1:1 {\nheader_up -Connection\n}\n}", errors, false,
			"some applications need Upgrade alone"},
		{"proxy without Upgrade", "route {\nreverse_proxy /api/* 127.0.0.1:1 {\nheader_up -Upgrade\n}\n" + gated + proxy + "}", "", false, "it sends no handshake"},
		{"proxy without Up*", "route {\nreverse_proxy /api/* 127.0.0.1:1 {\nheader_up -Up*\n}\n" + gated + proxy + "}", "", false, "it sends no handshake"},
		{"proxy without Up*, with Upgrade", "route {\nreverse_proxy /api/* 127.0.0.1:1 {\nheader_up -Up*\nheader_up +Upgrade websocket\n}\n" + gated + proxy + "}", "", true,
			"both add and delete the field"},
		{"proxy by h2c", "route {\nreverse_proxy /api/* h2c://127.0.0.1:1\n" + gated + proxy + "}", "", false, "HTTP/2 has no Upgrade"},
		{"proxy behind request_header", "route {\nhandle /api/* {\nrequest_header -Upgrade\n" + proxy + "}\n" + gated + proxy + "}", "", true,
			"handshakes over HTTP/2 and 3 have no Upgrade, which the proxy adds"},
		{"error proxy with a rewrite", gated + proxy + "handle_errors {\nreverse_proxy 127.0.0.1:1 {\nrewrite /{err.status_code}\n}\n}", errors, false, "it is no forward_auth"},
		{"error proxy of a wildcard", gated + proxy + "}\nhttp://*.localhost, http://* {\nhandle_errors {\n" + proxy + "}\n", errors, false,
			"errors of this site reach it"},
		{"proxy for a part of the route", "route {\nreverse_proxy /ws/room/admin/* 127.0.0.1:1\n" + ofRooms + proxy + "}", notPart, false, "the part has no gate"},
		{"handle of a part of the route", "handle /ws/room/admin/* {\n" + proxy + "}\nhandle {\n" + ofRooms + proxy + "}", notPart, false, "the part has no gate"},
		{"handle of a part by a glob", "handle /ws/*/admin {\n" + proxy + "}\nhandle {\n" + ofRooms + proxy + "}", "path /ws/room/admin does not reach the gate", false,
			"the glob has a path of the route"},
		{"handle of a part by its end", "@json path *.json\nhandle @json {\n" + proxy + "}\nhandle {\n" + ofRooms + proxy + "}", "path /ws/room/*.json does not reach the gate", false,
			"a room may have such a name"},
		{"handle of a part by a regular expression", "@r path_regexp ^/ws/room/admin$\nhandle @r {\n" + proxy + "}\nhandle {\n" + ofRooms + proxy + "}",
			"path /ws/room/admin does not reach the gate", false, "the part has no gate"},
		{"handle of a part, stripped", "handle_path /app/* {\nhandle /ws/room/admin/* {\n" + proxy + "}\nhandle {\n" + ofRooms + proxy + "}\n}",
			"path /app/ws/room/admin/* does not reach the gate", false, "the part has no gate"},
		{"handle of another part", "handle /ws/rooms/* {\n" + proxy + "}\nhandle {\n" + ofRooms + proxy + "}", "", true, "the route has no such path"},
		{"matcher of one room", strings.Replace(ofRooms, "websocket_gate ", "websocket_gate /ws/room/x ", 1) + proxy, notRoom, false, "other rooms have no gate"},
		{"matcher of all rooms", strings.Replace(ofRooms, "websocket_gate ", "websocket_gate /ws/room/* ", 1) + proxy, "", true, "/live/x reaches the proxy"},
		{"not the path", onlyIf("not path /ws/a/"), notFirst, false, "the gate never sees its route"},
		{"not another path", onlyIf("not path /static/*"), "", true, "the gate sees its route"},
		{"not a part of the route", roomIf("not path /ws/room/admin/*"), notPart, false, "the part has no gate"},
		{"regular expression of another path", roomIf("path_regexp ^/nope"), notRoom, false, "the gate never sees its route"},
		{"regular expression of the path", roomIf("path_regexp ^/ws/"), "", true, "the gate sees its route"},
		{"expression of another path", roomIf("expression `path('/nope')`"), notRoom, false, "the gate never sees its route"},
		{"expression of the path", roomIf("expression `path('/ws/*')`"), "", true, "the gate sees its route"},
		{"expression of the path's beginning", roomIf("expression {path}.startsWith('/ws/')"), "", true, "the gate sees its route"},
		{"false", onlyIf("expression false"), notFirst, false, "the gate sees nothing"},
		{"expression of the query", onlyIf("expression `query({'a': '1'})`"), atChoice, false, "a client chooses the query"},
		{"query", onlyIf("query a=1"), atChoice, false, "a client chooses the query"},
		{"method", onlyIf("method GET"), atChoice, false, "HTTP/3 opens sockets by CONNECT"},
		{"expression of the path and the query", onlyIf("expression `path('/ws/*') && !query({'x': '1'})`"), atChoice, false, "a client chooses the query"},
		{"expression of the path and a header", onlyIf("expression `path('/ws/*') && {header.X-Skip} != '1'`"), atChoice, false, "a client chooses its fields"},
		{"expression of the query and the address", onlyIf("expression `!query({'x': '1'}) || remote_ip('10.0.0.0/8')`"), "", false, "another warning: clients choose no address"},
		{"expression of another path and a header", "route {\n@m expression `path('/canary/*') && header({'X-Canary': '1'})`\nreverse_proxy @m 127.0.0.1:1\n" + gated + proxy + "}", "", false,
			"no request for the route matches; another warning"},
		{"variable of the query", onlyIf("not vars {query.skip} 1"), atChoice, false, "a client chooses the query"},
		{"variable of a header, by a regular expression", "route {\n@m vars_regexp {header.X-Skip} 1\nreverse_proxy @m 127.0.0.1:1\n" + gated + proxy + "}", atChoice, false, "a client chooses its fields"},
		{"variable of a cookie", onlyIf("not vars {cookie.skip} 1"), atChoice, false, "a client chooses its cookies"},
		{"variable of the method", onlyIf("vars {method} GET"), atChoice, false, "a client chooses the method"},
		{"variable of the host", onlyIf("not vars {host} a.example"), "", false, "another warning: the host has a site"},
		{"variable that is set from the query", "vars skip {query.skip}\n" + onlyIf("not vars skip 1"), atChoice, false, "a client chooses the query"},
		{"map of the query", "map {query.a} {skip} {\n1 yes\ndefault no\n}\n" + onlyIf("vars {skip} no"), atChoice, false, "a client chooses the query"},
		{"map of a header, in an expression", "map {header.X-A} {skip} {\n1 yes\ndefault no\n}\n" + onlyIf("expression `{skip} == 'no'`"), atChoice, false, "a client chooses its fields"},
		{"map of the host", "map {host} {skip} {\na.example yes\ndefault no\n}\n" + onlyIf("vars {skip} no"), "", false, "another warning: the host has a site"},
		{"map of the query for the application", "map {query.a} {a} {\ndefault 1\n}\n" + gated + "reverse_proxy 127.0.0.1:1 {\nheader_up X-A {a}\n}", "", false, "the gate is before all"},
		{"header, no proxy", "@m header X-A 1\n" + at("@m") + "file_server", "", false, "file_server switches no protocol"},
		{"one header for gate and proxy", "@m header X-A 1\n" + at("@m") + "reverse_proxy @m 127.0.0.1:1", "", false, "requests for the proxy reach the gate"},
		{"header of a proxy before the gate", "route {\n@h header X-A 1\nreverse_proxy @h 127.0.0.1:1\n" + gated + proxy + "}", atChoice, false, "a client chooses its fields"},
		{"host of another site", onlyIf("host other.example"), notFirst, false, "the site has no such host"},
		{"host in another case", onlyIf("host LOCALHOST"), "", true, "hosts have no case"},
		{"https on a site for http", onlyIf("protocol https"), notFirst, false, "no request is encrypted"},
		{"http on a site for http", onlyIf("protocol http"), "", true, "all requests are plain"},
		{"error proxy of another site", gated + proxy + "}\nhttp://b.example {\nhandle_errors {\n" + proxy + "}\n", "", false, "another site"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site, err := testsite.Provision(t, "http://localhost {\n"+c.site+"\n}")
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "Caddyfile:") {
					t.Errorf("loads with %v, want %q and a line (%s)", err, c.want, c.why)
				}
				return
			}
			if err != nil {
				t.Fatalf("%v (%s)", err, c.why)
			}
			site.Started()
			if lines := site.Logs.With(exposedMessage); (len(lines) > 0) != c.warns {
				t.Errorf("warned %v, want %t (%s)", lines, c.warns, c.why)
			} else if c.warns && !strings.Contains(lines[0]["source"].(string), "Caddyfile:") {
				t.Errorf("the warning names %v, want a line", lines[0]["source"])
			}
		})
	}
}

// The start warns of a route whose requests reach the gate only under conditions that may be intended, or never.
func TestWarnsOfRoutesPastTheGate(t *testing.T) {
	t.Parallel()
	const (
		gated      = "websocket_gate {\nroute a /ws/a/ {\nkey " + testsite.GoodKey + "\n}\n}\n"
		ofRooms    = "websocket_gate {\nroute room /ws/room/* {\nkey " + testsite.GoodKey + "\n}\n}\n"
		proxy      = "reverse_proxy 127.0.0.1:1\n"
		bypass     = "some requests for the route bypass the gate"
		prefixed   = "path of the route has a stripped prefix"
		unreached  = "no request for the route reaches the gate"
		rejected   = "another gate rejects requests for the route"
		second     = "websocket_gate {\nroute b /ws/b/ {\nkey " + testsite.OtherKey + "\n}\n}\n"
		atInternal = "@m remote_ip 10.0.0.0/8\n"
	)
	at := func(matcher string) string {
		return strings.Replace(gated, "websocket_gate ", "websocket_gate "+matcher+" ", 1)
	}
	for _, c := range []struct{ name, site, want, why string }{
		{"in front", gated + proxy, "", "the gate is before all"},
		{"address at the gate", atInternal + at("@m") + proxy, bypass, "other addresses do not reach the gate"},
		{"address of a proxy before the gate", atInternal + "route {\nreverse_proxy @m 127.0.0.1:1\n" + gated + proxy + "}", bypass, "addresses choose"},
		{"address of a proxy for other paths", "@m {\nremote_ip 10.0.0.0/8\npath /api/*\n}\nroute {\nreverse_proxy @m 127.0.0.1:1\n" + gated + proxy + "}", "", "another path"},
		{"address, no proxy", atInternal + at("@m") + "file_server", "", "file_server switches no protocol"},
		{"hosts", "@m host www.past.example\n" + at("@m") + proxy, bypass, "the site has other hosts"},
		{"response before the gate", "route {\nrespond /ws/* x\n" + gated + proxy + "}", unreached, "no socket ever opens"},
		{"files before the gate", "route {\nfile_server\n" + gated + proxy + "}", unreached, "no socket ever opens"},
		{"redirect before the gate", "route {\nredir /ws/* https://localhost{uri}\n" + gated + proxy + "}", unreached, "no socket ever opens"},
		{"response for a part of the route", "route {\nrespond /ws/room/admin/* 403\n" + ofRooms + proxy + "}", "", "it may be a fence"},
		{"regular expression of rooms", "@m path_regexp ^/ws/room/[a-z]{5}$\nhandle @m {\n" + ofRooms + proxy + "}\nrespond 404", "", "no example is a room"},
		{"two gates", gated + second + proxy, rejected, "the first gate rejects what its routes do not list"},
		{"two gates, one in a handle", gated + "handle /ws/b/* {\n" + second + proxy + "}\nhandle {\n" + proxy + "}", rejected, "the first gate is of the whole site"},
		{"two gates, the first passes", "route {\n" + strings.Replace(gated, "{\n", "{\nunlisted pass\n", 1) + second + proxy + "}", "", "each gate has its routes"},
		{"two gates for one path", "route {\n" + gated + strings.Replace(gated, "{\nkey", "{\ncredential header X-Key\nkey", 1) + proxy + "}", "", "a client may have both keys"},
		{"rewrite of all paths", "route {\nrewrite * /index.php\n" + gated + proxy + "}", unreached, "the gate sees /index.php"},
		{"rewrite of other paths", "route {\nrewrite /old/* /index.php\n" + gated + proxy + "}", "", "the route keeps its path"},
		{"rewrite to the route", "route {\nrewrite * /ws/a/\n" + gated + proxy + "}", "", "the gate sees its route"},
		{"files with a fallback", "route {\ntry_files {path} /index.html\n" + gated + proxy + "}", unreached, "the gate sees /index.html"},
		{"files with a fallback, as a matcher", "route {\n@f file {path} index.html\nrewrite @f {file_match.relative}\n" + gated + proxy + "}", unreached, "the gate sees /index.html"},
		{"files without a fallback", "route {\ntry_files {path} {path}.html\n" + gated + proxy + "}", "", "no file has the route's path"},
		{"prefix", "handle_path /app/* {\n" + gated + proxy + "}", "", "the gate sees the path without the prefix"},
		{"prefix in the path of the route", "handle_path /ws/* {\n" + gated + proxy + "}", prefixed, "the gate sees /a/"},
		{"prefix of all paths", "route {\nuri strip_prefix /ws\n" + gated + proxy + "}", prefixed, "the gate sees /a/"},
		{"prefix of other paths", "uri /ws/b/* strip_prefix /ws\n" + gated + proxy, "", "the route keeps its path"},
		{"in a handle that is never reached", "handle {\nrespond 404\n}\nhandle {\n" + gated + proxy + "}", unreached, "the first handle takes all"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site, err := testsite.Provision(t, "http://past.example, http://www.past.example {\n"+c.site+"\n}")
			if err != nil {
				t.Fatalf("%v (%s)", err, c.why)
			}
			site.Started()
			for _, message := range []string{bypass, unreached, rejected, prefixed} {
				lines := site.Logs.With(message)
				if (len(lines) > 0) != (c.want == message) {
					t.Errorf("logged %q: %v, want %q (%s)", message, lines, c.want, c.why)
				} else if len(lines) > 0 && !strings.Contains(lines[0]["source"].(string), "Caddyfile:") {
					t.Errorf("the warning names %v, want a line", lines[0]["source"])
				}
			}
			if c.want != "" && len(site.Logs.With(exposedMessage)) > 0 {
				t.Errorf("warned of other paths too (%s)", c.why)
			}
		})
	}
}

// The start warns if a request that the gate passes can get the path of a route behind the gate.
func TestWarnsOfRewritesBehindTheGate(t *testing.T) {
	t.Parallel()
	const (
		message = "rewrites behind unlisted pass may open routes"
		gated   = "websocket_gate {\nunlisted pass\nroute a /ws/a/ {\nkey " + testsite.GoodKey + "\n}\nroute room /rooms/* {\nkey " + testsite.OtherKey + "\n}\n}\n"
		proxy   = "reverse_proxy 127.0.0.1:1\n"
	)
	for _, c := range []struct {
		name, site string
		warns      bool
		why        string
	}{
		{"no rewrite", gated + proxy, false, "paths stay as they are"},
		{"to a route", gated + "rewrite /open/* /ws/a/\n" + proxy, true, "the application gets the path of the route"},
		{"below a route", gated + "rewrite /open/* /rooms/1\n" + proxy, true, "the application gets the path of the route"},
		{"by the proxy", gated + "reverse_proxy /open/* 127.0.0.1:1 {\nrewrite /ws/a/\n}\n" + proxy, true, "the proxy rewrites too"},
		{"by replacement", gated + "uri replace /live/ /ws/\n" + proxy, true, "/live/a/ is the path of the route"},
		{"by regular expression", gated + "uri path_regexp ^/live/ /ws/\n" + proxy, true, "/live/a/ is the path of the route"},
		{"by a suffix", gated + "uri strip_suffix x\n" + proxy, true, "/rooms/a is of the route, /roomsx is not"},
		{"prefix added", gated + "handle_path /ws2/* {\nrewrite * /ws{uri}\n" + proxy + "}\n" + proxy, true, "/ws2/a/ is the path of the route"},
		{"another prefix added", gated + "rewrite * /app{uri}\n" + proxy, false, "no route begins so"},
		{"a prefix removed", gated + "handle_path /x/* {\n" + proxy + "}", false, "the gate rejects /x/ws/a/"},
		{"to a page", gated + "rewrite * /index.html\n" + proxy, false, "the page is no route"},
		{"to a query", gated + "rewrite * {path}?a=1\n" + proxy, false, "the path stays"},
		{"files", gated + "handle {\ntry_files {path} /index.html\n" + proxy + "}", false, "a file is no route"},
		{"no proxy", gated + "handle /open/* {\nrewrite * /ws/a/\nfile_server\n}\nhandle {\n" + proxy + "}", false, "file_server switches no protocol"},
		{"before the gate", "route {\nrewrite /open/* /ws/a/\n" + gated + proxy + "}", false, "the gate gets the path of the route"},
		{"unlisted refuse", strings.Replace(gated, "pass", "refuse", 1) + "rewrite /open/* /ws/a/\n" + proxy, false, "/open/x is rejected"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site, err := testsite.Provision(t, "http://behind.example {\n"+c.site+"\n}")
			if err != nil {
				t.Fatalf("%v (%s)", err, c.why)
			}
			site.Started()
			if lines := site.Logs.With(message); (len(lines) > 0) != c.warns {
				t.Errorf("warned %v, want %t (%s)", lines, c.warns, c.why)
			} else if c.warns && !strings.Contains(lines[0]["source"].(string), "Caddyfile:") {
				t.Errorf("the warning names %v, want a line", lines[0]["source"])
			}
		})
	}
}

// An admitted handshake that fails reaches handle_errors as plain HTTP, so no error route can open a socket.
func TestErrorRoutesGetNoHandshake(t *testing.T) {
	t.Parallel()
	site := testsite.Start(t, `
		http://localhost
		websocket_gate {
			route a /ws/a/ {
				key `+testsite.GoodKey+`
			}
		}
		reverse_proxy 127.0.0.1:1
		handle_errors {
			respond "{http.request.header.Upgrade}{http.request.header.Connection} {err.status_code}" 502
		}`)
	response := testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade))
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusBadGateway || string(body) != " 502" {
		t.Errorf("%s %q, want an error page without Upgrade", response.Status, body)
	}
}

// An error route with header_up -Upgrade opens no socket for a handshake that failed before the gate.
func TestErrorProxyWithoutUpgradeOpensNoSocket(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	site := testsite.Start(t, fmt.Sprintf(`
		http://localhost
		route {
			error /ws/b/* 421
			websocket_gate {
				route a /ws/a/ {
					key %s
				}
			}
			reverse_proxy %s
		}
		handle_errors {
			reverse_proxy %s {
				header_up -Upgrade
			}
		}`, testsite.GoodKey, app.Addr, app.Addr))
	response := testsite.Exchange(t, site.Addr, testsite.Get("/ws/b/", testsite.Upgrade))
	if body, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK || string(body) != "plain" {
		t.Errorf("%s %q, want the page of the application", response.Status, body)
	}
	testsite.OverHTTP3(t, site)(t, "/ws/b/", "websocket", nil).Close() // a response without a tunnel
	seen := app.Seen()
	if len(seen) != 2 {
		t.Errorf("the application got %d requests, want 2", len(seen))
	}
	for _, request := range seen {
		if request.Header.Get("Upgrade") != "" {
			t.Errorf("the application got a handshake: %v", request.Header)
		}
	}
}

// A rejected handshake is plain HTTP for an intercept around the gate, whose error page comes from a proxy.
func TestInterceptedRejectionOpensNoSocket(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	site := testsite.Start(t, fmt.Sprintf(`
		http://localhost
		route {
			intercept {
				handle_response {
					header -Content-Length # of the rejection
					reverse_proxy %[2]s
				}
			}
			websocket_gate {
				route a /ws/a/ {
					key %[1]s
				}
			}
			reverse_proxy %[2]s
		}`, testsite.GoodKey, app.Addr))
	for _, path := range []string{"/ws/a/", "/ws/b/", "/ws/a/?key=" + testsite.OtherKey} {
		response := testsite.Exchange(t, site.Addr, testsite.Get(path, testsite.Upgrade))
		if body, _ := io.ReadAll(response.Body); response.StatusCode == http.StatusSwitchingProtocols || string(body) != "plain" {
			t.Errorf("%s: %s %q, want the page of the application", path, response.Status, body)
		}
		testsite.OverHTTP3(t, site)(t, path, "websocket", nil).Close()
	}
	seen := app.Seen()
	if len(seen) != 6 {
		t.Errorf("the application got %d requests, want 6", len(seen))
	}
	for _, request := range seen {
		if request.Header.Get("Upgrade") != "" {
			t.Errorf("the application got a handshake: %v", request.Header)
		}
	}
}

// The start warns of another site that opens sockets to the same application without a gate.
func TestWarnsOfOtherSitesToTheUpstream(t *testing.T) {
	t.Setenv("USHER_TEST_UPSTREAM", "127.0.0.1:1")
	const (
		message = "another site opens sockets to this upstream"
		gated   = "websocket_gate {\nroute a /ws/a/ {\nkey " + testsite.GoodKey + "\n}\n}\n"
		proxy   = "reverse_proxy 127.0.0.1:1\n"
		tunnel  = "websocket_tunnel 127.0.0.1:1\n"
	)
	for _, c := range []struct {
		name, site, other, address, why string
		warns                           bool
	}{
		{"every host", gated + proxy, proxy, "http://", "a client chooses the Host field", true},
		{"another port", gated + proxy, proxy, "http://localhost:81", "the gate's host, without the gate", true},
		{"another host", gated + proxy, proxy, "http://other.example", "a client chooses the Host field", true},
		{"in a handle", gated + proxy, "handle /api/* {\n" + proxy + "}\nrespond 404", "http://other.example", "a part of the site", true},
		{"tunnels", gated + tunnel, tunnel, "http://other.example", "a tunnel is a proxy", true},
		{"tunnel and proxy", gated + tunnel + "reverse_proxy 127.0.0.1:2", proxy, "http://other.example", "the application of the sockets", true},
		{"unix sockets", gated + "websocket_tunnel unix//run/a.sock", "reverse_proxy unix//run/a.sock", "http://other.example", "an address like others", true},
		{"error route", gated + proxy, "respond 404\nhandle_errors {\n" + proxy + "}", "http://other.example:81", "an error route is a route", true},
		{"error route of this server", gated + proxy, "error 500\nhandle_errors {\n" + proxy + "}", "http://other.example", "an error route is a route", true},
		{"another name of the machine", gated + proxy, "reverse_proxy localhost:1", "http://other.example", "localhost is 127.0.0.1", true},
		{"another address of the machine", gated + "reverse_proxy localhost:1", "reverse_proxy [::1]:1", "http://other.example", "localhost may be ::1", true},
		{"mapped address", gated + proxy, "reverse_proxy [::ffff:127.0.0.1]:1", "http://other.example", "an IPv4 address in IPv6", true},
		{"name with a dot at its end", gated + proxy, "reverse_proxy localhost.:1", "http://other.example", "the dot is the root of names", true},
		{"long address", gated + "reverse_proxy [2001:db8::1]:1", "reverse_proxy [2001:DB8:0::1]:1", "http://other.example", "an address has many spellings", true},
		{"no host", gated + proxy, "reverse_proxy :1", "http://other.example", "no host is localhost", true},
		{"placeholder", gated + proxy, "reverse_proxy {env.USHER_TEST_UPSTREAM}", "http://other.example", "its value is the address", true},
		{"looked up", gated + proxy, "reverse_proxy {\ndynamic a 127.0.0.1 1\n}", "http://other.example", "the name of the upstream", true},
		{"unix sockets, written otherwise", gated + "reverse_proxy unix//run/a.sock", "reverse_proxy unix///run/a.sock", "http://other.example", "one file", true},
		{"looked up elsewhere", gated + proxy, "reverse_proxy {\ndynamic a app.internal 1\n}", "http://other.example", "another machine", false},
		{"another gate", gated + proxy, strings.Replace(gated, "key ", "credential header X-Key\nkey ", 1) + proxy, "http://other.example", "it has a gate", false},
		{"another upstream", gated + proxy, "reverse_proxy 127.0.0.1:2", "http://", "another application", false},
		{"without Upgrade", gated + proxy, "reverse_proxy 127.0.0.1:1 {\nheader_up -Upgrade\n}", "http://", "it sends no handshake", false},
		{"without Up*", gated + proxy, "reverse_proxy 127.0.0.1:1 {\nheader_up -Up*\n}", "http://", "it sends no handshake", false},
		{"h2c", gated + proxy, "reverse_proxy h2c://127.0.0.1:1", "http://", "HTTP/2 has no Upgrade", false},
		{"redirect", gated + proxy, "redir https://localhost{uri}", "http://", "no proxy", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := testsite.Start(t, "http://localhost {\n"+c.site+"\n}\n"+c.address+" {\n"+c.other+"\n}")
			lines := site.Logs.With(message)
			if (len(lines) > 0) != c.warns {
				t.Errorf("warned %v, want %t (%s)", lines, c.warns, c.why)
			} else if c.warns && !strings.Contains(lines[0]["source"].(string), "Caddyfile:") {
				t.Errorf("the warning names %v, want a line", lines[0]["source"])
			}
		})
	}
}
