//go:build unix

package usher

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

// debugSite has, behind a gate and around one, every handler of Caddy that logs requests or changes what others log.
const debugSite = `{
	admin ADMIN
	persist_config off
	debug
}
http://localhost:PORT {
	bind 127.0.0.1
	log
	websocket_gate {
		route a /ws/a/* {
			key {env.DEBUG_A}
			` + everywhere + `
		}
		route b /ws/b/ {
			key {env.DEBUG_B}
			upstream_credential header X-Upstream {env.DEBUG_UPSTREAM}
		}
	}
	encode
	handle_path /ws/a/stripped/* {
		reverse_proxy APPLICATION
	}
	handle /ws/a/rewritten/ {
		rewrite * /rewritten/?{query}&again={query.key}
		reverse_proxy APPLICATION
	}
	handle /ws/a/moved/ {
		rewrite * /moved/{query.key}/
		reverse_proxy APPLICATION
	}
	handle /ws/a/uri/ {
		uri query other 1
		uri path_regexp /uri /other
		reverse_proxy APPLICATION
	}
	handle /ws/a/files/ {
		root * /nowhere
		try_files {path} /index.html
		reverse_proxy APPLICATION
	}
	handle /ws/a/auth/ {
		forward_auth APPLICATION {
			uri /auth
			copy_headers X-Nothing
		}
		reverse_proxy APPLICATION
	}
	handle /ws/a/retried/ {
		reverse_proxy 127.0.0.1:1 APPLICATION {
			lb_policy first
			lb_retries 1
			fail_duration 1m
			header_up X-Copy {header.X-Api-Key}
		}
	}
	handle /ws/a/dead/ {
		intercept {
			@failed status 5xx
			handle_response @failed {
				respond 503
			}
		}
		reverse_proxy 127.0.0.1:1
	}
	reverse_proxy APPLICATION
	handle_errors 502 {
		rewrite * /error?{query}
		respond "the application is not there"
	}
}
http://inner.localhost:PORT {
	bind 127.0.0.1
	log
	handle_path /app/* {
		websocket_gate {
			route c /ws/a/* {
				key {env.DEBUG_A}
				` + everywhere + `
			}
		}
		reverse_proxy APPLICATION
	}
}`

const upstreamSecret = "what-the-application-gets-0123"

// With a key in every place where one may stand, and behind every handler that logs at DEBUG: the application gets it, no line shows it.
func TestDebugShowsNoCredential(t *testing.T) {
	t.Parallel()
	app := startApplication(t)
	p := &caddyProcess{addr: freeAddress(t), admin: freeAddress(t), hasStopped: make(chan error, 1)}
	_, port, _ := net.SplitHostPort(p.addr)
	p.config = func(string) string {
		return strings.NewReplacer("PORT", port, "ADMIN", p.admin, "APPLICATION", app.Addr).Replace(debugSite)
	}
	p.run(t, p.adapted(t, ""), "DEBUG_A="+goodKey, "DEBUG_B="+otherKey, "DEBUG_UPSTREAM="+upstreamSecret)

	encoded := base64.RawURLEncoding.EncodeToString([]byte(goodKey))
	places := []struct{ name, query, headers string }{
		{"query", "key=" + goodKey, ""},
		{"header", "", "X-Api-Key: " + goodKey + "\r\n"},
		{"cookie", "", "Cookie: key=" + goodKey + "; other=1\r\n"},
		{"bearer", "", "Authorization: Bearer " + goodKey + "\r\n"},
		{"subprotocol", "", "Sec-WebSocket-Protocol: app.v1, key." + encoded + "\r\n"},
		{"referer", "key=" + goodKey, "Referer: http://localhost/page?key=" + goodKey + "\r\n"},
	}
	for _, path := range []string{"plain/", "stripped/x", "rewritten/", "moved/", "uri/", "files/", "auth/", "retried/", "dead/", "inner/"} {
		for _, place := range places {
			raw := get("/ws/a/"+path+"?"+place.query, upgrade+place.headers)
			if path == "inner/" {
				raw = strings.Replace(get("/app/ws/a/?"+place.query, upgrade+place.headers), "Host: localhost", "Host: inner.localhost", 1)
			}
			want := http.StatusSwitchingProtocols
			if path == "dead/" {
				want = http.StatusBadGateway
			}
			if path == "auth/" {
				app.Answer(answersAuth)
			}
			if response := exchange(t, p.addr, raw); response.StatusCode != want {
				t.Errorf("%s with a key in %s: %s", path, place.name, response.Status)
			}
			if seen := shown(app.Seen()); want == 101 && !strings.Contains(seen, goodKey) && !strings.Contains(seen, encoded) {
				t.Errorf("%s with a key in %s: the application was sent no key", path, place.name)
			}
		}
	}
	if response := exchange(t, p.addr, get("/ws/b/?key="+otherKey, upgrade)); response.StatusCode != 101 {
		t.Errorf("with a key of its own: %s", response.Status)
	}
	if seen := app.Seen(); len(seen) != 1 || seen[0].Header.Get("X-Upstream") != upstreamSecret {
		t.Error("the application was not sent its key")
	}
	p.stop(t)
	if strings.Contains(p.errors.String(), "DATA RACE") {
		t.Errorf("a race:\n%s", p.errors.String())
	}
	for line := range strings.SplitSeq(p.errors.String(), "\n") {
		for _, secret := range []string{goodKey, encoded, otherKey, upstreamSecret} {
			var entry struct{ Logger, Msg string }
			if strings.Contains(line, secret) && json.Unmarshal([]byte(line), &entry) == nil {
				t.Errorf("%s: %q shows a key: %s", entry.Logger, entry.Msg, line)
			}
		}
	}
	for _, line := range []string{
		`"upstream roundtrip"`, `"rewrote request"`, `"upgrading connection"`, `"connection closed"`, `"handling response"`, `"handled request"`,
		`"logger":"http.log.error`, `"X-Forwarded-Uri":["REDACTED"]`, `"X-Copy":["REDACTED"]`, `/moved/REDACTED/`, `"uri":"/ws/a/?key=REDACTED"`,
		`"X-Upstream":["REDACTED"]`,
	} {
		if !strings.Contains(p.errors.String(), line) {
			t.Errorf("the log lacks %s", line)
		}
	}
}

// So it is where the gate is loaded after the handlers that log: invoked by a site, or behind a proxy in a route of its own.
func TestDebugShowsNoCredentialOfLoadedHandlers(t *testing.T) {
	t.Parallel()
	app := startApplication(t)
	gated := "websocket_gate {\nroute a /ws/a/ {\nkey {env.USHER_TEST_LOADED}\ncredential query key\ncredential header X-Api-Key\n}\n}\n"
	for name, caddyfile := range map[string]string{
		"invoked": "http://localhost {\ninvoke gated\nroute {\nuri query other 1\nreverse_proxy APPLICATION\n}\n}\n&(gated) {\n" + gated + "}",
		"before": "http://localhost {\nroute {\nforward_auth /ws/* APPLICATION {\nuri /auth\n}\n" + gated +
			"reverse_proxy APPLICATION\n}\n}",
	} {
		app.Answer(answersAuth)
		words := strings.NewReplacer("APPLICATION", app.Addr, "{env.USHER_TEST_LOADED}", fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(goodKey))))
		site := startSite(t, words.Replace(caddyfile))
		for _, request := range []string{
			get("/ws/a/?key="+goodKey, upgrade), get("/ws/a/", upgrade+"X-Api-Key: "+goodKey+"\r\n"), get("/page?key="+goodKey, ""),
		} {
			app.Seen()
			exchange(t, site.Addr, request)
			if seen := shown(app.Seen()); !strings.Contains(seen, goodKey) {
				t.Errorf("%s: the application was sent no key: %s", name, seen)
			}
		}
		eventually(t, "the proxy's lines", func() bool { return len(site.Logs.With("upstream roundtrip")) >= 3 })
		if strings.Contains(site.Logs.String(), goodKey) {
			t.Errorf("%s: the log shows the key: %s", name, lineWith(site.Logs, goodKey))
		}
	}
}

func shown(requests []*http.Request) (all string) {
	for _, r := range requests {
		all += fmt.Sprintln(r.RequestURI, r.Header)
	}
	return all
}

// answersAuth lets forward_auth pass.
func answersAuth(w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path != "/auth" {
		return false
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}
