package websocketgate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/websocketgate"
	"github.com/scan2food/usher/internal/testsite"
)

// Weak keys are logged when the configuration loads, with file and line, and without the key.
func TestWarnings(t *testing.T) {
	t.Setenv("USHER_TEST_WARNED", "one-key-from-outside")
	t.Setenv("USHER_TEST_PLUS", "a+key+of-base64+and/so=")
	for _, c := range []struct {
		name, routes string
		want         []string // parts of one line; none: no warning
		why          string
	}{
		{"placeholder", `route a /ws/a/ {
			key {env.USHER_TEST_WARNED}
		}`, nil, "no warning"},
		{"digest", `route a /ws/a/ {
			key sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
		}`, nil, "a digest is not secret"},
		{"literal", `route a /ws/a/ {
			key a-key-that-is-literal label
		}`, []string{"literal key in configuration; use a placeholder", `"route":"a"`, `"key":"label"`, "Caddyfile:4"}, "backups of the Caddyfile contain the key"},
		{"shared", `route a /ws/a/ {
			key {env.USHER_TEST_WARNED} first
		}
		route b /ws/b/ {
			key {env.USHER_TEST_WARNED}
		}`, []string{"same key opens two routes", "first of route a and b of route b", "Caddyfile:4", "Caddyfile:7"},
			"a client of one route can open the other"},
		{"plus", `route a /ws/a/ {
			key {env.USHER_TEST_PLUS}
		}`, []string{"key contains +", `"key":"a"`, "Caddyfile:4"}, "a form parser reads it as a space"},
		{"one label", `route a /ws/a/ {
			key {env.USHER_TEST_WARNED} same
			key {env.USHER_TEST_PLUS} same
			credential header X-Api-Key
		}`, []string{"two keys have one label", `"route":"a"`, `"key":"same"`, "Caddyfile:4"}, "logs cannot tell the keys apart"},
		{"expired", `route a /ws/a/ {
			key {env.USHER_TEST_WARNED} first until 2020-01-01T00:00:00Z
			key {env.USHER_TEST_PLUS} second from 2020-01-01T00:00:00Z until 2021-01-01T00:00:00Z
			credential header X-Api-Key
		}`, []string{"all keys of the route have expired", `"route":"a"`, "Caddyfile:3"}, "no client can open the route"},
		{"not valid yet", `route a /ws/a/ {
			key {env.USHER_TEST_WARNED} first until 2020-01-01T00:00:00Z
			key {env.USHER_TEST_PLUS} second from 2120-01-01T00:00:00Z
			credential header X-Api-Key
		}`, []string{"no key of the route is valid yet", `"route":"a"`, "Caddyfile:3"}, "no client can open the route today"},
		{"not all expired", `route a /ws/a/ {
			key {env.USHER_TEST_WARNED} first until 2020-01-01T00:00:00Z
			key {env.USHER_TEST_PLUS} second from 2020-01-01T00:00:00Z
			credential header X-Api-Key
		}`, nil, "one is valid"},
		{"plus in a header", `route a /ws/a/ {
			key {env.USHER_TEST_PLUS}
			credential header X-Api-Key
			hide_credentials
		}`, nil, "a + is a + there"},
	} {
		site, err := testsite.Provision(t, "http://localhost\nwebsocket_gate {\n\t\t"+c.routes+"\n}")
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		site.Unload()
		var warnings []string
		for _, line := range strings.Split(site.Logs.String(), "\n") {
			if strings.Contains(line, `"level":"warn"`) && strings.Contains(line, "http.handlers.websocket_gate") {
				warnings = append(warnings, line)
			}
		}
		if len(warnings) != min(len(c.want), 1) {
			t.Errorf("%s: warned %q (%s)", c.name, warnings, c.why)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(warnings[0], want) {
				t.Errorf("%s: warned %s, which lacks %q (%s)", c.name, warnings[0], want, c.why)
			}
		}
		for _, secret := range []string{"one-key-from-outside", "a+key", "literal-key", "a-key-that-is-literal"} {
			if strings.Contains(site.Logs.String(), secret) {
				t.Errorf("%s: the log shows the key", c.name)
			}
		}
	}
}

// Handlers of Caddy that log credentials at DEBUG are named in a WARN at the start, and no other handlers.
func TestWarnsOfDebugLogs(t *testing.T) {
	t.Parallel()
	const (
		gated = "websocket_gate {\nroute a /ws/a/ {\nkey {env.USHER_TEST_WARNED}\ncredential header X-Api-Key\n}\n}\n"
		proxy = "reverse_proxy 127.0.0.1:1\n"
	)
	const encoded = "log {\nlevel DEBUG\nformat websocket_keys\n}\n"
	logsByName := map[string]string{
		"at INFO":                        "log {\nlevel INFO\nformat json\n}",
		"websocket_keys":                 encoded,
		"websocket_keys around a filter": "log {\nlevel DEBUG\nformat websocket_keys {\nwrap filter {\nwrap json\na>b delete\n}\n}\n}",
		"websocket_keys in a filter":     "log {\nlevel DEBUG\nformat filter {\nwrap websocket_keys\na>b delete\n}\n}",
		"another log at DEBUG":           encoded + "log other {\nlevel DEBUG\nformat json\n}",
		"another log at INFO":            encoded + "log other {\nlevel INFO\nformat json\n}",
	}
	hiding := strings.Replace(gated, "X-Api-Key", "X-Api-Key\nhide_credentials", 1)
	for _, c := range []struct{ name, site, want, why string }{
		{"reverse_proxy", gated + proxy, "http.handlers.reverse_proxy", "it is sent the key"},
		{"hidden", hiding + proxy, "", "it is sent no key"},
		{"rewrite and proxy", gated + "uri strip_prefix /x\n" + proxy, "http.handlers.rewrite http.handlers.reverse_proxy", "both see the key"},
		{"rewrite, hidden", hiding + "uri strip_prefix /x\n" + proxy, "", "the gate is before the rewrite"},
		{"rewrite before the gate", "route {\nuri strip_prefix /x\n" + hiding + "}", "http.handlers.rewrite", "the credential is not yet removed"},
		{"handle_path around the gate", "handle_path /x/* {\n" + hiding + proxy + "}", "http.handlers.rewrite", "handle_path is a rewrite"},
		{"proxy before the gate", "route {\nforward_auth 127.0.0.1:1 {\nuri /\n}\n" + hiding + "}", "http.handlers.reverse_proxy",
			"the credential is not yet removed"},
		{"tunnel", gated + "websocket_tunnel 127.0.0.1:1\n" + proxy, "", "the tunnel takes every admitted handshake"},
		{"tunnel for some paths", gated + "websocket_tunnel /ws/a/x 127.0.0.1:1\n" + proxy, "http.handlers.reverse_proxy",
			"the proxy takes the others"},
		{"tunnel in a handle", "route {\n" + gated + "handle /x/* {\nwebsocket_tunnel 127.0.0.1:1\n}\n" + proxy + "}", "http.handlers.reverse_proxy",
			"the proxy takes what the handle does not"},
		{"named route", "invoke gated\n" + proxy + "}\n&(gated) {\n" + hiding, "http.handlers.reverse_proxy", "the order is not known"},
		{"FastCGI", gated + "php_fastcgi 127.0.0.1:1", "http.handlers.rewrite http.handlers.reverse_proxy http.reverse_proxy.transport.fastcgi",
			"it logs its parameters too"},
		{"excluded", "handle /x/* {\n" + proxy + "}\nhandle {\n" + gated + "}", "", "no request reaches both"},
		{"other site", gated + "}\nhttp://127.0.0.1 {\n" + proxy, "", "no request of this site reaches it"},
		{"at INFO", gated + proxy, "", "it logs no request"},
		{"websocket_keys", gated + proxy, "", "the log shows no credential"},
		{"websocket_keys around a filter", gated + proxy, "", "the filter is inside"},
		{"websocket_keys in a filter", gated + proxy, "", "the filter is outside"},
		{"another log at DEBUG", gated + proxy, "http.handlers.reverse_proxy", "the other log shows the key"},
		{"another log at INFO", gated + proxy, "", "the other log has no such line"},
	} {
		caddyfile := "http://localhost {\n" + c.site + "\n}"
		if logs, ok := logsByName[c.name]; ok {
			caddyfile = "{\n" + logs + "\n}\n" + caddyfile
		}
		site := testsite.Start(t, strings.Replace(caddyfile, "{env.USHER_TEST_WARNED}", testsite.GoodKey, 1))
		lines := site.Logs.With("loggers show credentials at level DEBUG")
		warned := ""
		if len(lines) > 0 { // each log has the line
			warned = strings.Trim(fmt.Sprint(lines[0]["loggers"]), "[]")
		}
		if warned != c.want {
			t.Errorf("%s: warned of %q, want %q (%s)", c.name, warned, c.want, c.why)
		}
		site.Unload()
	}
}

// The start warns of a limit per client on a unix socket, as all servers of this harness have.
func TestWarnsOfClientsOfUnixSockets(t *testing.T) {
	t.Parallel()
	for limit, warns := range map[string]bool{"max_open 9 per_client 1": true, "max_open 9": false} {
		site, err := testsite.Provision(t, "http://localhost {\nwebsocket_gate {\nroute a /ws/a/ {\nkey "+testsite.GoodKey+"\n"+limit+"\n}\n}\n}")
		if err != nil {
			t.Fatal(err)
		}
		site.Started()
		if lines := site.Logs.With("all clients of unix sockets count as one"); (len(lines) > 0) != warns {
			t.Errorf("%s: warned %v, want %t", limit, lines, warns)
		} else if warns && !strings.Contains(lines[0]["source"].(string), "Caddyfile:") {
			t.Errorf("%s: the warning names %v, want a line", limit, lines[0]["source"])
		}
		site.Unload()
	}
	for _, c := range []struct {
		listen  []string
		trusted bool
		want    bool
		why     string
	}{
		{[]string{"unix//run/a.sock"}, false, true, "clients have no address"},
		{[]string{"127.0.0.1:443", "unix//run/a.sock|0222"}, false, true, "clients of the unix socket have no address"},
		{[]string{"unix//run/a.sock"}, true, false, "the address is in X-Forwarded-For"},
		{[]string{":443"}, false, false, "clients have addresses"},
	} {
		if got := websocketgate.HidesClients(&caddyhttp.Server{Listen: c.listen, TrustedProxiesUnix: c.trusted}); got != c.want {
			t.Errorf("HidesClients(%q, %t) = %t, want %t (%s)", c.listen, c.trusted, got, c.want, c.why)
		}
	}
}

// A min_generation that has no effect is logged at the start, with its line.
func TestWarnsOfGenerations(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"main.js": "1"})
	const assets = "versioned_assets {\nserve /static/ %s\n%s\n}\n"
	for _, c := range []struct{ name, word, assets, want, why string }{
		{"stamped", "min_generation current", fmt.Sprintf(assets, root, "stamp html"), "", "pages carry their generation"},
		{"not stamped", "min_generation previous", fmt.Sprintf(assets, root, "stamp css"), "Caddyfile:3", "pages carry no generation"},
		{"no assets", "min_generation current", "", "Caddyfile:3", "there is no generation"},
		{"not wanted", "", "", "", "no route checks the generation"},
	} {
		site := testsite.Start(t, "http://localhost {\nwebsocket_gate {\nroute a /ws/a/ {\nkey "+testsite.GoodKey+"\n"+c.word+"\n}\n}\n"+c.assets+"}")
		warned := ""
		for _, line := range site.Logs.With("min_generation has no effect; pages carry no generation") {
			warned += fmt.Sprint(line["source"])
		}
		if !strings.HasSuffix(warned, c.want) || (warned == "") != (c.want == "") {
			t.Errorf("%s: logged %q, want %q (%s)", c.name, warned, c.want, c.why)
		}
		site.Unload()
	}
}
