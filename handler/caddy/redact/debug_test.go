package redact_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
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

// debugSite has a gate, and before and behind the gate every handler of Caddy that logs requests or changes log lines.
const debugSite = `{
	log {
		level DEBUG
		format websocket_keys {
			wrap json
		}
	}
}
http://localhost {
	log {
		format websocket_keys
	}
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
http://inner.localhost {
	log {
		format websocket_keys
	}
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

// The test sends a key in every possible place, with every handler that logs at DEBUG. The application gets the key, and no line shows it.
func TestEncoderRemovesCredentials(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	site := testsite.Start(t, strings.ReplaceAll(debugSite, "APPLICATION", app.Addr))
	encoded := base64.RawURLEncoding.EncodeToString([]byte(testsite.GoodKey))
	places := []struct{ name, query, headers string }{
		{"query", "key=" + testsite.GoodKey, ""},
		{"header", "", "X-Api-Key: " + testsite.GoodKey + "\r\n"},
		{"cookie", "", "Cookie: key=" + testsite.GoodKey + "; other=1\r\n"},
		{"bearer", "", "Authorization: Bearer " + testsite.GoodKey + "\r\n"},
		{"subprotocol", "", "Sec-WebSocket-Protocol: app.v1, key." + encoded + "\r\n"},
		{"referer", "key=" + testsite.GoodKey, "Referer: http://localhost/page?key=" + testsite.GoodKey + "\r\n"},
	}
	for _, path := range []string{"plain/", "stripped/x", "rewritten/", "moved/", "uri/", "files/", "auth/", "retried/", "dead/", "inner/"} {
		for _, place := range places {
			raw := testsite.Get("/ws/a/"+path+"?"+place.query, testsite.Upgrade+place.headers)
			if path == "inner/" {
				raw = strings.Replace(testsite.Get("/app/ws/a/?"+place.query, testsite.Upgrade+place.headers), "Host: localhost", "Host: inner.localhost", 1)
			}
			want := http.StatusSwitchingProtocols
			if path == "dead/" {
				want = http.StatusBadGateway
			}
			if path == "auth/" {
				app.Answer(answersAuth)
			}
			if response := testsite.Exchange(t, site.Addr, raw); response.StatusCode != want {
				t.Errorf("%s with a key in %s: %s", path, place.name, response.Status)
			}
			if seen := shown(app.Seen()); want == 101 && !strings.Contains(seen, testsite.GoodKey) && !strings.Contains(seen, encoded) {
				t.Errorf("%s with a key in %s: the application got no key", path, place.name)
			}
		}
	}
	if response := testsite.Exchange(t, site.Addr, testsite.Get("/ws/b/?key="+testsite.OtherKey, testsite.Upgrade)); response.StatusCode != 101 {
		t.Errorf("with a key of its own: %s", response.Status)
	}
	if seen := app.Seen(); len(seen) != 1 || seen[0].Header.Get("X-Upstream") != upstreamSecret {
		t.Error("the application did not get its key")
	}
	site.Unload()
	for line := range strings.SplitSeq(site.Logs.String(), "\n") {
		for _, secret := range []string{testsite.GoodKey, encoded, testsite.OtherKey, upstreamSecret} {
			var entry struct{ Logger, Msg string }
			if strings.Contains(line, secret) && json.Unmarshal([]byte(line), &entry) == nil {
				t.Errorf("%s: %q shows a key: %s", entry.Logger, entry.Msg, line)
			}
		}
	}
	if lines := site.Logs.With("loggers show credentials at level DEBUG"); len(lines) != 0 {
		t.Errorf("start warns of %v", lines)
	}
	for _, line := range []string{
		`"upstream roundtrip"`, `"rewrote request"`, `"upgrading connection"`, `"connection closed"`, `"handling response"`, `"handled request"`,
		`"logger":"http.log.error`, `"X-Forwarded-Uri":["/ws/a/auth/?key=REDACTED"]`, `"X-Copy":["REDACTED"]`, `/moved/REDACTED/`, `"uri":"/ws/a/?key=REDACTED"`,
		`"X-Upstream":["REDACTED"]`,
	} {
		if !strings.Contains(site.Logs.String(), line) {
			t.Errorf("the log lacks %s", line)
		}
	}
}

func init() {
	os.Setenv("DEBUG_A", testsite.GoodKey)
	os.Setenv("DEBUG_B", testsite.OtherKey)
	os.Setenv("DEBUG_UPSTREAM", upstreamSecret)
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
